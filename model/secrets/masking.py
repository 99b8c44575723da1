"""Secrets in a text: where they stand, and the same text without them.

Owns what a secret looks like by itself: private keys, the tokens of well-known services, passwords
in URLs, authorization headers. Values under telling names are found by `named_values`. Pure
functions of one text, in code points; knows no files, no languages, no models. It runs on every
keystroke: each rule starts from a mark that a substring search finds, and takes linear time on any
input.

Nothing is replaced by a space or a line break, nor the other way round, so offsets and lines hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .named_values import is_password, named_values, places

Span = tuple[int, int]  # start and end, in code points

_SHORTEST_TOKEN = 20  # characters; most words are shorter, which spares them forty searches
_MAX_PEM_CHARS = 20_000  # above a footer whose header is out of sight
_PEM_WIDTH = 32  # characters of any but the last line of a key, at least
_SOLID = re.compile(r"\S")

# What follows a mark. A token is masked up to the end of its word, so that masking never makes a
# boundary where none was: that is why masking twice is masking once.
_WORD = re.compile(r"[\w-]*+")
_TOKENS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (mark, re.compile(re.escape(mark) + rest))
    for mark, rest in [
        *((mark, r"[0-9A-Z]{16}") for mark in ("AKIA", "ASIA", "ABIA")),  # Amazon
        *((f"gh{kind}_", r"[A-Za-z0-9]{36}") for kind in "pousr"),  # GitHub
        ("github_pat_", r"\w{40}"),
        ("gl", r"(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w-]{20}"),  # GitLab
        ("xox", r"[abeoprs](?:\.xox[abp])?-[\w-]{16}"),  # Slack
        ("xapp-", r"[\w-]{20}"),
        ("k_live_", r"[0-9a-zA-Z]{20}"),  # Stripe, after an s or an r
        ("k_test_", r"[0-9a-zA-Z]{20}"),
        ("whsec_", r"[0-9a-zA-Z+/]{24}"),
        (
            "sk-",
            r"(?:[A-Za-z0-9]{32}|(?:proj|ant|svcacct|admin|or)-[\w-]{20})",
        ),  # OpenAI, Anthropic
        ("hf_", r"[A-Za-z0-9]{30}"),  # Hugging Face
        ("AIza", r"[\w-]{35}"),  # Google
        ("GOCSPX-", r"[\w-]{20}"),
        ("ya29.", r"[\w-]{20}"),
        ("npm_", r"[A-Za-z0-9]{36}"),
        ("pypi-", r"[\w-]{50}"),
        ("rubygems_", r"[0-9a-f]{48}"),
        ("dckr_pat_", r"[\w-]{20}"),
        ("SG.", r"[\w-]{16,}+\.[\w-]{16}"),  # SendGrid
        ("SK", r"[0-9a-f]{32}"),  # Twilio
        *((f"do{kind}_v1_", r"[0-9a-f]{64}") for kind in "por"),  # DigitalOcean
        ("shp", r"(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),  # Shopify
        ("dapi", r"[0-9a-f]{32}"),  # Databricks
        ("hvs.", r"[\w-]{24}"),  # Vault
        ("glsa_", r"\w{32}"),  # Grafana
        ("gsk_", r"[A-Za-z0-9]{40}"),  # Groq
        ("nvapi-", r"[\w-]{40}"),
        ("AGE-SECRET-KEY-1", r"[0-9A-Z]{50}"),
        ("eyJ", r"[\w-]{12,}+\.eyJ[\w-]{12,}+\.[\w-]{12}"),  # a signed JSON web token
    ]
)
_NOT_BEFORE_TOKEN = re.compile(r"[\w-]")

# Group 1 is masked.
_PLACES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("hooks.slack.com/", re.compile(r"hooks\.slack\.com/\w{1,20}/([\w/]{20,}+)")),
    ("/api/webhooks/", re.compile(r"/api/webhooks/(\d{5,30}/[\w-]{30,}+)")),
    ("AccountKey=", re.compile(r"AccountKey=([A-Za-z0-9+/=]{20,}+)")),
    ("SharedAccessKey=", re.compile(r"SharedAccessKey=([A-Za-z0-9+/=]{20,}+)")),
)
_USERINFO = re.compile(r"://[^\s/:@\"'<>{}()]{0,64}:([^\s/\"'<>]{3,256})@")
_HEADER_VALUE = re.compile(r"(?:[Bb]earer|[Bb]asic|BEARER|BASIC)[ \t]+([\w.~+/=-]{8,}+)")

_PEM_HEADER = re.compile(r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# A key may stand in string literals, one a line or all in one, in a comment or indented.
_PEM_GAP = r"(?:[\s\"'+,()#]|\\[nrt]?)*+"
_PEM_BODY = re.compile(
    rf"{_PEM_GAP}(?:(?:Proc-Type|DEK-Info|Version|Comment): [^\n\\\"']{{0,200}}{_PEM_GAP})*+"
    rf"((?:[A-Za-z0-9+/=]{{32,}}+{_PEM_GAP})++(?:[A-Za-z0-9+/=]+[\w-]*+)?)"
)
_PEM_FOOTER = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BREAK = re.compile(r"\\[nr]|\n")
_PEM_LINE = re.compile(r"[\s\"'+,()#\\]*+[A-Za-z0-9+/=]+[\s\"'+,()#\\]*")

_NO_PASSWORD = re.compile(r"(?i:pass(?:word|wd)?|pwd|pw|secret|token|x+|\.+)|[$%{].*|.*[})]")


def masked(text: str) -> str:
    """The text with every character of a secret, but white space, replaced by an asterisk."""
    found = spans(text)
    if not found:
        return text
    parts: list[str] = []
    done = 0
    for start, end in found:
        parts += [text[done:start], _SOLID.sub("*", text[start:end])]
        done = end
    return "".join([*parts, text[done:]])


def spans(text: str) -> list[Span]:
    """Where secrets stand: in order, none touching another, none empty."""
    found = sorted([*token_spans(text), *_addresses(text), *_headers(text), *named_values(text)])
    joined: list[Span] = []
    for start, end in found:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def token_spans(text: str) -> Iterator[Span]:
    """What is a secret by its own shape, whatever stands around it: private keys, tokens."""
    dense = " ".join([word for word in text.split() if len(word) >= _SHORTEST_TOKEN])
    for mark, token in _TOKENS:
        for start in places(text, mark) if mark in dense else ():
            first = (
                start - 1 if mark.startswith("k_") and text[start - 1 : start] in "sr" else start
            )
            if _NOT_BEFORE_TOKEN.match(text, first - 1) if first else None:
                continue
            if match := token.match(text, start):
                yield first, _word_end(text, match.end())
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def _word_end(text: str, start: int) -> int:
    match = _WORD.match(text, start)
    return match.end() if match else start


def _private_keys(text: str) -> Iterator[Span]:
    for start in places(text, "-----BEGIN "):
        header = _PEM_HEADER.match(text, start + len("-----BEGIN "))
        if header and (body := _PEM_BODY.match(text, header.end())):
            yield body.span(1)
    seen = 0
    for footer in _PEM_FOOTER.finditer(text):
        start = _body_start(text, max(seen, footer.start() - _MAX_PEM_CHARS), footer.start())
        if start < footer.start():
            yield start, footer.start()
        seen = footer.end()


def _body_start(text: str, earliest: int, end: int) -> int:
    """Where the lines of a key begin that end at a footer; its header may be out of sight."""
    breaks = [match.span() for match in _PEM_BREAK.finditer(text, earliest, end)]
    start, below = end, end
    for line_end, line_start in [*reversed(breaks), (earliest, earliest)]:
        line = text[line_start:below]
        if line.strip(" \t\r\"'"):
            if not _is_key_line(line, 1 if start == end else _PEM_WIDTH, line_start):
                break
            start = line_start
        below = line_end
    return start


def _is_key_line(line: str, least_chars: int, line_start: int) -> bool:
    """Whether it is of a key's body; a text may begin in the middle of the first one."""
    return bool(_PEM_LINE.fullmatch(line)) and (len(line) >= least_chars or line_start == 0)


def _addresses(text: str) -> Iterator[Span]:
    for mark, place in _PLACES:
        for start in places(text, mark):
            if match := place.match(text, start):
                yield match.start(1), _word_end(text, match.end(1))
    for start in places(text, "://"):
        match = _USERINFO.match(text, start)
        if match and not _NO_PASSWORD.fullmatch(match[1]) and "***" not in match[1]:
            yield match.span(1)


def _headers(text: str) -> Iterator[Span]:
    for mark in ("earer", "asic", "EARER", "ASIC"):
        for start in places(text, mark):
            match = _HEADER_VALUE.match(text, start - 1) if start else None
            if match and is_password(match[1]):
                yield match.span(1)
