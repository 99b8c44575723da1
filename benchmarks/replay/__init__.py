"""Edit traces through the real server: what each kind of action costs.

`actions`, `keyboard` and `traces` make a trace from two releases that `releases` reads; `player`
plays it, `report` sums up. Run as `python -m benchmarks.replay --old A --new B` from the
repository.
"""
