"""A small client for the server: the demo, the benchmarks and the tests type with it.

Knows the protocol from the other end; never imports the model. Start at `client.Client`.
"""
