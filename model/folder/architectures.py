"""Which architectures there are, and how the sizes of a model of each are read from its config.

Owns `Config`, which is all that is asked of any model's sizes, and the table by `model_type`. What
the sizes mean is known to their own class, and to the networks that compute with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from .dialects import parse_config

Shapes = dict[str, tuple[int, ...]]


class Config(Protocol):
    """The sizes of one model; a value, whose `repr` tells it from all others."""

    @property
    def vocab_size(self) -> int:
        """Logits after each token."""
        ...

    def tensor_shapes(self) -> Shapes:
        """Every parameter by its name."""
        ...

    def state_shapes(self, tokens: int) -> Shapes:
        """The arrays of the state after so many tokens, one or more, which may grow with them."""
        ...


# Of a parsed config and the name of its file; raises `ModelFolderError`.
Parse = Callable[[Mapping[str, object], str], Config]

ARCHITECTURES: dict[str, Parse] = {"mamba2": parse_config}


def sizes_in(values: Mapping[str, object], where: str) -> Config:
    """The sizes that a config says; what names no known type may be an older dialect of Mamba2's.

    Raises `ModelFolderError`.
    """
    kind = values.get("model_type")
    parse = ARCHITECTURES.get(kind, parse_config) if isinstance(kind, str) else parse_config
    return parse(values, where)
