"""The language server: what stands between an editor and the model.

This package speaks LSP, keeps the editor's documents as values, decides when to ask the model and
shapes its answers. It knows no tensors and never imports torch; `stateline.model` knows no LSP.
Importing this package imports none of its modules.
"""
