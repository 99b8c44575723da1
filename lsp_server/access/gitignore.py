"""The language of .gitignore files: one line is a pattern, and the last that matches decides.

Owns the parsing of such a file and the matching of one path against it, as git does it. Knows
nothing of which files apply where; see `rules`. Files come from workspaces and may be hostile:
matching takes linear time in the path, whatever the pattern.

It judges one file or folder by itself. That what lies in an ignored folder is ignored as well
follows from judging its folders first. pathspec's GitIgnoreSpec matches whole paths instead and
cannot be asked about a folder: after `*` and `!*/`, it still calls every folder ignored.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

# Git sets core.ignorecase where file systems do not tell the cases apart.
_FLAGS = re.DOTALL | (re.IGNORECASE if sys.platform in ("win32", "darwin") else 0)
_NEVER = r"(?!)"
_ASCII_CLASSES = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True)
class Pattern:
    """One line that says something. `number` counts from 1; `text` is as it stands in the file."""

    number: int
    text: str
    ignores: bool  # or, after an exclamation mark, takes back
    of_name: bool  # matches the last name of a path, or else the whole path
    regex: str

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.regex, _FLAGS)


@dataclass(frozen=True)
class PatternFile:
    """The patterns of one file, in order; `source` is how it is called to a person."""

    source: str
    patterns: tuple[Pattern, ...]

    def deciding(self, path: str) -> Pattern | None:
        """The last pattern that matches a path, which is relative to the file's folder.

        Its separators are slashes, and a folder's path ends in one.
        """
        name = path[path.rfind("/", 0, -1) + 1 :]
        if not (self._of_names.match(name) or self._of_paths.match(path)):
            return None
        matching = (
            pattern
            for pattern in reversed(self.patterns)
            if pattern.compiled.match(name if pattern.of_name else path)
        )
        return next(matching, None)

    # Most paths match nothing, which one expression says at once. Groups in it, to know which
    # pattern it was, would make the time quadratic in the number of patterns.
    @cached_property
    def _of_names(self) -> re.Pattern[str]:
        return _any([pattern.regex for pattern in self.patterns if pattern.of_name])

    @cached_property
    def _of_paths(self) -> re.Pattern[str]:
        return _any([pattern.regex for pattern in self.patterns if not pattern.of_name])


def _any(regexes: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(regexes) or _NEVER, _FLAGS)


def parse(source: str, text: str) -> PatternFile:
    """Read a whole file; a pattern that git would not understand matches nothing, as with git."""
    lines = text.removeprefix("\ufeff").split("\n")
    found = (_pattern(number, line.removesuffix("\r")) for number, line in enumerate(lines, 1))
    return PatternFile(source, tuple(pattern for pattern in found if pattern))


def _pattern(number: int, line: str) -> Pattern | None:
    text = _without_trailing_spaces(line)
    if not text or text.startswith("#"):
        return None
    body = text.removeprefix("!")
    folders_only = body.endswith("/")
    body = body.removesuffix("/")
    if not body:
        return None
    of_name = "/" not in body
    regex = _segment(body) if of_name else _anchored(body.removeprefix("/"))
    end = r"/\Z" if folders_only else r"/?\Z"
    return Pattern(number, text, not text.startswith("!"), of_name, regex + end)


def _without_trailing_spaces(line: str) -> str:
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept


def _anchored(body: str) -> str:
    """A pattern with a slash: relative to its file, `**` stands for any folders."""
    blocks: list[list[str]] = [[]]
    segments = body.split("/")
    for segment in segments:
        if len(segment) > 1 and not segment.strip("*"):
            blocks.append([])
        else:
            blocks[-1].append(_segment(segment))
    if len(blocks) == 1:
        return "/".join(blocks[0])
    first, *middle, last = ["/".join(block) for block in blocks]
    # What is found first is as good as what is found later, so there is no way back (`?>`).
    found = "".join(rf"(?>(?:[^/]+/)*?{block}/)" for block in middle if block)
    head = f"{first}/" if first else ""
    return head + found + (rf"(?:[^/]+/)*?{last}" if last else r".+?")


def _segment(glob: str) -> str:
    """The regular expression of what stands between slashes."""
    pieces = [""]
    for piece in _pieces(glob):
        if piece == "*":
            pieces.append("")
        else:
            pieces[-1] += piece
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    found = "".join(rf"(?>[^/]*?{piece})" for piece in middle if piece)
    # A folder's path ends in a slash, and behind that no star may find an empty name.
    return rf"{first or '(?=[^/])'}{found}[^/]*{last}"


def _pieces(glob: str) -> Iterator[str]:
    """A segment in pieces that match one character each, and stars."""
    at = 0
    while at < len(glob):
        char = glob[at]
        at += 1
        if char == "*":
            yield char
        elif char == "?":
            yield "[^/]"
        elif char == "[":
            piece, at = _bracket(glob, at)
            yield piece
        elif char == "\\":
            yield re.escape(glob[at]) if at < len(glob) else _NEVER
            at += 1
        else:
            yield re.escape(char)


def _bracket(glob: str, at: int) -> tuple[str, int]:
    """One set of characters, and where it ends; without an end the pattern matches nothing."""
    negated = glob[at : at + 1] in ("!", "^") and at < len(glob)
    at += negated
    members: list[str] = []
    first = at
    while at < len(glob) and (glob[at] != "]" or at == first):
        member, at = _member(glob, at)
        members.append(member)
    if at >= len(glob) or _NEVER in members:
        return _NEVER, len(glob)
    inside = "".join(members)
    if negated:
        return f"[^/{inside}]", at + 1
    return (f"(?!/)[{inside}]" if inside else _NEVER), at + 1


def _member(glob: str, at: int) -> tuple[str, int]:
    """One character, range or class of a set, as it stands in a regular expression's set."""
    if glob.startswith("[:", at):
        name, closed, _ = glob[at + 2 :].partition(":]")
        if closed and name.isalpha():
            return _ASCII_CLASSES.get(name, _NEVER), at + len(name) + 4
    low, at = _character(glob, at)
    if glob[at : at + 1] != "-" or glob[at + 1 : at + 2] in ("", "]"):
        return re.escape(low), at
    high, at = _character(glob, at + 1)
    # Git looks at the first character of a range by itself before the range.
    return (f"{re.escape(low)}-{re.escape(high)}" if low <= high else re.escape(low)), at


def _character(glob: str, at: int) -> tuple[str, int]:
    if glob[at] == "\\" and at + 1 < len(glob):
        at += 1
    return glob[at], at + 1
