"""Figures about the photos: how many of each class, how large, how bright, and which color fills them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.data.class_balance import expected_counts
from garbage_core.data.classes import class_color, class_edge
from garbage_core.data.photo_statistics import COLOR_NAMES, hex_to_rgb
from garbage_core.figures.style import (
    LINE,
    NEUTRAL,
    bar_marker,
    class_colors,
    contrast,
    dots,
    figure,
    legend_sample,
    named_rows,
)
from garbage_core.utils.text import NBSP, listing, number, percent

# Splits are told apart by fill pattern, because the colors are the classes'.
_PATTERNS = ("", "/", ".", "x", "-", "+")
_STRENGTHS = (1.0, 0.55, 0.35)
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")
_CLASS_AXIS = {"type": "category", "showgrid": False, "autotickangles": [0, -45]}
_PHOTO_AXIS = {"title": "Photos", "rangemode": "tozero", "tickformat": ",d"}


def class_distribution(counts: pd.DataFrame) -> go.Figure:
    """Draws how many photos every class (row) has in every split (column): stacked bars in the classes' colors."""
    classes, splits = [str(name) for name in counts.index], [str(name) for name in counts.columns]
    fills, edges = class_colors(classes)
    totals = counts.sum(axis=1)
    traces = []
    for k, split in enumerate(splits):
        strength = _STRENGTHS[min(k, len(_STRENGTHS) - 1)]
        shape = _PATTERNS[k % len(_PATTERNS)]
        traces.append(
            go.Bar(
                x=classes,
                y=counts.iloc[:, k],
                name=split,
                showlegend=False,
                marker=bar_marker(fills, edges, strength, shape),
                customdata=totals,
                hovertemplate=f"%{{x}}, {split}: %{{y:,}} of %{{customdata:,}} photos<extra></extra>",
            )
        )
        # The legend explains patterns, so its samples are gray and not the color of the first class.
        sample = bar_marker(NEUTRAL, NEUTRAL, strength, shape)
        traces.append(legend_sample(split, sample))
    labels = {"x": classes, "y": totals, "text": [number(n) for n in totals], "hoverinfo": "skip"}
    # Invisible markers, because they keep the text off the bars.
    labels |= {"mode": "markers+text", "marker": {"size": 8, "opacity": 0}, "textposition": "top center"}
    traces.append(go.Scatter(**labels, showlegend=False, cliponaxis=False))
    largest, smallest = totals.idxmax(), totals.idxmin()
    alt = (
        f"Bar chart of {number(totals.sum())} photos by class and by split ({listing(splits)}): "
        f"{largest} has the most with {number(totals.max())}, {smallest} the fewest with {number(totals.min())}."
    )
    return figure(
        traces,
        alt,
        height=380,
        barmode="stack",
        bargap=0.3,
        xaxis=_CLASS_AXIS,
        yaxis=_PHOTO_AXIS | {"range": [0, 1.1 * max(totals.max(), 1)]},
    )


def split_shares(counts: pd.DataFrame) -> go.Figure:
    """Draws which share of each split a class has, beside its share of all photos, which every split would have.

    One row per class (row of `counts`): a tick at the even share, and a symbol for each split (column); hovering gives
    both counts.
    """
    classes, splits = [str(name) for name in counts.index], [str(name) for name in counts.columns]
    expected, totals = expected_counts(counts), counts.sum(axis=1)
    even = 100 * totals / max(totals.sum(), 1)
    fills, edges = class_colors(classes)
    tick = {"symbol": "line-ns", "size": 24, "line": {"color": NEUTRAL, "width": 2.5}}
    traces = [dots(even, classes, tick, name="even share", hoverinfo="skip")]
    for k, split in enumerate(splits):
        photos, symbol = counts.iloc[:, k], _SYMBOLS[k % len(_SYMBOLS)]
        traces.append(
            dots(
                100 * photos / max(photos.sum(), 1),
                classes,
                {"symbol": symbol, "size": 11, "color": fills, "line": {"color": edges, "width": 1.5}},
                showlegend=False,
                customdata=np.stack([photos, expected.iloc[:, k]], axis=1),
                hovertemplate=f"%{{y}}, {split}: %{{customdata[0]:,}} photos, %{{customdata[1]:.1f}} were even"
                "<extra></extra>",
            )
        )
        sample = {"symbol": symbol, "size": 10, "color": NEUTRAL}
        traces.append(dots([None], [None], sample, name=split, hoverinfo="skip"))
    shares = [f"{name} {share:.1f} %" for name, share in zip(classes, even, strict=True)]
    alt = f"Dot chart of each class's share of each split ({listing(splits)}). Share of all photos: {listing(shares)}."
    return figure(
        traces,
        alt,
        height=110 + 34 * len(classes),
        xaxis={"title": "Share of the split's photos", "rangemode": "tozero", "ticksuffix": f"{NBSP}%"},
        yaxis={"type": "category", "autorange": "reversed"},
    )


