"""What all figures share: colors, number formats, layout.

Figures stand on light and dark pages alike, so backgrounds are transparent, text has the color of the page's theme,
and lines and fills have a contrast of 3:1 on both. Shares are drawn in per cent (0..100), so that an axis writes "80 %"
and hovering "80.4 %". Every figure carries a sentence for those who cannot see it in `layout.meta["alt"]`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.data.classes import class_color, class_edge
from garbage_core.utils.text import NBSP

PRIMARY = "#0B7A75"
NEUTRAL = "#7F7F7F"
# The other end of a diverging pair with PRIMARY; no class and no model has it.
WORSE = "#A8552A"
MODEL_COLORS = {"scratch": NEUTRAL, "transfer": PRIMARY}
# For runs with other names; none of them is a class's color or gray.
_MORE_COLORS = ("#8E6BBF", "#B5651D", "#5B8C2A", "#C44E52", "#3F7FBF")
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "x")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

MOST_POINTS = 500  # of a curve: a screen shows no more
LABELED_TOP = 124  # of an axis in per cent with `value_labels`
CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(127,127,127,0.22)"
LINE = "rgba(127,127,127,0.9)"
# The one hue of matrices; its opacity is the value, so that nothing looks like nothing on light and dark pages.
_MATRIX_COLOR = "#0A6B66"
_PAGES = {False: "#FFFFFF", True: "#12171A"}
# Words and numbers beside a drawing. Streamlit's own gray has a contrast of only 3.7:1 on white.
_WORDS = {False: "#58656A", True: "#C9D1D2"}
# Colors of lines and fills on dark pages: there the ones of light pages would have hardly more than 3:1.
_LIGHTENED = {
    PRIMARY: "#4CC3BA",
    NEUTRAL: "#A7B0B2",
    WORSE: "#E3935F",
    "#8E6BBF": "#B79AE0",
    "#B47C00": "#E69F00",
    "#009E73": "#2CC197",
    "#2E8FC8": "#56B4E9",
    "#0072B2": "#4FA3DC",
    "#D55E00": "#F08339",
    "#CC79A7": "#DD9CBF",
}
# Of these two at least one has a contrast of 4.5:1 on any color.
_INKS = ("#000000", "#FFFFFF")


def named_rows(table: pd.DataFrame) -> Iterator[Any]:
    """Returns the rows of a table as named tuples, with the index first; their types are for the caller to know."""
    yield from table.itertuples()


def model_color(title: str, position: int = 0) -> str:
    """Returns the color of a model: scratch gray, transfer the primary color, others by their position."""
    return MODEL_COLORS.get(title.lower(), _MORE_COLORS[position % len(_MORE_COLORS)])


def model_symbol(title: str, position: int = 0) -> str:
    """Returns the marker of a model, so that it can be told apart without its color."""
    known = list(MODEL_COLORS)
    place = known.index(title.lower()) if title.lower() in MODEL_COLORS else position + len(known)
    return _SYMBOLS[place % len(_SYMBOLS)]


def model_dash(title: str, position: int = 0) -> str:
    """Returns the dash of a model's lines: transfer solid, scratch dashed, others by their position."""
    known = {"transfer": 0, "scratch": 1}
    return DASHES[known.get(title.lower(), position + 2) % len(DASHES)]


def faded(color: str, opacity: float) -> str:
    """Returns a color `#RRGGBB` with an opacity (0..1) as `rgba(...)`."""
    red, green, blue = _rgb(color)
    return f"rgba({red},{green},{blue},{opacity:g})"


def bar_marker(colors: str | list[str], edges: str | list[str], opacity: float, shape: str) -> dict:
    """Returns the marker of bars: fill, and outline and lines of the pattern, of all or of each, as `#RRGGBB`.

    The shape is a pattern as in Plotly; if it is empty, the fill is plain, with an opacity of 0..1.
    """
    fills = faded(colors, opacity) if isinstance(colors, str) else [faded(color, opacity) for color in colors]
    line = {"color": edges, "width": 1.2}
    if not shape:
        return {"color": fills, "line": line}
    # Nothing beneath the pattern: Plotly draws a background of its own only if all bars have one color.
    pattern = {"shape": shape, "size": 6, "solidity": 0.25, "fgcolor": edges}
    return {"color": colors, "line": line, "pattern": pattern}


