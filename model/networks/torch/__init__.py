"""The network on torch: the reference, what is trained, and CUDA.

The one place but `training` that imports torch; its sibling `native` never.
Start at `mamba2.Mamba2`.
"""
