"""Words and numbers."""

from collections.abc import Sequence

import numpy as np

NBSP = "\u00a0"


def percent(value: float, digits: int = 1) -> str:
    """Returns a share as a percentage: 0.9213 as "92.1 %", with a space at which no line breaks."""
    return f"{100 * value:.{digits}f}{NBSP}%"


def chance(confidence: float) -> str:
    """Returns a confidence as people read it: "97 %", and "over 99 %" instead of "100 %"."""
    return f"over 99{NBSP}%" if confidence > 0.995 else percent(confidence, 0)


def interval(value: float, low: float, high: float) -> str:
    """Returns a share with its 95 % interval: "92.1 % (89.3 to 94.4)", and "unknown" for NaN."""
    if np.isnan(value):
        return "unknown"
    return f"{percent(value)} ({100 * low:.1f} to {100 * high:.1f})"


def points(difference: float) -> str:
    """Returns a difference of shares in points with its sign: 0.123 as "+12.3"; a true minus sign."""
    return f"{100 * difference:+.1f}".replace("-", "\u2212")


def capital(name: str) -> str:
    """Returns a name with a capital first letter and the others as they are."""
    return name[:1].upper() + name[1:]


def listing(words: Sequence[str]) -> str:
    """Returns "a", "a and b", or "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
