"""Brackets, strings, comments and tags of TypeScript and JavaScript, told apart roughly but sanely.

Owns one reader for the family, JSX included. A string or a regular expression ends with its line
at the latest; a template literal, a comment between `/*` and `*/` and an element go on over lines.
It reads line by line, so that a text can be gone on with at the price of its last line. Knows no
grammar: where a value may stand, a `<` begins an element and a `/` a regular expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .brackets import CLOSES, OPENS, Brackets
from .lines import REACH_CHARS, cursor_line

# What something open awaits is also the mode in which its inside is read.
_STRING, _TEMPLATE, _COMMENT, _REGEX = "\"'", "`", "*", "/"
_TAG, _CHILDREN = ">", "<"  # inside `<div ...`; between `<div>` and `</div>`
_QUOTES = frozenset(_STRING + _TEMPLATE + _COMMENT + _REGEX)

_CODE_TOKEN = re.compile(r"\\[^\n]|//|/\*|[\"'`\n()\[\]{}/<]")
_TOKENS = {
    '"': re.compile(r"\\[^\n]|[\"\n]"),
    "'": re.compile(r"\\[^\n]|['\n]"),
    _TEMPLATE: re.compile(r"\\[^\n]|[`\n]|\$\{"),
    _COMMENT: re.compile(r"\*/|\n"),
    _REGEX: re.compile(r"\n"),
    _TAG: re.compile(r"/>|[>\"'{\n]"),
    _CHILDREN: re.compile(r"[<{\n]"),
}
_WHOLE_REGEX = re.compile(r"/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*")
_OPENING_TAG = re.compile(r"<(?:(?=>)|[A-Za-z][\w.:-]*+(?=[\s/>]|\Z)(?!\s+extends\b))")
_CLOSING_TAG = re.compile(r"</[\w.:-]*\s*>")
_LAST_WORD = re.compile(r"[\w$]+\Z")
_BEFORE_VALUE = frozenset(
    (
        *("return", "typeof", "case", "in", "of", "void", "delete", "throw", "new", "await"),
        *("yield", "else", "do", "instanceof", "default"),
    )
)
# A line that begins so, at the margin, is code and in no string.
_AT_MARGIN = re.compile(
    r"^(?:(?:export|import|const|let|var|function|async|class|interface|type|enum|declare|abstract"
    r"|namespace|describe|module|exports|if|for|return)\b|[}@])",
    re.MULTILINE,
)

_NEAR_CHARS = 1_500  # where that line mostly is

Open = tuple[str, int]  # what is awaited, and where it was opened; -1: before all that counts


@dataclass(frozen=True)
class _Start:
    """What is known where a line begins."""

    at: int = 0  # from where the reading began
    stack: tuple[Open, ...] = ()
    faults: int = 0


@dataclass(frozen=True)
class EcmaBrackets(Brackets):
    """As `Brackets`; `text` is the last line only, and offsets are its own."""

    start: _Start = _Start()
    jsx: bool = True
    stray: int = (
        -1
    )  # where the last part first closes what is not open, above included; -1: nowhere

    def then(self, more: str) -> EcmaBrackets:
        part = self.start.at + len(self.text)
        return _Reader(self.text + more, self.start, part, self.jsx).read()


def read(text: str, jsx: bool = True) -> EcmaBrackets:
    """Read a text from a place that is in no string, comment or element."""
    return EcmaBrackets("", jsx=jsx).then(text)


def read_line(prefix: str, jsx: bool) -> EcmaBrackets:
    """Read the cursor's line up to the cursor; brackets that were opened above do not count."""
    line = cursor_line(prefix)
    above = prefix[max(0, len(prefix) - len(line) - REACH_CHARS) : len(prefix) - len(line)]
    return _going_on(_from_margin(above), jsx).then(line)


@lru_cache(maxsize=16)
def _from_margin(above: str) -> str:
    """The text from the last line that begins at the margin as only code does."""
    for reach in (_NEAR_CHARS, REACH_CHARS):
        start = max(0, len(above) - reach)
        margin = [
            match.start() for match in _AT_MARGIN.finditer(above, above.find("\n", start) + 1)
        ]
        if margin:
            return above[margin[-1] :]
    return above if len(above) < REACH_CHARS else ""  # which may begin anywhere


@lru_cache(maxsize=16)  # while somebody types in a line, what is above it stays
def _going_on(above: str, jsx: bool) -> EcmaBrackets:
    """What goes on where the cursor's line begins: a string, a comment, an element."""
    stack = read(above, jsx).start.stack if above.endswith("\n") else ()
    start = _Start(stack=tuple((awaited, -1) for awaited, _ in stack))
    return EcmaBrackets("", start=start, jsx=jsx)


