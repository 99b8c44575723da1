"""What became of suggestions, and what a session cost.

Owns the counts and the days. May import `edit` and `client`. Start at `offers` and `ledger`.
"""
