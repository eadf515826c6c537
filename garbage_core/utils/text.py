"""Numbers, times, lists and tables as words: every text that people read is put together here.

A text for the screen holds a number and its unit together with `NBSP`, has a true minus sign and says "unknown" for a
missing value. `plain=True` is for Markdown files and terminals: an ordinary space, a hyphen, "-" for a missing value.
"""

import math
import re
from collections.abc import Sequence

NBSP = "\u00a0"  # a space at which no line breaks
MINUS = "\u2212"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&^=\"'])")


# Numbers


def percent(share: float | None, digits: int = 1, plain: bool = False) -> str:
    """Returns a share as a percentage: 0.9213 as "92.1 %"."""
    if share is None or math.isnan(share):
        return _unknown(plain)
    return f"{100 * share:.{digits}f}{' ' if plain else NBSP}%"


def chance(probability: float) -> str:
    """Returns a probability as people read it: "97 %", and "over 99 %" instead of "100 %"."""
    return f"over 99{NBSP}%" if probability > 0.995 else percent(probability, 0)


def quantity(value: float | None, is_share: bool = True, plain: bool = False) -> str:
    """Returns the value of a metric: "91.4 %" if it is a share, else three decimals."""
    if is_share:
        return percent(value, plain=plain)
    return _unknown(plain) if _is_missing(value) else f"{value:.3f}"


def interval(value: float, low: float, high: float, is_share: bool = True, plain: bool = False) -> str:
    """Returns a metric with its interval: "91.4 % (88.6 to 94.0)", or "0.312 (0.274 to 0.353)" if it is no share.

    Args:
        value: Metric; a missing one (NaN) has no interval.
        low: Lower end, in the unit of `value`; NaN leaves the interval out.
        high: Upper end.
        is_share: Whether the metric is a share of one, 0..1.
        plain: Whether the text is for a file or a terminal.
    """
    text = quantity(value, is_share, plain)
    factor, digits = (100, 1) if is_share else (1, 3)
    ends = f" ({factor * low:.{digits}f} to {factor * high:.{digits}f})"
    return text if _is_missing(value) or _is_missing(low) else text + ends


def signed(value: float | None, digits: int = 1, plain: bool = False) -> str:
    """Returns a number with its sign: "+12.3", or with a true minus, which is as long as the plus."""
    if _is_missing(value):
        return _unknown(plain)
    text = f"{value:+.{digits}f}"
    return text if plain else text.replace("-", MINUS)


def points(difference: float | None) -> str:
    """Returns a difference of shares in percentage points with its sign: 0.123 as "+12.3"."""
    return signed(None if difference is None else 100 * difference)


def signed_interval(value: float, low: float, high: float, is_share: bool = True) -> str:
    """Returns a difference of metrics with its interval: "+1.2 points (-0.3 to +2.6)", in the unit of the metric."""
    if is_share:
        return f"{points(value)} points ({points(low)} to {points(high)})"
    return f"{signed(value, 3)} ({signed(low, 3)} to {signed(high, 3)})"


def number(value: float) -> str:
    """Returns a whole number as "2,527"."""
    return f"{value:,.0f}"


def count(amount: int, noun: str) -> str:
    """Returns "1 layer", "1,200 layers"."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """Returns a time as "45 s", "12 min" or "3 h 05 min"."""
    if seconds is None:
        return "unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _unknown(plain: bool) -> str:
    return "-" if plain else "unknown"


# Words


def capital(text: str) -> str:
    """Returns a text with a capital first letter and the others as they are."""
    return text[:1].upper() + text[1:]


def small(text: str) -> str:
    """Returns a text with a small first letter, as it stands within a sentence."""
    return text[:1].lower() + text[1:]


def listing(words: Sequence[str]) -> str:
    """Returns "a", "a and b", or "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def printable(text: str, limit: int | None = None, tail: int = 13, instead: str = "?") -> str:
    """Returns a text on one line and without what could do something to a terminal, such as colors.

    Args:
        text: Any text, such as the name of an uploaded file.
        limit: Length in characters from which on a text loses its middle.
        tail: Number of characters after a lost middle.
        instead: What stands for a control character.
    """
    text = "".join(letter if letter.isprintable() else instead for letter in text)
    return text if limit is None or len(text) <= limit else f"{text[: limit - tail - 3]}...{text[-tail:]}"


def escape(text: str, limit: int = 60) -> str:
    """Returns a text so that Markdown shows it letter by letter; `limit` as in `printable`."""
    return _MARKDOWN.sub(r"\\\1", printable(str(text), limit, instead=" "))


# Tables


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table: the first column to the left, the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table for a terminal: the first column to the left, the others to the right, two spaces between."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        for row in (header, *rows)
    ]
    return "".join("  ".join(line).rstrip() + "\n" for line in lines)
