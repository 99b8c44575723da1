"""From a text and its cursor to the state after a prompt, by the shortest way.

Owns what is known of open texts and of the files before them. May import `states`, `memory` and
what is below. Start at `reader.Reader`.
"""
