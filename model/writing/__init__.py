"""From a state to new text, token by token.

Owns the loop, the choice of tokens and drafts. May import `reading` and what is below.
Start at `decoder.Decoder`.
"""