def legend_sample(name: str, marker: dict, **more) -> go.Bar:
    """Returns a bar that stands in the legend only."""
    return go.Bar(x=[None], y=[None], name=name, marker=marker, hoverinfo="skip", **more)


def class_colors(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the fills and the edges of classes, in their order."""
    return [class_color(name, i) for i, name in enumerate(names)], [class_edge(name, i) for i, name in enumerate(names)]


def dots(x: Any, y: Any, marker: dict, **more) -> go.Scatter:
    """Returns markers without lines."""
    return go.Scatter(x=x, y=y, mode="markers", marker=marker, **more)


def whisker(color: str, value: Any, low: Any, high: Any, thickness: float = 2, width: float = 4) -> dict:
    """Returns error bars from arrays in the unit of the axis, shape (N,) each; thickness and width are in pixels."""
    line = {"color": color, "thickness": thickness, "width": width, "symmetric": False}
    return line | {"array": high - value, "arrayminus": value - low}


def band(x: np.ndarray, low: np.ndarray, high: np.ndarray, color: str, opacity: float) -> list[go.Scatter]:
    """Returns the area between two curves."""
    edge = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    return [go.Scatter(**edge, y=high), go.Scatter(**edge, y=low, fill="tonexty", fillcolor=faded(color, opacity))]


def upright(at: float, **line) -> dict:
    """Returns a vertical line through the whole chart, as a shape."""
    ends = {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}
    return ends | {"line": {"color": LINE, "width": 1.5} | line}


def diagonal(name: str, **more) -> go.Scatter:
    """Returns the dashed line from 0 to 100 % on both axes."""
    line = {"color": LINE, "dash": "dash", "width": 1.5}
    return go.Scatter(x=[0, 100], y=[0, 100], mode="lines", name=name, hoverinfo="skip", line=line, **more)


def percents(table: pd.DataFrame, *columns: str) -> list[np.ndarray]:
    """Returns columns of shares in per cent, each of shape (N,), rounded to what no screen can show."""
    return [np.round(100 * table[column].to_numpy(float), 3) for column in columns]


def thinned(rows: pd.DataFrame, most: int = MOST_POINTS) -> pd.DataFrame:
    """Returns at most that many rows of a curve, evenly spread, with both ends."""
    if len(rows) <= most:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, most).round().astype(int)]


def value_labels(names: Sequence[str], values: np.ndarray, group: str, **more) -> go.Bar:
    """Returns the values of horizontal bars, in per cent, as a column of numbers beyond the whiskers.

    They belong to an invisible bar of the same `offsetgroup`, so that each stands in the row of its own; the axis needs
    a `top` of `LABELED_TOP`.
    """
    return go.Bar(
        x=np.where(np.isfinite(values), 102.0, np.nan),
        y=list(names),
        orientation="h",
        offsetgroup=group,
        legendgroup=group,
        marker={"color": CLEAR, "line": {"width": 0}},
        text=[f"{value:.1f}{NBSP}%" for value in values],
        textposition="outside",
        textangle=0,
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
        **more,
    )


def row_axis(names: Sequence[str], **more) -> dict:
    """Returns the layout of a vertical axis with a row for each name, the first on top."""
    return {"type": "category", "range": [len(names) - 0.5, -0.5], "showgrid": False} | more


def matrix_scale() -> list[tuple[float, str]]:
    """Returns the sequential color scale of matrices: one hue, from nothing at 0 to full at 1."""
    return [(0.0, faded(_MATRIX_COLOR, 0)), (1.0, _MATRIX_COLOR)]


def cell_text_color(share: float, dark: bool | None) -> str | None:
    """Returns the color in which text can be read on a cell of `matrix_scale` with a share (0..1) of the full color.

    It is black or white, whichever has the higher contrast. Without knowing the page (`dark` is None): white on strong
    cells, and None, which is the theme's own, on weak ones.
    """
    if dark is None:
        return "#FFFFFF" if share > 0.6 else None
    cell = [share * a + (1 - share) * b for a, b in zip(_rgb(_MATRIX_COLOR), _rgb(_PAGES[dark]), strict=True)]
    return max(_INKS, key=lambda ink: contrast(_rgb(ink), cell))


def contrast(first: Sequence[float], second: Sequence[float]) -> float:
    """Returns the contrast of two colors (red, green, blue in 0..255), 1 to 21, as WCAG 2.1 defines it."""
    light = []
    for color in (first, second):
        linear = [c / 255 / 12.92 if c <= 10.31 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)


def _rgb(color: str) -> list[int]:
    """Turns `#RRGGBB` into three numbers 0..255."""
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def percent_axis(title: str | None = None, top: float = 100, **more) -> dict:
    """Returns the layout of an axis in per cent that begins at zero."""
    marks = [0, 20, 40, 60, 80, 100]
    texts = [f"{mark}{NBSP}%" for mark in marks]
    return {"title": title, "range": [0, top], "tickvals": marks, "ticktext": texts} | more


def figure(traces: Sequence[go.Scatter | go.Bar | go.Heatmap], alt: str, height: int, **layout) -> go.Figure:
    """Puts traces on the common layout.

    Args:
        traces: What to draw.
        alt: One sentence that says what there is to see.
        height: In pixels; the width is the page's.
        layout: Further layout, as in Plotly; `xaxis` and `yaxis` are merged with the common ones.
    """
    # Hiding zoom: on a phone a finger that wants to scroll the page would zoom the chart.
    axis = {"automargin": True, "gridcolor": GRID, "linecolor": LINE, "zeroline": False, "fixedrange": True}
    axes = {key: axis | (layout.pop(key, None) or {}) for key in ("xaxis", "yaxis")}
    axes |= {key: axis | layout.pop(key) for key in list(layout) if re.fullmatch(r"[xy]axis\d+", key)}
    for settings in axes.values():
        if isinstance(settings.get("title"), str):
            settings["title"] = {"text": settings["title"], "standoff": 12}
    common = {
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": 4, "r": 12, "t": 12, "b": 4},
        "height": height,
        "separators": ".,",
        "hoverlabel": {"align": "left"},
        "hovermode": "closest",
        # Below everything, whatever the height of the chart and the length of its tick labels.
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"}
        | {"title": None, "bgcolor": CLEAR, "traceorder": "normal"},
        "dragmode": False,
        "meta": {"alt": alt},
    }
    return go.Figure(list(traces), layout={**common, **layout, **axes})


INK = {False: "#0E1517", True: "#E8EDED"}  # the strongest words of a light and of a dark page


def fit_theme(chart: go.Figure, dark: bool) -> go.Figure:
    """Returns a figure for a page: words in a color that can be read on it, lines lightened on a dark one.

    Figures know nothing of the page until they are shown. One that has been fitted is returned as it is.
    """
    if chart.layout.font.color is not None:
        return chart
    content = chart.to_dict()
    if dark:
        content = {"data": lightened(content["data"]), "layout": lightened(content["layout"])}
    color, layout = _WORDS[dark], content["layout"]
    layout["font"] = {"color": color} | layout.get("font", {})
    for name, axis in layout.items():
        if re.fullmatch(r"[xy]axis\d*", name):
            axis["tickfont"] = {"color": color} | axis.get("tickfont", {})
            axis["title"] = axis.get("title") or {}
            axis["title"]["font"] = {"color": color} | axis["title"].get("font", {})
    # Within a bar Plotly chooses black or white for the bar's color as if it were solid, and our bars are pale.
    for trace in content["data"]:
        if trace.get("type") == "bar" and "insidetextfont" not in trace:
            trace["insidetextfont"] = {"color": INK[dark]}
    return go.Figure(content, skip_invalid=False)


def lightened(part: Any) -> Any:
    """Returns a part of a figure in which colors of lines and fills are those for dark pages."""
    if isinstance(part, dict):
        return {key: lightened(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [lightened(value) for value in part]
    if isinstance(part, np.ndarray) and part.dtype == object:
        return np.array([lightened(value) for value in part.tolist()], object) if part.ndim == 1 else part
    if not isinstance(part, str):
        return part
    if part in _LIGHTENED:
        return _LIGHTENED[part]
    found = re.fullmatch(r"rgba\((\d+),(\d+),(\d+),([\d.]+)\)", part)
    if found:
        solid = "#{:02X}{:02X}{:02X}".format(*map(int, found.groups()[:3]))
        return faded(_LIGHTENED[solid], float(found[4])) if solid in _LIGHTENED else part
    return part


def alt_text(chart: go.Figure) -> str:
    """Returns the sentence that says what a figure shows."""
    return chart.layout.meta["alt"]
