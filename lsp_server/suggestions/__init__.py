"""From a request to what is shown.

Owns the runs of the model, how long they last and what of their text is a suggestion. May import
`workspace`, `syntax` and `edit`. Start at `session.Session`.
"""
