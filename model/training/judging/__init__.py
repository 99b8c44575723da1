"""How good a model is, on text that it has not read.

Owns the measures, who is judged and by which processes. May import `corpus`.
Start at `evaluate`.
"""
