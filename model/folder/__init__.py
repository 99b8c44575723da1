"""Model folders: what lies in them, checked before it is believed.

Owns their files, sizes, three dialects and their weights. May import `completer` and `errors`.
Start at `files` and `weights.load_tensors`.
"""
