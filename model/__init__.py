"""Stateline's engine: text and tokens in, pieces of text out.

Owns tokens, states, checkpoints and completion. Knows no LSP and no asyncio. Importing this
package imports no torch: `open_completer` does, when it is called.
"""
