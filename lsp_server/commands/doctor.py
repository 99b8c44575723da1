"""`stateline doctor`: what is installed, what is used, and whether the model is sound.

Owns the checks and their table. The model is tried for real: it must read and write. Knows no
protocol.
"""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...model import PRETRAINED, open_completer
from ...model.completer import Context, Piece, Runtime, Sampling, Usage
from ...model.errors import ModelFolderError
from ...model.networks.native.native_library import ISA_VARIABLE, library

PACKAGES = ("stateline", "tokenizers", "safetensors", "pygls", "lsprotocol")
_SAMPLE = "def add(a, b):\n    return a + "


def examine(model: Path | None) -> int:
    """Print the findings; 0 if completions can be had."""
    table = Table("", "", show_header=False, box=None, padding=(0, 2))
    table.add_row("Python", f"{platform.python_version()} on {platform.platform()}")
    for name in PACKAGES:
        table.add_row(name, _installed(name))
    folder = model or PRETRAINED
    table.add_row("model", escape(str(folder)) + ("" if model else " (embedded)"))
    sound = _try(table, model)
    Console().print(table)
    return 0 if sound else 1


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "[red]missing[/]; `pip install stateline` brings it"


def _try(table: Table, model: Path | None) -> bool:
    try:
        rows = _trial(model)
    except ModelFolderError as error:
        table.add_row("trial", f"[red]{escape(str(error))}[/]")
    except Exception as error:
        table.add_row("trial", f"[red]{type(error).__name__}: {escape(str(error))}[/]")
    else:
        for name, found in rows.items():
            table.add_row(name, found)
        return True
    return False


def _trial(model: Path | None) -> dict[str, str]:
    """Load the model and let it write a little; what there is to say of that."""
    began = time.perf_counter()
    completer = open_completer(model)
    load_ms = (time.perf_counter() - began) * 1000
    context = Context(_SAMPLE, len(_SAMPLE), "doctor.py", "python")
    answers = list(completer.complete(context, Sampling(max_tokens=16), Event()))
    usage = answers[-1]
    assert isinstance(usage, Usage)
    text = "".join(piece.text for piece in answers if isinstance(piece, Piece))
    if not text:
        raise RuntimeError("the model loads but writes nothing; is its tokenizer its own?")
    sound = (
        f"[green]sound[/]: loaded in {load_ms:.0f} ms, read {usage.tokens_read} tokens, "
        f"wrote {usage.tokens_generated} in {usage.write_ms:.0f} ms"
    )
    advice = {"advice": f"[yellow]{escape(completer.advice)}[/]"} if completer.advice else {}
    found = {"trial": sound, "runtime": str(completer.runtime)}
    known = {"languages": ", ".join(completer.profile.languages) or "all, for it names none"}
    return found | known | advice | _idle_library(completer.runtime)


def _idle_library(runtime: Runtime) -> dict[str, str]:
    """Why torch computes on a CPU, and what to do; nothing where that is as it should be."""
    if (runtime.device, runtime.kernels) != ("cpu", "torch"):
        return {}
    if os.environ.get(ISA_VARIABLE):
        remedy = f"unset {ISA_VARIABLE}, a variable that rules the library out here"
    elif library() is None:
        remedy = (
            "install a C compiler (gcc or clang), then Stateline again as before, with "
            "pip's --force-reinstall --no-deps --no-cache-dir"
        )
    else:
        return {}
    slow = "[yellow]not in use[/]: torch computes instead, many times more slowly"
    return {"native library": f"{slow}; {remedy}"}