def effective_numbers(table: pd.DataFrame) -> go.Figure:
    """Draws how many photos each class has to learn from, and how many of them count as new.

    A broad faint bar for the column `photos` of each `label`, a narrow full one in it for `effective`, the effective
    number, see `class_balance.effective_number`.
    """
    classes = table["label"].astype(str).tolist()
    fills, edges = class_colors(classes)
    hover = "%{x}: %{customdata[0]:,} photos count as %{customdata[1]:.1f}<extra></extra>"
    numbers = table[["photos", "effective"]].to_numpy()
    traces = []
    for column, name, width, opacity in (("photos", "photos", 0.7, 0.25), ("effective", "effective number", 0.4, 1.0)):
        marker = bar_marker(fills, edges, opacity, "")
        bar = {"x": classes, "y": table[column], "width": width, "marker": marker, "showlegend": False}
        traces.append(go.Bar(**bar, name=name, customdata=numbers, hovertemplate=hover))
        traces.append(legend_sample(name, bar_marker(NEUTRAL, NEUTRAL, opacity, "")))
    pairs = [f"{row.label} {number(row.photos)} and {row.effective:.1f}" for row in named_rows(table)]
    return figure(
        traces,
        f"Bar chart of photos and effective number by class: {'; '.join(pairs)}.",
        height=320,
        barmode="overlay",
        xaxis=_CLASS_AXIS,
        yaxis=_PHOTO_AXIS,
    )


def photo_sizes(photos: pd.DataFrame) -> go.Figure:
    """Draws `width` and `height` (pixels) of photos, one a row: one circle per size, its area their number."""
    sizes = photos.groupby(["width", "height"]).size().reset_index(name="photos")
    most = sizes["photos"].max() if len(sizes) else 1
    diameter = 8 + 26 * np.sqrt(sizes["photos"] / most)
    trace = dots(
        sizes["width"],
        sizes["height"],
        {"size": diameter, "color": NEUTRAL, "opacity": 0.6, "line": {"color": NEUTRAL, "width": 1}},
        customdata=sizes["photos"],
        hovertemplate="%{x:,} x %{y:,} pixels: %{customdata:,} photos<extra></extra>",
    )
    if len(sizes) == 1:
        alt = f"All {number(len(photos))} photos are {sizes['width'][0]} by {sizes['height'][0]} pixels."
    elif len(sizes):
        top = sizes.nlargest(1, "photos").iloc[0]
        alt = (
            f"Scatter plot of {number(len(photos))} photos in {number(len(sizes))} sizes; the most common is "
            f"{top['width']} by {top['height']} pixels with {number(top['photos'])} photos."
        )
    else:
        alt = "Empty scatter plot of photo sizes: there are no photos."
    reach = (1.12 * sizes[["width", "height"]].max()).fillna(1.0)
    return figure(
        [trace],
        alt,
        height=340,
        xaxis={"title": "Width in pixels", "range": [0, reach["width"]], "tickformat": ",d"},
        yaxis={"title": "Height in pixels", "range": [0, reach["height"]], "tickformat": ",d"},
    )


def file_sizes(photos: pd.DataFrame, classes: Sequence[str]) -> go.Figure:
    """Draws how large the files are, one photo a row with `label` and `bytes`: a stacked histogram in kilobytes."""
    kilobytes = photos["bytes"].to_numpy(float) / 1000
    edges = np.histogram_bin_edges(kilobytes, bins=24) if len(kilobytes) else np.array([0.0, 1.0])
    spans = np.stack([edges[:-1], edges[1:]], axis=1)
    traces = []
    for i, name in enumerate(classes):
        heights, _ = np.histogram(kilobytes[(photos["label"] == name).to_numpy()], edges)
        traces.append(
            go.Bar(
                x=spans.mean(axis=1),
                y=heights,
                width=np.diff(edges),
                name=str(name),
                marker={"color": class_color(name, i), "line": {"color": class_edge(name, i), "width": 1}},
                customdata=spans,
                hovertemplate="%{customdata[0]:.1f} to %{customdata[1]:.1f} kB: "
                "%{y:,} photos of %{fullData.name}<extra></extra>",
            )
        )
    alt = "Empty histogram of file sizes: there are no photos."
    if len(kilobytes):
        low, middle, high = np.quantile(kilobytes, [0.05, 0.5, 0.95])
        alt = (
            f"Histogram of the file sizes of {number(len(kilobytes))} photos: half are below {middle:.1f} kB, "
            f"nine in ten between {low:.1f} and {high:.1f} kB."
        )
    return figure(
        traces,
        alt,
        height=340,
        barmode="stack",
        bargap=0,
        xaxis={"title": "Size of the file in kB", "showgrid": False},
        yaxis=_PHOTO_AXIS,
    )


def brightness_ranges(table: pd.DataFrame) -> go.Figure:
    """Draws how bright the photos of each class are: a dot at the median, a bar for the middle half, a line for 90 %.

    The table is that of `photo_statistics.brightness_table`; the axis goes from black (0 %) to white (100 %).
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
        marker = {"size": 13, "color": "#FFFFFF", "line": {"color": edge, "width": 3}}
        more = {"showlegend": False, "hovertemplate": f"{hover}<extra></extra>"}
        traces.append(dots([100 * row.median], [row.label], marker, **more))
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

    The table is that of `photo_statistics.color_table`. One bar per class, its parts named, adds up to all its photos.
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


def _ink(color: str) -> str:
    """Returns black or white, whichever can be read better on a color."""
    rgb = hex_to_rgb([color])[0]
    return "#000000" if contrast((0, 0, 0), rgb) >= contrast((255, 255, 255), rgb) else "#FFFFFF"
