"""What the demo types into: a file of the user's, a part of Python's own library, or our samples.

Owns the choice of the file, its reading, and what lies beside it. Knows no server and no screen.
Nothing of it is trained on: Python's library is held out, and the samples were written for this.
"""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from ...model.languages import PYTHON, Language, language_of, language_of_path
from ..client.typist import PYTHON as PYTHON_HABITS
from ..client.typist import Draft, draft_of, habits_of

MAX_FILE_BYTES = 4 << 20
MODULE, FUNCTION = "argparse", "_AppendAction.__init__"
# By language: the file of the samples that is typed in, and which of its functions.
SAMPLES = {"typescript": ("repository.ts", "cancel")}
LANGUAGES = (PYTHON.name, *SAMPLES)
_REACT = ".jsx", ".tsx"


class SampleError(Exception):
    """There is nothing to type; the message says why, in a sentence for the user."""


@dataclass(frozen=True)
class Sample:
    """A text with some lines taken out, in a file of this name."""

    title: str  # for the user
    name: str
    language: str  # as LSP calls it
    draft: Draft
    beside: Mapping[str, str] = field(default_factory=dict)  # other texts, by their files' names


def sample_of(file: Path | None, language: str = PYTHON.name) -> Sample:
    """From the user's file, or else from what there is in a language. Raises SampleError.

    The language of a file is said by its suffix, if that is known.
    """
    known = language_of(language) if file is None else language_of_path(file.name)
    known = known or language_of(language)
    if known is None or (file is None and known.name not in LANGUAGES):
        ours = " and ".join(LANGUAGES)
        raise SampleError(f"There are samples in {ours}, not in {language}; name a file instead.")
    if file is None and known.name in SAMPLES:
        return _of_ours(known)
    path, origin, function = (file, "", "") if file is not None else _pythons_own()
    try:
        return _sample(path.name, origin, known, _read(path), function)
    except OSError as error:
        what = error.strerror or error
        raise SampleError(f"{path} cannot be read ({what}); name a file with --file.") from None
    except ValueError as error:
        raise SampleError(f"{path} does not do: {error}; name another with --file.") from None


def _pythons_own() -> tuple[Path, str, str]:
    """A file, where it is from, and which of its functions to type in."""
    found = importlib.util.find_spec(MODULE)
    path = Path(found.origin if found and found.origin else "")
    return path, f" of Python {platform.python_version()}", FUNCTION


def _of_ours(language: Language) -> Sample:
    name, function = SAMPLES[language.name]
    folder = resources.files(__package__) / "samples" / language.name
    texts = {each.name: each.read_text("utf-8") for each in folder.iterdir()}
    return replace(_sample(name, "", language, texts.pop(name), function), beside=texts)


def _sample(name: str, origin: str, language: Language, text: str, function: str) -> Sample:
    habits = PYTHON_HABITS if language is PYTHON else habits_of(text)
    draft = draft_of(text, function, habits=habits)
    title = f"{name}{origin}, from line {draft.above.count(chr(10)) + 2}"
    id_ = language.ids[-1] if name.lower().endswith(_REACT) else language.ids[0]
    return Sample(title, name, id_, draft)


def _read(path: Path) -> str:
    """The text with line feeds only; raises OSError, or ValueError that says what is wrong."""
    with path.open("rb") as stream:
        content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"it is larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.start})") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
