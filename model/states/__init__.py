"""States by the tokens that led to them, in memory and on the disk, bounded in bytes.

Owns which are kept and what a file of one is. May import `networks`, `folder` and `tokens`.
Start at `checkpoints.Checkpoints`.
"""
