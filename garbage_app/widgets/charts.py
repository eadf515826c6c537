"""Charts, with their text alternatives, clicks and downloads; and tables."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from garbage_app import cache

# Plotly takes a second to load, and the landing page is drawn without it.
if TYPE_CHECKING:
    import plotly.graph_objects as go


def is_dark() -> bool:
    """Returns whether the reader's theme is the dark one."""
    return st.context.theme.type == "dark"


@cache.resource(max_entries=128, private=lambda key, private, *rest: private)
def _drawn(key: tuple, private: bool, dark: bool, _draw: Callable[[], "go.Figure"]) -> "go.Figure":
    figure = _fitted(_draw(), dark)
    content = figure.to_dict()
    # Streamlit asks for it in every run of a page; copying it anew takes Plotly longer than all that follows.
    figure.to_dict = lambda: content
    return figure


def _fitted(figure: "go.Figure", dark: bool) -> "go.Figure":
    from garbage_core.figures.style import fit_theme

    return fit_theme(figure, dark)


def drawn(draw: Callable[[], "go.Figure"], *key: object, private: bool = False) -> "go.Figure":
    """Returns a figure, drawn once for all sessions: Plotly takes longer to check a figure than a page may take.

    Args:
        draw: Makes the figure; what it needs may be computed in it.
        key: All that the figure depends on besides the theme: its kind, every run, split, options.
        private: Whether it shows something about a reader's own photo.

    Returns:
        The shared figure, which must not be changed.
    """
    return _drawn(key, private, is_dark(), draw)


def show(
    figure: "go.Figure",
    name: str,
    toolbar: bool = True,
    data: "pd.DataFrame | Callable[[], pd.DataFrame] | None" = None,
    on_select: Callable[[], None] | None = None,
    lasso: bool = False,
) -> None:
    """Draws a figure with its text alternative and, below it, its downloads.

    Args:
        figure: From `garbage_core.figures`.
        name: Unique on the page; also the name of the downloaded files.
        toolbar: Whether the image can be downloaded.
        data: Its numbers, or a function that makes them when they are asked for, to be downloaded as CSV.
        on_select: Called when a point is clicked, which then stands in `st.session_state[name]`; see `clicked`.
        lasso: Whether a drag around points selects them as well.
    """
    from garbage_app.widgets.downloads import downloads

    figure = _fitted(figure, is_dark())  # changes nothing in what comes from `drawn`
    alt = figure.layout.meta["alt"]
    st.plotly_chart(
        figure,
        key=name,
        alt=alt,
        on_select=on_select or "ignore",
        selection_mode=("points", "lasso") if lasso else "points",
        config={
            "displayModeBar": "hover" if toolbar else False,
            "displaylogo": False,
            "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": {"filename": name},
        },
    )
    if toolbar:
        downloads(name, alt, data)


def clicked(name: str) -> list | None:
    """Returns the `customdata` of the point that was clicked in a figure, or None if none was; for `on_select`."""
    points = st.session_state[name].selection.points
    return points[0]["customdata"] if points else None


def show_table(data: pd.DataFrame, name: str, columns: dict | None = None) -> None:
    """Shows a table that scrolls inside itself, without its index."""
    st.dataframe(data, hide_index=True, column_config=columns, key=name)
