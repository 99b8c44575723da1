"""Edit traces through the real server: what each kind of action costs.

`actions`, `keyboard` and `traces` make a trace from two releases that `releases` reads, or
`projects` fetches; `player` plays it to the server, with what `acceptance` takes of its offers;
`questions`, `reread`, `peers` and `llama` ask other engines the same; `costs` says what was read
for what, `report` and `targets` sum up. Run as `python -m benchmarks.replay --old A --new B` or
`--projects` from the repository. `flat` is a program of its own: a key's cost by size of context.
"""
