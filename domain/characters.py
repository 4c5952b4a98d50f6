"""Text from outside as people may be shown it: nothing in it moves the cursor, turns the reading order, or hides."""

import re
import unicodedata

MARKS_IN_A_ROW = 2
"""Accents on one letter; more of them cover the lines above and below."""

_PLAIN = re.compile(r"[\x20-\x7e]*")
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Controls (escape sequences), formats (bidi overrides, zero widths, tags), unassigned, private, surrogates, separators.
_BLANKS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Letters and symbols that have no ink.
_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF), (0x180B, 0x180F))


def visible(text: str, *, lines: bool = False) -> str:
    r"""`text` with every character that is not seen as itself written as its escape, such as `\u202e`.

    All of it on one line, or with `lines` on its own lines. Spaces of other widths become plain ones. Letters that
    look like others stay: names that a plan may use are ASCII by their type.
    """
    if lines:
        return "\n".join(visible(line) for line in text.replace("\r\n", "\n").split("\n"))
    if _PLAIN.fullmatch(text):
        return text
    shown: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        shown.append(_escaped(character) if marks > MARKS_IN_A_ROW else _shown(character))
    return "".join(shown)


def hidden(text: str) -> str:
    """The characters of `text` that `visible` would write as escapes, line ends aside."""
    return "".join(character for character in text if character != "\n" and _shown(character) != character)


def _shown(character: str) -> str:
    if " " <= character <= "~":
        return character
    if character in "\n\t\r":
        return " "
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category in _UNSEEN or character in _BLANKS or _selects(character):
        return _escaped(character)
    return character


def _selects(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _SELECTORS)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
