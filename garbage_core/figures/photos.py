"""Figures about single photos: how bright they are, which color fills them, where a network puts them on a map."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.data.classes import class_color, class_edge
from garbage_core.data.photo_statistics import COLOR_NAMES, hex_to_rgb
from garbage_core.figures.style import (
    LINE,
    NEUTRAL,
    PRIMARY,
    WORSE,
    contrast,
    dots,
    faded,
    figure,
    named_rows,
    percent_axis,
)
from garbage_core.utils.text import NBSP, listing, number, percent

# So that classes can be told apart on the map without color.
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "triangle-down", "pentagon")
_RING = "#C2185B"  # around the chosen photo; 3:1 on both themes, and no class has it


def brightness_ranges(table: pd.DataFrame) -> go.Figure:
    """Draws how bright the photos of each class are: a dot at the median, a bar for the middle half, a line for 90 %.

    Args:
        table: From `photo_statistics.brightness_table`.

    Returns:
        One row per class over an axis from black (0 %) to white (100 %).
    """
    traces = []
    for place, row in enumerate(named_rows(table)):
        color, edge = class_color(row.label, place), class_edge(row.label, place)
        for ends, width in (((row.low, row.high), 2), ((row.q1, row.q3), 12)):
            line = {"x": [100 * end for end in ends], "y": [row.label] * 2, "line": {"color": color, "width": width}}
            traces.append(go.Scatter(**line, mode="lines", hoverinfo="skip", showlegend=False))
        hover = (
            f"{row.label}, {number(row.photos)} photos<br>median {percent(row.median)}<br>half of them "
            f"{percent(row.q1)} to {percent(row.q3)}<br>nine in ten {percent(row.low)} to {percent(row.high)}"
        )
        traces.append(
            go.Scatter(
                x=[100 * row.median],
                y=[row.label],
                mode="markers",
                showlegend=False,
                marker={"size": 13, "color": "#FFFFFF", "line": {"color": edge, "width": 3}},
                hovertemplate=f"{hover}<extra></extra>",
            )
        )
    medians = [f"{row.label} {percent(row.median)}" for row in named_rows(table)]
    alt = f"Chart of the brightness of photos by class, from black to white. Medians: {listing(medians)}."
    return figure(
        traces,
        alt if medians else "Empty chart of brightness: there are no photos.",
        height=70 + 42 * max(len(table), 1),
        xaxis={"title": "Brightness", "range": [0, 100], "ticksuffix": f"{NBSP}%"},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
    )


def dominant_colors(table: pd.DataFrame) -> go.Figure:
    """Draws which colors fill the photos of each class, each in the mean of the photos that have it.

    Args:
        table: From `photo_statistics.color_table`.

    Returns:
        One bar per class, its parts named, adding up to all photos of the class.
    """
    classes = list(dict.fromkeys(table["label"]))
    names = [name for name in COLOR_NAMES if name in set(table["name"])]
    traces = []
    for name in names:
        rows = table[table["name"] == name]
        inks = [_ink(color) for color in rows["color"]]
        traces.append(
            go.Bar(
                x=100 * rows["share"],
                y=rows["label"],
                orientation="h",
                name=name,
                text=[name] * len(rows),
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                insidetextfont={"color": inks},
                marker={"color": rows["color"].tolist(), "line": {"color": LINE, "width": 1}},
                customdata=np.stack([rows["photos"], rows["label"]], axis=1),
                hovertemplate=f"{name}: %{{customdata[0]:,}} photos of %{{customdata[1]}}, %{{x:.1f}}{NBSP}%"
                "<extra></extra>",
                showlegend=False,
            )
        )
    most = table.loc[table.groupby("label", sort=False)["share"].idxmax()] if len(table) else table
    sentences = [f"{row.label} {row.name} ({percent(row.share)})" for row in named_rows(most)]
    alt = "Stacked bars of the colors that fill most of a photo, by class. The most common: "
    return figure(
        traces,
        f"{alt}{listing(sentences)}." if sentences else "Empty chart of colors: there are no photos.",
        height=70 + 42 * max(len(classes), 1),
        barmode="stack",
        bargap=0.25,
        uniformtext={"minsize": 11, "mode": "hide"},
        xaxis={"title": "Share of the class's photos", "range": [0, 100], "ticksuffix": f"{NBSP}%"},
        yaxis={"type": "category", "categoryorder": "array", "categoryarray": classes[::-1], "showgrid": False},
    )


def photo_map(
    points: pd.DataFrame, classes: Sequence[str], coloring: str = "class", chosen: str | None = None
) -> go.Figure:
    """Draws photos on a plane, similar ones close together; a click on one gives its file.

    Args:
        points: Columns `file`, `x`, `y`, `label`, `split` and `predicted`.
        classes: Names in order.
        coloring: "class" (color and symbol of the true class) or "correct" (right or wrong).
        chosen: File of a photo that gets a ring.

    Returns:
        A scatter plot without scales, because places mean nothing by themselves; `customdata` of a point is its file.
    """
    right = points["predicted"] == points["label"]
    if coloring == "class":
        groups = []
        for place, name in enumerate(classes):
            symbol = _SYMBOLS[place % len(_SYMBOLS)]
            colors = class_color(name, place), class_edge(name, place)
            groups.append((name, points["label"] == name, *colors, symbol, 7))
    else:
        groups = [("right", right, NEUTRAL, NEUTRAL, "circle", 5), ("wrong", ~right, WORSE, WORSE, "x", 9)]
    traces = []
    for name, rows, color, edge, symbol, size in groups:
        part = points[rows.to_numpy()]
        if part.empty:
            continue
        opacity = {"opacity": 0.45 if name == "right" else 0.85}
        traces.append(
            dots(
                part["x"],
                part["y"],
                opacity | {"color": color, "symbol": symbol, "size": size, "line": {"color": edge, "width": 0.8}},
                name=f"{name} ({number(len(part))})",
                unselected={"marker": opacity},  # all stay as they are when one is clicked: the ring says which
                customdata=part[["file"]].to_numpy(),
                text=_hovers(part),
                hovertemplate="%{text}<extra></extra>",
            )
        )
    at = points[points["file"] == chosen]
    if len(at):
        ring = {"color": "rgba(0,0,0,0)", "size": 20, "line": {"color": _RING, "width": 3}}
        traces.append(dots(at["x"], at["y"], ring, hoverinfo="skip", showlegend=False))
    alt = "Empty map: there are no photos."
    if len(points):
        alt = (
            f"Map of {number(len(points))} photos, similar ones close together, colored by "
            f"{'their class' if coloring == 'class' else 'whether the prediction is right'}; "
            f"{number((~right).sum())} are predicted as another class than theirs."
        )
    bare = {"visible": False, "showgrid": False}
    # A class that the reader hid through the legend stays hidden when the ring moves.
    return figure(traces, alt, height=560, xaxis=bare, yaxis=bare | {"scaleanchor": "x"}, uirevision=coloring)


def _hovers(points: pd.DataFrame) -> list[str]:
    splits = {"train": "training", "val": "validation"}
    return [
        f"{row.file}<br>{row.label}, {splits.get(row.split, row.split)} photo<br>"
        + ("rightly predicted" if row.predicted == row.label else f"predicted as {row.predicted}")
        for row in named_rows(points)
    ]


def _ink(color: str) -> str:
    """Returns black or white, whichever can be read better on a color."""
    rgb = hex_to_rgb([color])[0]
    return "#000000" if contrast((0, 0, 0), rgb) >= contrast((255, 255, 255), rgb) else "#FFFFFF"


def removal_curve(table: pd.DataFrame, label: str, draws: int) -> go.Figure:
    """Draws how the probability of a class falls as the hottest places are removed, and as random ones are.

    Args:
        table: Columns `removed`, `hottest`, `random`, `random_low`, `random_high` (0..1), see
            `garbage_core.explain.faithfulness.Faithfulness.to_table`.
        label: Name of the class.
        draws: Number of random orders, for the legend.

    Returns:
        Line chart; the band spans all random orders.
    """
    x = 100 * table["removed"].to_numpy(float)
    hottest, mean, low, high = (
        100 * table[column].to_numpy(float) for column in ("hottest", "random", "random_low", "random_high")
    )
    edge = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    curves = [
        (mean, f"random order, mean of {draws}", NEUTRAL, "dash", "circle", "removed at random"),
        (hottest, "hottest first", PRIMARY, "solid", "diamond", "removed, hottest first"),
    ]
    traces = [go.Scatter(**edge, y=high), go.Scatter(**edge, y=low, fill="tonexty", fillcolor=faded(NEUTRAL, 0.2))]
    traces += [
        go.Scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=name,
            line={"color": color, "width": 2.2, "dash": dash},
            marker={"color": color, "symbol": symbol, "size": 7},
            hovertemplate=f"%{{x:.0f}} % of the photo {words}:<br>probability %{{y:.1f}} %<extra></extra>",
        )
        for y, name, color, dash, symbol, words in curves
    ]
    hot, chance = (np.interp(20, x, curve) / 100 for curve in (hottest, mean))
    alt = (
        f"Probability of {label} as places of the photo are removed: {percent(hottest[0] / 100)} at first, "
        f"{percent(hot)} without the hottest fifth, {percent(chance)} without a random fifth."
    )
    return figure(
        traces,
        alt,
        height=290,
        xaxis=percent_axis("Share of the photo removed") | {"range": [-2, 102], "showgrid": False},
        yaxis=percent_axis("Probability") | {"range": [-2, 104]},
    )


def heat_scale() -> go.Figure:
    """Draws the colors of heat maps, from nothing to the most.

    Returns:
        A strip with a word at each end.
    """
    heat = np.linspace(0, 1, 64)
    strip = go.Heatmap(z=[heat], x=100 * heat, colorscale="Viridis", showscale=False, hoverinfo="skip")
    # The words are set to begin and end with the strip; ticks would stand half outside.
    note = {"xref": "paper", "yref": "paper", "y": 0, "yanchor": "top", "yshift": -4, "showarrow": False}
    return figure(
        [strip],
        "Color scale of the heat maps: dark violet where nothing speaks for the class, through green to yellow where "
        "most does.",
        height=56,
        annotations=[
            note | {"x": 0, "xanchor": "left", "text": "nothing"},
            note | {"x": 1, "xanchor": "right", "text": f"speaks most for{NBSP}it"},
        ],
        margin={"l": 0, "r": 0, "t": 4, "b": 28},
        xaxis={"visible": False},
        yaxis={"visible": False},
    )
