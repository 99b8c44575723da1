"""What looks like a secret, and a text without it.

Owns the rules. May import nothing of the project. Start at `masked`.
"""
