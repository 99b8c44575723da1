"""What followed the last tokens wherever they stood before, mixed into each prediction.

Owns the search and the mixing. May import `tokens`. Start at `mixing.mixed`.
"""
