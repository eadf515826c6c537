"""Figures about heat maps: how a probability falls as places are removed, and what the colors mean."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.explain.heatmaps import colorize
from garbage_core.figures.style import NEUTRAL, PRIMARY, faded, figure, percent_axis
from garbage_core.utils.text import NBSP, percent


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
            **{"x": x, "y": y, "mode": "lines+markers", "name": name},
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
    steps = 64
    colors = colorize(np.linspace(0, 1, steps)[np.newaxis])[0]
    scale = [[k / (steps - 1), f"rgb({r},{g},{b})"] for k, (r, g, b) in enumerate(colors)]
    strip = go.Heatmap(
        z=[np.linspace(0, 1, steps)],
        x=np.linspace(0, 100, steps),
        colorscale=scale,
        showscale=False,
        hoverinfo="skip",
    )
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
