"""Texts, places in them, requests and settings, as values.

Owns the snapshot that a request is answered from, and the one module that knows UTF-8 and UTF-16.
May import the seam to the model, and what its tokens can spell. Start at `documents.Snapshot` and
`requests`.
"""
