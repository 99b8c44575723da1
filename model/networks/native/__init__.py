"""The network on a CPU without torch: the C library, its binding and its states.

May import `interface`, its sibling `torch` never. Start at `native_network.NativeNetwork`.
"""
