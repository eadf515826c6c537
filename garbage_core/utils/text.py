"""Numbers, times and tables as Markdown for people: what the model card and the README have in common."""

from collections.abc import Sequence

import pandas as pd


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table: the first column to the left, the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def percent(share: float) -> str:
    """Returns a share as "91.4 %", "-" for NaN."""
    return "-" if pd.isna(share) else f"{100 * share:.1f} %"


def interval(value: float, low: float, high: float, share: bool = True) -> str:
    """Returns a value with its interval as "91.4 % (88.6 to 94.0)", or with three decimals if it is no share."""
    if pd.isna(value):
        return "-"
    scale, digits = (100, 1) if share else (1, 3)
    text = percent(value) if share else f"{value:.3f}"
    return text if pd.isna(low) else f"{text} ({scale * low:.{digits}f} to {scale * high:.{digits}f})"


def duration(seconds: float | None) -> str:
    """Returns a time as "45 s", "12 min" or "3 h 05 min"."""
    if seconds is None:
        return "unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def count(number: int, noun: str) -> str:
    """Returns "1 layer", "1,200 layers"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
