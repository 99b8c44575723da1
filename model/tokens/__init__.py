"""Tokens that stand still while a text changes, and how they are laid out for a model.

Owns the tokenizer, the names of token sequences and the order of a prompt. May import `errors`.
Start at `tokenizer.Tokenizer` and `layout.anchored`.
"""
