"""From a run to a folder that is shipped.

Owns what is learned beside the weights, and 4-bit weights. May import `run` and `judging`.
Start at `release`.
"""
