"""Figures about two or more models on the same photos."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.figures_results import matrix
from garbage_core.figures_style import (
    LINE,
    NBSP,
    bar_marker,
    figure,
    listing,
    lower_name,
    metric_name,
    model_color,
    model_symbol,
    number,
    percent,
    percent_axis,
)

_PATTERNS = ("/", "", ".", "x")


def metric_comparison(
    models: Sequence[tuple[str, pd.DataFrame]],
    metrics: Sequence[str] = ("accuracy", "macro_f1", "balanced_accuracy"),
) -> go.Figure:
    """Draws metrics that are shares, with their 95 % intervals, for any number of models.

    Args:
        models: Title of each model and its table with the columns `metric`, `value`, `low`, `high` (0..1).
        metrics: Which to draw, from top to bottom.

    Returns:
        Horizontal bars from zero in the models' colours.
    """
    labels = [metric_name(metric) for metric in metrics]
    traces, sentences = [], []
    for position, (title, table) in enumerate(models):
        rows = table.set_index("metric").loc[list(metrics)]
        value, low, high = (100 * rows[column].to_numpy(float) for column in ("value", "low", "high"))
        color = model_color(title, position)
        whisker = {"color": color, "thickness": 2, "width": 4, "symmetric": False}
        traces.append(
            go.Bar(
                x=value,
                y=labels,
                orientation="h",
                name=title,
                marker=bar_marker(color, color, 0.4, _PATTERNS[position % len(_PATTERNS)]),
                error_x=whisker | {"array": high - value, "arrayminus": value - low},
                customdata=np.stack([low, high], axis=1),
                hovertemplate="%{fullData.name}: %{y} %{x:.1f} %<br>95 % interval %{customdata[0]:.1f} to "
                "%{customdata[1]:.1f} %<extra></extra>",
            )
        )
        sentences.append(f"{title} has {lower_name(metrics[0])} {percent(value[0] / 100)}")
    alt = (
        f"Bars with 95{NBSP}% intervals of {listing([lower_name(metric) for metric in metrics])}: {listing(sentences)}."
    )
    return figure(
        traces,
        alt,
        height=70 + len(metrics) * (18 + 26 * len(models)),
        barmode="group",
        bargap=0.3,
        xaxis=percent_axis(top=102),
        yaxis={"type": "category", "range": [len(metrics) - 0.5, -0.5], "showgrid": False},
    )


def recall_comparison(per_class: pd.DataFrame, title_a: str, title_b: str) -> go.Figure:
    """Draws the recall of two models for every class as a dumbbell.

    Args:
        per_class: Columns `label`, `support`, `recall_a`, `recall_b`, `difference` (b minus a), `low`, `high` (95 %
            interval of the difference), all but the counts in 0..1.
        title_a: Title of model a.
        title_b: Title of model b.

    Returns:
        One row per class: two markers joined by a line, and the difference in points at the right.
    """
    names = [str(name) for name in per_class["label"]]
    a, b = (100 * per_class[f"recall_{side}"].to_numpy(float) for side in "ab")
    change, low, high = (100 * per_class[column].to_numpy(float) for column in ("difference", "low", "high"))
    gaps_x, gaps_y = [], []
    for name, left, right in zip(names, a, b, strict=True):
        gaps_x += [left, right, None]
        gaps_y += [name, name, None]
    line = {"color": LINE, "width": 4}
    traces = [go.Scatter(x=gaps_x, y=gaps_y, mode="lines", line=line, hoverinfo="skip", showlegend=False)]
    for position, (title, values) in enumerate([(title_a, a), (title_b, b)]):
        marker = {"size": 14, "color": model_color(title, position), "symbol": model_symbol(title, position)}
        traces.append(
            go.Scatter(
                **{"x": values, "y": names, "mode": "markers", "name": title, "marker": marker},
                customdata=np.stack([change, low, high, per_class["support"]], axis=1),
                hovertemplate="%{fullData.name} finds %{x:.1f} % of %{customdata[3]:,} %{y} photos<br>"
                f"{title_b} minus {title_a}: %{{customdata[0]:+.1f}} points "
                "(%{customdata[1]:+.1f} to %{customdata[2]:+.1f})<extra></extra>",
            )
        )
    notes = [
        {"x": 1, "xref": "paper", "xanchor": "right", "y": name, "text": _signed(points), "showarrow": False}
        for name, points in zip(names, change, strict=True)
    ]
    known = np.isfinite(change)
    alt = "Dumbbell chart of recall per class without values."
    if known.any():
        best, worst = int(np.nanargmax(change)), int(np.nanargmin(change))
        alt = (
            f"Dumbbell chart of recall per class, {title_b} minus {title_a}: from {_signed(change[worst])} points for "
            f"{names[worst]} to {_signed(change[best])} points for {names[best]}; "
            f"{title_b} is higher in {int((change[known] > 0).sum())} of {int(known.sum())} classes."
        )
    return figure(
        traces,
        alt,
        height=100 + 44 * len(names),
        annotations=notes,
        # Room at the right for the differences.
        xaxis=percent_axis("Recall, and the difference in points", top=122),
        yaxis={"type": "category", "range": [len(names) - 0.5, -0.5]},
    )


def agreement_matrix(agreement: pd.DataFrame, title_a: str, title_b: str, dark: bool | None = None) -> go.Figure:
    """Draws which answers two models give to the same photos.

    Args:
        agreement: Photos by answer of a (rows) and answer of b (columns).
        title_a: Title of model a.
        title_b: Title of model b.
        dark: Whether the page is dark, see `matrix`.

    Returns:
        A matrix in class order, see `garbage_core.figures.matrix`.
    """
    counts = agreement.to_numpy()
    texts = [[str(n) for n in row] for row in counts]
    hovers = [
        [
            f"{number(counts[i, j])} photos: "
            + (f"both say {row}" if i == j else f"{title_a} says {row}, {title_b} says {column}")
            for j, column in enumerate(agreement.columns)
        ]
        for i, row in enumerate(agreement.index)
    ]
    photos, same = int(counts.sum()), int(np.trace(counts))
    alt = (
        f"Matrix of the answers of {title_a} and {title_b} to {number(photos)} photos: "
        f"both give the same answer to {number(same)} ({percent(same / photos if photos else float('nan'))})."
    )
    return matrix(agreement, texts, hovers, alt, f"Answer of {title_a}", f"Answer of {title_b}", dark=dark)


def _signed(points: float) -> str:
    """Returns a difference in points with its sign, "unknown" for NaN; a true minus sign, as long as the plus."""
    return "unknown" if np.isnan(points) else f"{points:+.1f}".replace("-", "\u2212")
