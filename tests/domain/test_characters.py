import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.characters import hidden, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("deployment/checkout", "deployment/checkout"),
        ("Überlauf 東京 émoji 🔥", "Überlauf 東京 émoji 🔥"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b2Kgone", "\\x9b2Kgone"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("pay\u200bment", "pay\\u200bment"),
        ("ok\U000e0041", "ok\\U000e0041"),
        ("a\nb\tc\r\nd", "a b c  d"),
        ("no\u00a0break", "no break"),
        ("x\u0335\u0336\u0337", "x\u0335\u0336\\u0337"),
        ("\u3164blank", "\\u3164blank"),
    ],
)
def test_what_does_not_show_is_written_out(text: str, shown: str) -> None:
    """Letters of all languages stay; controls, bidi marks, zero widths, tags and heaps of accents become escapes."""
    assert visible(text) == shown


@given(st.text())
def test_nothing_hides_in_visible_text(text: str) -> None:
    """Whatever comes in, one line comes out that has no control, format or separator character, and stays as it is."""
    shown = visible(text)

    assert not hidden(shown)
    assert visible(shown) == shown
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Zl", "Zp", "Cs"}


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r"))))
def test_lines_stay_lines(lines: list[str]) -> None:
    """With `lines`, as many lines come out as go in."""
    assert len(visible("\n".join(lines), lines=True).split("\n")) == max(1, len(lines))
