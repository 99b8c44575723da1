"""Values that a telling name calls a secret: `db_password = "..."`, `API_TOKEN=...`.

Owns which names tell, in which ways languages and formats give a value to a name, and which values
look like chance rather than like words. Knows no tokens that are secret by their own shape; see
`masking`. Whatever is scanned ahead ends where the next scan may begin, so that time stays linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SHORTEST = 8  # characters of a value
_LEAST_DISTINCT = 4  # characters of a random value
_LEAST_SWITCHES = 2  # between letters and digits in a random value
_JUDGED_CHARS = 500  # of a value; it is masked whole
_MAX_ELEMENTS = 64  # of a list under a telling name
_MAX_OPENING_CHARS = 80  # of a line, before the word that tells of a value without quotes

_TELLING = ("pass", "pwd", "secret", "token", "key", "cred", "auth")
_REST_OF_WORD = {
    "pass": re.compile(r"word|wd|phrase|wort|code"),
    "cred": re.compile(r"ential"),
    "auth": re.compile(r"oriz(?:ation)|entication"),
}
_KEY_OF = re.compile(
    r"(?:access|account|api|app|auth|client|encryption|license|master|private|secret|service"
    r"|shared|signing|storage|subscription|webhook)[_-]?$"
)
_SUFFIX = re.compile(r"[\w-]{0,60}+")
_LAST_WORD = re.compile(r"(?:[_-]|(?<=[a-z0-9])(?=[A-Z]))([A-Z]?[a-z]+|[A-Z]+)\d*$")
# `token_type = "access_token"`: a word on the secret, not the secret.
_ABOUT = re.compile(
    r"alg|algorithm|backend|class|cls|count|date|description|dir|doc|docs|encoding|endpoint"
    r"|env|error|expires|expiry|field|fields|file|filename|form|format|hasher|header|headers"
    r"|help|hint|id|ids|index|input|kind|label|len|length|message|method|mode|model|module"
    r"|msg|name|names|param|params|path|pattern|policy|prefix|provider|regex|scheme|scope"
    r"|size|state|status|suffix|template|time|timeout|title|ttl|type|types|uri|url|validator"
    r"|var|version|view"
)
_TO_LITERAL = re.compile(
    r"(\\?[\"'])?[ \t]*[)\]!]{0,2}[ \t]*"
    r"(?:(?::[ \t]*[\w.]{1,30}(?:\[\w{1,30}\])?(?:[ \t]*\|[ \t]*(?:None|null|undefined))?[ \t]*)?"
    r"={1,3}|:=?|!=|=>|(?:\|\||\?\?)=?|or\b|(,))\s{0,80}+[\[({]?\s{0,80}+"
)
_LITERAL = re.compile(r"[bBrRuUfF]{0,2}(\\*)(\"\"\"|'''|[\"'`])")
_VALUES = {
    '"': re.compile(r"(?:[^\s\"\\]|\\.)*+"),
    "'": re.compile(r"(?:[^\s'\\]|\\.)*+"),
    "`": re.compile(r"[^\s`]*+"),
    "\\": re.compile(r"[^\s\"'\\]*+"),  # of a literal inside a literal
}
_AFTER_VALUE = re.compile(r"\\*[\"'`]|\r|\n|\Z")
_NEXT_ELEMENT = re.compile(r"\\*(?:\"\"\"|'''|[\"'`])\s{0,80}+,\s{0,80}+")
# Without quotes: `NAME=value` or `name: value` in a line of its own, `?name=value`, `;Name=value`.
_NAME_CHARS = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_LINE_OPENINGS = frozenset({"", "-", "#", "export", "set", "ENV", "ARG"})
_TO_BARE = re.compile(r"[ \t]*[=:][ \t]*")
# What may open a value never stands in one, so no character is looked at twice.
_BARE = re.compile(r"[^\s\"'`?&;,(){}\[\]<>]{8,}+(?=[\s\"'`&;]|\Z)")

_PLACEHOLDER = re.compile(
    r"\*\*\*|\$\{|\{\{|%\(|%s|\$\(|\\|\[|\(|://|^[$<{%]|[>}]$"
    r"|(?i:change.?me|your[-_. ]|placeholder|x{4}|redacted|replace|dummy|insert[-_. ]|example)"
)
# `pbkdf2_sha256`, `base64.b64encode`, `symbol2label`: a digit here and there is no chance.
_PART = r"[A-Za-z]+(?:\d{1,2}[A-Za-z]{3,})?\d{0,3}"
_WORDS = re.compile(rf"{_PART}(?:[_.:/@+-]+(?:{_PART}|\d{{1,4}}))*")
_SWITCH = re.compile(r"(?<=[A-Za-z])\d|(?<=\d)[A-Za-z]")
_ODD = re.compile(r"[!@#$%^&*]")


def places(text: str, mark: str) -> Iterator[int]:
    """Where a mark stands."""
    start = text.find(mark)
    while start >= 0:
        yield start
        start = text.find(mark, start + 1)


def named_values(text: str) -> Iterator[tuple[int, int]]:
    """Where values under telling names stand, in code points; in no order."""
    lowered = text.replace("\u0130", "i").lower()  # the one letter whose lower case is longer
    for word in _TELLING:
        for start in places(lowered, word):
            end = _name_end(text, lowered, word, start)
            if end:
                yield from _literals(text, end, word)
                yield from _bare(text, start, end)


def _name_end(text: str, lowered: str, word: str, start: int) -> int:
    """Where the name ends that holds the telling word, or 0 if it tells nothing."""
    if word == "key" and not _KEY_OF.search(lowered, max(0, start - 13), start):
        return 0
    end = start + len(word)
    if (rest := _REST_OF_WORD.get(word)) and (match := rest.match(lowered, end)):
        end = match.end()
    elif word == "cred" or (word == "pass" and lowered[start - 1 : start] not in ("_", "-")):
        return 0
    if lowered[end : end + 1] == "s":
        end += 1
    following = text[end : end + 1]
    if following.isalpha() and not (following.isupper() and text[end - 1].islower()):
        return 0  # `tokenizer`, `author`
    suffix = _SUFFIX.match(text, end)
    last = _LAST_WORD.search(text, end, suffix.end()) if suffix else None
    return 0 if last and _ABOUT.fullmatch(last[1].lower()) else suffix.end() if suffix else end


def _literals(text: str, name_end: int, word: str) -> Iterator[tuple[int, int]]:
    """The string literal that the name is given, or those of the list that it is given."""
    to_literal = _TO_LITERAL.match(text, name_end)
    if not to_literal or (to_literal[2] and not to_literal[1]):
        return
    looks_secret = is_password if word in ("pass", "pwd") and not to_literal[2] else is_random
    start = to_literal.end()
    for _ in range(_MAX_ELEMENTS):
        opening = _LITERAL.match(text, start)
        if not opening:
            return
        value = _VALUES["\\" if opening[1] else opening[2][0]].match(text, opening.end())
        if not value:
            return
        if _AFTER_VALUE.match(text, value.end()) and looks_secret(value[0]):
            yield value.span()
        following = _NEXT_ELEMENT.match(text, value.end())
        if not following:
            return
        start = following.end()


def _bare(text: str, start: int, name_end: int) -> Iterator[tuple[int, int]]:
    """A value without quotes; the name before it opens a line or a part of an address."""
    to_bare = _TO_BARE.match(text, name_end) if _opens(text, start) else None
    value = _BARE.match(text, to_bare.end()) if to_bare else None
    if value and is_random(value[0]):
        yield value.span()


def _opens(text: str, start: int) -> bool:
    """Whether the name around `start` opens a line, a part of an address, or an option."""
    earliest = max(0, start - _MAX_OPENING_CHARS)
    above = text[earliest:start]
    before = above.rstrip(_NAME_CHARS)
    if above.startswith("--", len(before)) and before.endswith((" ", '"', "'", "`")):
        return True
    line_start = before.rfind("\n") + 1
    is_line = line_start > 0 or earliest == 0
    return before.endswith(("?", "&", ";")) or (
        is_line and before[line_start:].strip(" \t") in _LINE_OPENINGS
    )


def is_password(value: str) -> bool:
    """Whether it might be one that a person chose; words alone, and placeholders, are not."""
    value = value[:_JUDGED_CHARS]
    if len(value) < _SHORTEST or _PLACEHOLDER.search(value):
        return False
    return any(map(str.isdigit, value)) or _ODD.search(value) is not None


def is_random(value: str) -> bool:
    """Whether letters and digits are mixed as in no words."""
    value = value[:_JUDGED_CHARS]
    if not is_password(value) or len(set(value)) < _LEAST_DISTINCT:
        return False
    return not _WORDS.fullmatch(value) and len(_SWITCH.findall(value)) >= _LEAST_SWITCHES