class _Reader:
    """Takes the telling tokens of a text one after another."""

    def __init__(self, text: str, start: _Start, part: int, jsx: bool) -> None:
        self._text, self._start, self._part, self._jsx = text, start, part, jsx
        self._began = start.at
        self._stack, self._faults = list(start.stack), start.faults
        self._comment: int | None = None
        self._closed, self._stray = "", -1

    def read(self) -> EcmaBrackets:
        at, text = 0, self._text
        while token := _TOKENS.get(self._mode, _CODE_TOKEN).search(text, at):
            at = self._take(token[0], token.start())
        own = [awaited for awaited, opened in self._stack if opened >= 0]
        quote = self._mode if self._mode in _QUOTES else ""
        awaited = "".join(own[:-1] if own and quote else own)
        line_at = self._start.at - self._began
        code_end = (len(text) if self._comment is None else self._comment) - line_at
        return EcmaBrackets(
            text[line_at:],
            awaited,
            quote,
            self._closed,
            self._faults + len(own),
            code_end,
            self._start,
            self._jsx,
            self._stray - line_at if self._stray >= line_at else -1,
        )

    @property
    def _mode(self) -> str:
        return self._stack[-1][0] if self._stack else ""

    def _take(self, token: str, at: int) -> int:
        """Take a token; where to go on."""
        end = at + len(token)
        if token == "\n":
            self._end_line(end)
        elif self._mode in _QUOTES:
            self._in_quote(token, at)
        elif self._mode == _TAG:
            self._in_tag(token, at)
        elif token == "<":
            return self._angle(at)
        elif token in ("//", "/"):
            return self._slash(at)
        else:
            self._in_code(token, at)
        return end

    def _end_line(self, end: int) -> None:
        in_tag = len(self._stack) > 1 and self._stack[-2][0] == _TAG  # its strings have no end
        if self._mode and self._mode in _STRING and not in_tag:
            self._stack.pop()
            self._faults += 1
        self._comment = None
        self._start = _Start(self._began + end, tuple(self._stack), self._faults)

    def _in_quote(self, token: str, at: int) -> None:
        if token == "${":
            self._open("}", at)
        elif token[0] == self._mode:
            self._note(token, self._stack.pop()[1], at)

    def _in_tag(self, token: str, at: int) -> None:
        if token == "/>":
            self._note(token, self._stack.pop()[1], at)
        elif token == ">":
            _, opened = self._stack.pop()
            self._note(token, opened, at)
            self._open(_CHILDREN, at)
        else:
            self._open("}" if token == "{" else token, at)

    def _in_code(self, token: str, at: int) -> None:
        if token in OPENS:
            self._open(OPENS[token], at)
        elif token in CLOSES:
            self._close(token, at)
        elif token == "/*":
            self._open(_COMMENT, at)
        elif token in _QUOTES:
            self._open(token, at)

    def _angle(self, at: int) -> int:
        """A `<`: of a tag, or less than."""
        if self._text.startswith("</", at):
            if closing := self._jsx and _CLOSING_TAG.match(self._text, at):
                self._close(_CHILDREN, at)
            return closing.end() if closing else at + len("</")
        may_open = self._jsx and (self._mode == _CHILDREN or self._is_before_value(at))
        if opening := may_open and _OPENING_TAG.match(self._text, at):
            self._open(_TAG, at)
        return opening.end() if opening else at + 1

    def _slash(self, at: int) -> int:
        """A comment up to the line's end, a regular expression, or divided by."""
        line_end = self._text.find("\n", at)
        if self._text.startswith("//", at):
            self._comment = at
            return line_end if line_end >= 0 else len(self._text)
        if self._is_before_value(at):
            if whole := _WHOLE_REGEX.match(self._text, at):
                return whole.end()
            if line_end < 0:
                self._open(
                    _REGEX, at
                )  # which is read again, from its line's start, if that goes on
        return at + 1

    def _is_before_value(self, at: int) -> bool:
        """Whether a value begins at `at`, and not an operator."""
        line_at = self._start.at - self._began
        before = self._text[line_at:at].rstrip()
        if not before:
            return True
        word = _LAST_WORD.search(before)
        return word[0] in _BEFORE_VALUE if word else before[-1] not in ")]}\"'`"

    def _open(self, awaited: str, at: int) -> None:
        self._stack.append((awaited, self._began + at))

    def _close(self, token: str, at: int) -> None:
        opened = -1
        if self._stack and self._stack[-1][0] == token:
            opened = self._stack.pop()[1]
        elif self._stray < 0 and self._began + at >= self._part:
            self._stray = at
        if opened < 0:
            self._faults += 1
        self._note(token, opened, at)

    def _note(self, token: str, opened: int, at: int) -> None:
        if opened < self._part <= self._began + at:
            self._closed += token
