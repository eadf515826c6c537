"""Figures about probabilities: reliability, coverage and removal curves."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.figures.style import (
    LINE,
    NEUTRAL,
    PRIMARY,
    band,
    diagonal,
    dots,
    faded,
    figure,
    model_color,
    model_dash,
    model_symbol,
    percent_axis,
    percents,
    thinned,
    whisker,
)
from garbage_core.utils.text import NBSP, listing, percent

# Before and after, in this order; told apart by color, dash and symbol.
_SERIES = ((NEUTRAL, "dot", "circle"), (PRIMARY, "solid", "diamond"), ("#8E6BBF", "dash", "square"))
# A share of fewer predictions than this is not drawn.
_FEWEST = 10


def reliability(curves: Sequence[tuple[str, pd.DataFrame]]) -> go.Figure:
    """Draws how often predictions of each confidence are right, and below it how many there are of each.

    Of each curve, at most three (such as before and after temperature scaling), title and `reliability_table`. Two
    panels share the horizontal axis; the diagonal is perfect calibration.
    """
    traces = [diagonal("perfect")]
    sentences, bars = [], []
    for (title, table), (color, dash, symbol) in zip(curves, _SERIES, strict=False):
        some, common = table[table["photos"] > 0], {"name": title, "legendgroup": title}
        confidence, right, low, high = percents(some, "confidence", "accuracy", "accuracy_low", "accuracy_high")
        # A bin with many photos weighs more, and is drawn larger.
        size = 6 + 8 * np.sqrt(some["photos"] / max(some["photos"].max(), 1)) if len(some) else 6
        traces.append(
            go.Scatter(
                **common,
                x=confidence,
                y=right,
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 2},
                marker={"color": color, "symbol": symbol, "size": size},
                error_y=whisker(color, right, low, high, 1, 3),
                customdata=np.stack([some["photos"], low, high], axis=1),
                hovertemplate="%{fullData.name}: of %{customdata[0]:,} predictions with confidence around %{x:.1f} %"
                "<br>%{y:.1f} % are right (%{customdata[1]:.1f} to %{customdata[2]:.1f})<extra></extra>",
            )
        )
        bars.append(
            go.Bar(
                **common,
                x=50 * (table["bin_low"] + table["bin_high"]),
                y=table["photos"],
                yaxis="y2",
                showlegend=False,
                offsetgroup=title,
                marker={"color": faded(color, 0.5), "line": {"color": color, "width": 1}},
                customdata=100 * table[["bin_low", "bin_high"]].to_numpy(float),
                hovertemplate="%{fullData.name}: %{y:,} predictions with confidence from %{customdata[0]:.0f} to "
                "%{customdata[1]:.0f} %<extra></extra>",
            )
        )
        gaps, photos = some["photos"] * (some["accuracy"] - some["confidence"]).abs(), table["photos"].sum()
        gap = float(gaps.sum() / photos) if photos else np.nan
        sentences.append(f"{percent(gap)} for {title}")
    alt = f"Reliability diagram: the mean distance between confidence and accuracy is {listing(sentences)}."
    return figure(
        [*traces, *bars],
        alt,
        height=480,
        barmode="group",
        bargap=0.1,
        xaxis=percent_axis("Confidence") | {"anchor": "y2", "range": [-1, 101]},
        yaxis=percent_axis("Right predictions") | {"domain": [0.3, 1], "range": [-1, 104]},
        yaxis2={"title": "Photos", "domain": [0, 0.22], "tickformat": ",d", "nticks": 3, "rangemode": "tozero"},
    )


def coverage_curve(curves: Sequence[tuple[str, pd.DataFrame, float | None]], target: float | None = None) -> go.Figure:
    """Draws how the accuracy falls as a model abstains on fewer of the photos.

    Coverage goes from left (the most confident predictions) to right (all).

    Args:
        curves: Title of each model, its `coverage_table`, and its chosen threshold, which is marked on the curve.
        target: Accuracy wanted, 0..1, drawn as a line.
    """
    traces, shapes, sentences, lowest = [], [], [], 100.0
    for position, (title, table, threshold) in enumerate(curves):
        color = model_color(title, position)
        # The first few predictions say nothing: one mistake among three would stretch the axis.
        table = thinned(table[table["accepted"] >= min(_FEWEST, table["accepted"].max())].sort_values("coverage"))
        x, y, low, high = percents(table, "coverage", "accuracy", "accuracy_low", "accuracy_high")
        lowest = min([lowest, *low])
        traces += band(x, low, high, color, 0.15)
        traces.append(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                name=title,
                line={"color": color, "width": 2.2, "dash": model_dash(title, position)},
                customdata=100 * table["threshold"].to_numpy(float),
                hovertemplate="%{fullData.name}, threshold %{customdata:.1f} %:<br>predicts %{x:.1f} % of the photos, "
                "%{y:.1f} % of them rightly<extra></extra>",
            )
        )
        accepted = table[table["threshold"] >= (threshold if threshold is not None else 0)]
        if threshold is None:
            sentences.append(f"{title} is right on {percent(y[-1] / 100)} of all photos")
        elif accepted.empty:
            sentences.append(f"{title} accepts no photo at its threshold")
        else:
            covered = accepted["coverage"].to_numpy(float)
            share, right = float(covered.max()), float(accepted["accuracy"].to_numpy(float)[covered.argmax()])
            traces.append(_threshold_mark(title, position, threshold, share, right))
            sentences.append(
                f"with the threshold {percent(threshold)} {title} predicts {percent(share)} of the photos, "
                f"{percent(right)} of them rightly"
            )
    if target is not None:
        level = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 100 * target, "y1": 100 * target}
        shapes = [level | {"line": {"color": LINE, "width": 1.5, "dash": "dash"}}]
    bottom = max(0, 10 * np.floor(lowest / 10))
    step = 5 if bottom >= 70 else 10
    return figure(
        traces,
        f"Coverage curve: {'; '.join(sentences or ['no models'])}.",
        height=400,
        shapes=shapes,
        xaxis=percent_axis("Photos predicted (coverage)", top=101),
        yaxis=percent_axis("Right among them (accuracy)")
        | {"range": [bottom, 100.5], "tickvals": None, "ticktext": None, "dtick": step}
        | {"ticksuffix": f"{NBSP}%"},
    )


def _threshold_mark(title: str, position: int, threshold: float, share: float, right: float) -> go.Scatter:
    """Marks where a model's threshold stands on its coverage curve; shares are 0..1."""
    symbol = {"color": model_color(title, position), "size": 13, "symbol": model_symbol(title, position)}
    return dots(
        [100 * share],
        [100 * right],
        symbol | {"line": {"color": "#FFFFFF", "width": 1.5}},
        name=f"{title}, threshold {percent(threshold)}",
        hovertemplate="%{fullData.name}:<br>predicts %{x:.1f} % of the photos, %{y:.1f} % of them rightly"
        "<extra></extra>",
    )


def removal_curve(table: pd.DataFrame, label: str, draws: int) -> go.Figure:
    """Draws how the probability of a class falls as the hottest places are removed, and as random ones are.

    The table is that of `Faithfulness.to_table`, `label` the class; the band spans all random orders, `draws` of them.
    """
    x, hottest, mean, low, high = percents(table, "removed", "hottest", "random", "random_low", "random_high")
    curves = [
        (mean, f"random order, mean of {draws}", NEUTRAL, "dash", "circle", "removed at random"),
        (hottest, "hottest first", PRIMARY, "solid", "diamond", "removed, hottest first"),
    ]
    traces = band(x, low, high, NEUTRAL, 0.2) + [
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
    """Draws the colors of heat maps, from nothing to the most: a strip with a word at each end."""
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
