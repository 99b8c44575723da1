"""The training text, from pinned public packages.

Owns what may be learnt from, how it is brought, cleaned, selected and kept in shards.
Start at `corpus` and `assembly`.
"""
