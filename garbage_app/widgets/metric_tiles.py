"""The numbers that sum a page up: large, each with its interval in muted type below."""

from typing import TYPE_CHECKING

import streamlit as st

from garbage_core.utils.text import NBSP, percent, points

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def tile_row() -> "DeltaGenerator":
    """Returns a row for three tiles, which stand side by side on a phone, too."""
    return st.grid(3, min_column_width=100)


def share_tile(
    grid: "DeltaGenerator", title: str, value: float, low: float, high: float, help_text: str | None = None
) -> None:
    """Writes a share, 0..1, and its 95 % interval into the next cell of a grid."""
    _tile(grid, title, percent(value), f"{100 * low:.1f} to {100 * high:.1f}", help_text)


def difference_tile(
    grid: "DeltaGenerator", title: str, value: float, low: float, high: float, help_text: str | None = None
) -> None:
    """Writes a difference of shares, in points, and its 95 % interval into the next cell of a grid."""
    # "points" beside the number would be cut on a phone, where three tiles share a row.
    _tile(grid, title, points(value), f"{points(low)} to {points(high)}", help_text, "points, ")


def _tile(grid: "DeltaGenerator", title: str, value: str, ends: str, help_text: str | None, unit: str = "") -> None:
    grid.metric(
        title,
        value,
        ends,
        delta_description=f"{unit}95{NBSP}% interval",
        delta_color="off",
        delta_arrow="off",
        help=help_text,
    )
