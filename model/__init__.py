"""Stateline's engine: text and tokens in, pieces of text out.

Owns tokens, states, checkpoints and completion. Knows no LSP and no asyncio. Importing this
package imports nothing heavy: `open_completer` does, when it is called.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .completer import Completer

PRETRAINED = Path(__file__).parent / "pretrained"


def open_completer(
    folder: Path | None = None,
    *,
    budget_bytes: int = 48 << 20,
    threads: int = 0,
    states: Path | None = None,
    workspace_tokens: int = 0,
) -> Completer:
    """A completer on a model folder, or on the embedded model; takes seconds.

    `states` is the folder where states are kept for the next time. `workspace_tokens` of other
    files are read before the open one; 0: as many as help this model. Raises ModelFolderError,
    whose message is for the user.
    """
    from .engine import Engine
    from .masked import Masked
    from .networks.interface import BEST

    engine = Engine.open(folder or PRETRAINED, BEST, budget_bytes, threads, states)
    if workspace_tokens:
        engine.workspace_budget = replace(engine.workspace_budget, read_tokens=workspace_tokens)
    return Masked(engine)
