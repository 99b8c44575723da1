"""llama.cpp's server beside ours: the same weights, the same token ids, its own prefix cache.

`build` makes llama-server, `gguf` gives it our model, `check` compares what both predict,
`layouts` lays prompts out, `llama` asks, `trial` measures which flags and layout serve it best.
`build`, `gguf` and `trial` are programs: `python -m benchmarks.peer.build` from the repository.
"""


class PeerError(Exception):
    """The peer cannot be built, fed or asked; the message says why, in a sentence."""
