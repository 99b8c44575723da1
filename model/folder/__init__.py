"""Model folders: what lies in them, checked before it is believed.

Owns their files, sizes, three dialects and their weights. May import `completer` and `errors`.
Start at `folder` and `weights.load_tensors`.
"""
