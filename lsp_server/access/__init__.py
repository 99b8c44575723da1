"""Which files may be read.

Owns .gitignore, the names of secret files and the reading of what is left; never imports the
model. Start at `rules.Rules`.
"""
