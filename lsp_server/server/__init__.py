"""LSP: the process, the handlers, and one client with all that belongs to it.

The one place that imports pygls. May import everything below it. Start at `serving.serve` and
`completing`.
"""
