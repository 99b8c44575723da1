"""The slow and obvious way to find lines and count code units: what the fast way must agree with.

Owns the alphabet of awkward characters too. Uses nothing of the product.
"""

from hypothesis import settings
from hypothesis import strategies as st

ENCODINGS = ("utf-8", "utf-16", "utf-32")
ALPHABET = "ab \t\r\n\x0c\x0b\x1c\x85\u2028\u2029é€💡"

texts = st.text(ALPHABET, max_size=30)
# Line breaks get half of the draws: most of what can go wrong happens around them.
broken_texts = st.text(st.one_of(st.sampled_from("\r\n"), st.sampled_from(ALPHABET)), max_size=30)

# A busy machine must not fail a test.
unhurried = settings(deadline=None)


def lines(text):
    """Every line as (start, end before its break, start of the next)."""
    found, start, at = [], 0, 0
    while at < len(text):
        length = 2 if text[at : at + 2] == "\r\n" else 1
        if text[at] in "\r\n":
            found.append((start, at, at + length))
            start = at + length
        at += length
    return [*found, (start, len(text), len(text))]


def width(character, encoding):
    """Code units of one character, by the definition of the encodings."""
    point = ord(character)
    if encoding == "utf-8":
        return 1 + (point > 0x7F) + (point > 0x7FF) + (point > 0xFFFF)
    return 2 if encoding == "utf-16" and point > 0xFFFF else 1


def units(text, encoding):
    return sum(width(character, encoding) for character in text)


def position(text, offset, encoding):
    """The LSP position of an offset; one between CR and LF is the line's end."""
    found = [line for line in enumerate(lines(text)) if line[1][0] <= offset]
    number, (start, end, _) = found[-1]
    return number, units(text[start : min(offset, end)], encoding)


def offset(text, line, character, encoding):
    """The offset of an LSP position, clamped and rounded down."""
    if line < 0:
        return 0
    if line >= len(lines(text)):
        return len(text)
    at, end, _ = lines(text)[line]
    while at < end and units(text[lines(text)[line][0] : at + 1], encoding) <= character:
        at += 1
    return at
