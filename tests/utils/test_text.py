"""Numbers, words and tables as people read them, on the screen and in plain files."""

import math

import pytest

from garbage_core.utils.text import (
    capital,
    escape,
    interval,
    listing,
    percent,
    points,
    printable,
    quantity,
    signed,
    signed_interval,
    small,
    text_table,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (percent(0.9213), "92.1\u00a0%"),
        (percent(0.9213, 0, plain=True), "92 %"),
        (percent(NAN), "unknown"),
        (percent(None, plain=True), "-"),
        (quantity(0.9213), "92.1\u00a0%"),
        (quantity(0.31249, is_share=False), "0.312"),
        (interval(0.9144, 0.886, 0.94), "91.4\u00a0% (88.6 to 94.0)"),
        (interval(NAN, NAN, NAN, is_share=False), "unknown"),
        (signed(-0.0123, 3), "\u22120.012"),
        (signed(-0.0123, 3, plain=True), "-0.012"),
        (points(0.123), "+12.3"),
        (points(None), "unknown"),
        (signed_interval(0.012, -0.003, 0.026), "+1.2 points (\u22120.3 to +2.6)"),
        (signed_interval(-0.1, -0.2, 0.0, is_share=False), "\u22120.100 (\u22120.200 to +0.000)"),
        (capital("macro-F1"), "Macro-F1"),
        (small("Macro-F1"), "macro-F1"),
        (listing([]), ""),
        (listing(["a"]), "a"),
        (listing(["a", "b"]), "a and b"),
        (listing(("a", "b", "c")), "a, b and c"),
        (printable("a\x1b[31m\nb"), "a?[31m?b"),
        (printable("0123456789" * 3, 20), "0123...7890123456789"),
        (escape("a_b*c\n"), "a\\_b\\*c "),
        (text_table(["", "n"], [["a", "12"], ["bc", "3"]]), "     n\na   12\nbc   3\n"),
    ],
)
def test_every_text(text, expected):
    assert text == expected
