"""Figures about speed: what a photo takes, and how much of each goal that is."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from garbage_core.figures.style import (
    NEUTRAL,
    PRIMARY,
    WORSE,
    bar_marker,
    figure,
    model_color,
    percent_axis,
    row_axis,
    upright,
    whisker,
)
from garbage_core.utils.text import listing

_MOST_OF_A_GOAL = 160  # per cent; bars of goals that are missed by more end there
_LONG_BAR = 60  # per cent of a goal; longer bars hold their words


def times_per_photo(rows: Sequence[tuple[str, float, float, float]]) -> go.Figure:
    """Draws the milliseconds that a photo takes with each model.

    Of each model its title, the median and the ends of the middle half are given.
    """
    titles = [title for title, *_ in rows]
    median, low, high = (np.array(column) for column in list(zip(*rows, strict=True))[1:])
    colors = [model_color(title, position) for position, title in enumerate(titles)]
    bars = go.Bar(
        x=median,
        y=titles,
        orientation="h",
        marker=bar_marker(colors, colors, 0.4, ""),
        error_x=whisker(NEUTRAL, median, low, high),
        text=[f"{value:.0f} ms" for value in median],
        textposition="inside",
        insidetextanchor="start",
        hovertemplate="%{y}: %{x:.1f} ms<extra></extra>",
    )
    alt = f"Bars of the time that a photo takes: {listing([f'{t} {m:.0f} milliseconds' for t, m, *_ in rows])}."
    height = 60 + 44 * len(rows)
    axis = {"title": "Milliseconds per photo", "rangemode": "tozero"}
    return figure([bars], alt, height, xaxis=axis, yaxis=row_axis(titles), showlegend=False)


def goals_of_speed(rows: Sequence[tuple[str, str, str, float, bool]]) -> go.Figure:
    """Draws how much of each goal of speed is used up: up to 100 % a goal is met.

    Args:
        rows: Title, what was measured and the goal, both in words, the share of the goal that is used (0..), and
            whether it is met.
    """
    titles = [title for title, *_ in rows]
    shares = np.array([100 * share for *_, share, _ in rows])
    colors = [PRIMARY if met else WORSE for *_, met in rows]
    words = [f"{measured}, goal {goal}{'' if met else ': missed'}" for _, measured, goal, _, met in rows]
    bars = go.Bar(
        x=np.minimum(shares, _MOST_OF_A_GOAL).round(1),
        y=titles,
        orientation="h",
        marker=bar_marker(colors, colors, 0.4, ""),
        text=words,
        # On a phone the words beside a long bar would be cut off.
        textposition=np.where(shares > _LONG_BAR, "inside", "outside"),
        insidetextanchor="start",
        hovertemplate="%{y}: %{text}<extra></extra>",
        cliponaxis=False,
    )
    missed = [title for title, *_, met in rows if not met]
    alt = f"Bars of the share of {len(rows)} goals that is used up; missed: {listing(missed) or 'none'}."
    axis = percent_axis("Share of the goal", top=_MOST_OF_A_GOAL)
    shapes = [upright(100, color=NEUTRAL, width=1.5, dash="dot")]
    return figure([bars], alt, 80 + 32 * len(rows), xaxis=axis, yaxis=row_axis(titles), shapes=shapes, showlegend=False)
