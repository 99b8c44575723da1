"""One training run, from a recipe to weights.

Owns the vocabulary, the examples, the loop and its workers. May import `corpus`.
Start at `trainer`.
"""
