"""Figures about two or more models on the same photos."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.results import matrix
from garbage_core.figures.style import (
    LABELED_TOP,
    NEUTRAL,
    PRIMARY,
    WORSE,
    bar_marker,
    dots,
    faded,
    figure,
    model_color,
    model_symbol,
    percent_axis,
    percents,
    row_axis,
    upright,
    value_labels,
    whisker,
)
from garbage_core.utils.text import NBSP, listing, number, percent, signed

_PATTERNS = ("/", "", ".", "x")


def metric_comparison(
    models: Sequence[tuple[str, pd.DataFrame]], metrics: Sequence[str] = ("accuracy", "macro_f1", "balanced_accuracy")
) -> go.Figure:
    """Draws metrics that are shares, with their 95 % intervals, for any number of models.

    Of each model title and `Evaluation.metrics` are given; `metrics` says which to draw, from top to bottom.
    """
    labels = [lookup(metric).title for metric in metrics]
    traces, sentences = [], []
    for position, (title, table) in enumerate(models):
        rows = table.set_index("metric").loc[list(metrics)]
        value, low, high = percents(rows, "value", "low", "high")
        color = model_color(title, position)
        traces.append(
            go.Bar(
                x=value,
                y=labels,
                orientation="h",
                name=title,
                offsetgroup=title,
                legendgroup=title,
                marker=bar_marker(color, color, 0.4, _PATTERNS[position % len(_PATTERNS)]),
                error_x=whisker(color, value, low, high),
                customdata=np.stack([low, high], axis=1),
                hovertemplate="%{fullData.name}: %{y} %{x:.1f} %<br>95 % interval %{customdata[0]:.1f} to "
                "%{customdata[1]:.1f} %<extra></extra>",
            )
        )
        traces.append(value_labels(labels, value, title))
        sentences.append(f"{title} has {lookup(metrics[0]).lower} {percent(value[0] / 100)}")
    names = listing([lookup(metric).lower for metric in metrics])
    alt = f"Bars with 95{NBSP}% intervals of {names}: {listing(sentences)}."
    return figure(
        traces,
        alt,
        height=70 + len(metrics) * (18 + 26 * len(models)),
        barmode="group",
        bargap=0.3,
        xaxis=percent_axis(top=LABELED_TOP),
        yaxis=row_axis(metrics),
    )


def recall_comparison(per_class: pd.DataFrame, title_a: str, title_b: str) -> go.Figure:
    """Draws the recall of two models, from `Comparison.per_class`, as dumbbells.

    One row per class: a marker with its interval for each model, and a band from one to the other.
    """
    names = [str(name) for name in per_class["label"]]
    a, b, change = percents(per_class, "recall_a", "recall_b", "difference")
    rows = np.arange(len(names))
    gaps_x, gaps_y = [], []
    for row, left, right in zip(rows, a, b, strict=True):
        gaps_x += [left, right, None]
        gaps_y += [row, row, None]
    band = {"color": "rgba(127,127,127,0.28)", "width": 12}
    traces = [go.Scatter(x=gaps_x, y=gaps_y, mode="lines", line=band, hoverinfo="skip", showlegend=False)]
    for position, (title, side, values) in enumerate([(title_a, "a", a), (title_b, "b", b)]):
        low, high = percents(per_class, f"recall_{side}_low", f"recall_{side}_high")
        color = model_color(title, position)
        traces.append(
            dots(
                values,
                rows + (0.13 if position else -0.13),  # a little apart, so that neither interval hides the other
                {"size": 12, "color": color, "symbol": model_symbol(title, position)},
                name=title,
                error_x=whisker(color, values, low, high),
                customdata=np.stack([low, high, per_class["support"], names], axis=1).astype(object),
                hovertemplate="%{fullData.name} finds %{x:.1f} % of %{customdata[2]:,} %{customdata[3]} photos<br>"
                "95 % interval %{customdata[0]:.1f} to %{customdata[1]:.1f} %<extra></extra>",
            )
        )
    known = np.isfinite(change)
    alt = "Dumbbell chart of recall per class without values."
    if known.any():
        best, worst = int(np.nanargmax(change)), int(np.nanargmin(change))
        alt = (
            f"Dumbbell chart of recall per class, {title_b} minus {title_a}: from {signed(change[worst])} points for "
            f"{names[worst]} to {signed(change[best])} points for {names[best]}; "
            f"{title_b} is higher in {int((change[known] > 0).sum())} of {int(known.sum())} classes."
        )
    return figure(
        traces,
        alt,
        height=100 + 44 * len(names),
        xaxis=percent_axis("Recall", top=102),
        yaxis={"range": [len(names) - 0.5, -0.6], "tickvals": rows, "ticktext": names, "showgrid": False},
    )


def differences(table: pd.DataFrame, title_a: str, title_b: str, of: str = "recall") -> go.Figure:
    """Draws differences between two models with their 95 % intervals, each written beside its row.

    One row per label: a marker and its interval about a line at zero. Teal where the interval lies above zero, orange
    below it, gray around it; the side of the line says the same.

    Args:
        table: Columns `label`, `difference` (b minus a), `low`, `high`, shares in -1..1; NaN leaves a gap.
        title_a: Title of model a.
        title_b: Title of model b.
        of: What the differences are in, in the middle of a sentence.
    """
    names = [str(name) for name in table["label"]]
    value, low, high = percents(table, "difference", "low", "high")
    clear = np.where(low > 0, 1, np.where(high < 0, -1, 0))
    traces = []
    for sign, color, symbol in ((1, PRIMARY, "diamond"), (-1, WORSE, "square"), (0, NEUTRAL, "circle")):
        own = np.flatnonzero((clear == sign) & np.isfinite(value))
        traces.append(
            dots(
                value[own],
                [names[i] for i in own],
                {"size": 12, "color": color, "symbol": symbol},
                showlegend=False,
                error_x=whisker(color, value[own], low[own], high[own], 2.5, 5),
                customdata=np.stack([low[own], high[own]], axis=1),
                hovertemplate=f"%{{y}}: {title_b} minus {title_a} %{{x:+.1f}} points<br>"
                "95 % interval %{customdata[0]:+.1f} to %{customdata[1]:+.1f}<extra></extra>",
            )
        )
    ends = np.concatenate([low, high])
    left, right = np.nanmin([*ends, -2.0]), np.nanmax([*ends, 2.0])
    room = 0.06 * (right - left)
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (right - left) / step < 7)
    marks = np.arange(np.ceil(left / step), np.floor(right / step) + 1) * step
    notes = [
        {"x": 1, "xref": "paper", "xanchor": "right", "y": name, "yshift": 14, "showarrow": False, "font": {"size": 12}}
        | {"text": signed(v) if np.isnan(v) else f"<b>{signed(v)}</b> ({signed(lo)} to {signed(hi)})"}
        for name, v, lo, hi in zip(names, value, low, high, strict=True)
    ]
    above, below = ([names[i] for i in np.flatnonzero(clear == sign)] for sign in (1, -1))
    parts = [f"clearly {word} for {listing(some)}" for word, some in (("higher", above), ("lower", below)) if some] or [
        "no interval is without zero"
    ]
    alt = f"Differences in {of} with 95{NBSP}% intervals, {title_b} minus {title_a}: {'; '.join(parts)}."
    return figure(
        traces,
        alt,
        height=100 + 44 * len(names),
        annotations=notes,
        shapes=[upright(0) | {"layer": "below"}],
        # As much below as the legend takes in `recall_comparison`, so that the rows of both stand side by side.
        margin={"l": 4, "r": 12, "t": 12, "b": 36},
        xaxis={"title": f"{title_b} minus {title_a}, points", "range": [left - room, right + room]}
        | {"tickvals": marks, "ticktext": [signed(mark, 0) if mark else "0" for mark in marks]},
        yaxis=row_axis(names, range=[len(names) - 0.5, -0.6], categoryorder="array", categoryarray=names),
    )


def right_and_wrong(
    table: pd.DataFrame, title_a: str, title_b: str, dark: bool | None = None, chosen: tuple[str, str] | None = None
) -> go.Figure:
    """Draws on how many photos each of two models is right, the table of McNemar's test (`Comparison.table`).

    A matrix whose rows (of a) and columns (of b) are "right" and "wrong"; for `dark` and `chosen` see `matrix`.
    """
    words = [["both are right", f"only {title_a} is right"], [f"only {title_b} is right", "both are wrong"]]
    cells = [list(zip(*row, strict=True)) for row in zip(table.to_numpy(), words, strict=True)]
    total = int(table.to_numpy().sum())
    texts = [[f"<b>{number(n)}</b><br>{word}" for n, word in row] for row in cells]
    shares = table.to_numpy() / (total or np.nan)
    hovers = [
        [f"{number(n)} of {number(total)} photos ({percent(s)})<br>{word}" for (n, word), s in zip(*both, strict=True)]
        for both in zip(cells, shares, strict=True)
    ]
    alt = f"Table of {number(total)} photos: {listing([f'{word} on {number(n)}' for row in cells for n, word in row])}."
    values = pd.DataFrame(table.to_numpy(), ["right", "wrong"], ["right", "wrong"])
    return matrix(values, texts, hovers, alt, title_a, title_b, None, dark, chosen, bold_diagonal=False)


def confusion_difference(
    photos: pd.DataFrame, classes: Sequence[str], title_b: str, dark: bool | None = None
) -> go.Figure:
    """Draws what the second of two models moved: its confusion matrix minus that of the first, in points.

    Args:
        photos: `Comparison.photos`.
        classes: Names of the classes, in order.
        title_b: Name of the second model.
        dark: Whether the page is dark; None if not known.

    Returns:
        A matrix of true (rows) and predicted classes (columns). A cell holds how much larger the second model's share
        of the photos of its row is. Its color says whether that is good: more on the diagonal, or less beside it.
    """
    names = list(map(str, classes))
    a, b = (
        pd.crosstab(photos["label"], photos[f"predicted_{side}"]).reindex(index=names, columns=names, fill_value=0)
        for side in "ab"
    )
    before, after = a.to_numpy(), b.to_numpy()
    totals = before.sum(axis=1, keepdims=True)
    moved = np.divide(after - before, totals, out=np.zeros(before.shape), where=totals > 0)
    good = np.where(np.eye(len(names), dtype=bool), moved, -moved)
    texts = [[signed(100 * value) if value else "0" for value in row] for row in moved]
    hovers = [
        [
            f"{name} photos predicted as {predicted}: {number(before[i, j])}, with {title_b} {number(after[i, j])}<br>"
            f"of {number(totals[i, 0])}, {signed(100 * moved[i, j])} points"
            for j, predicted in enumerate(names)
        ]
        for i, name in enumerate(names)
    ]
    gained = int(np.trace(after - before))
    alt = f"Difference of two confusion matrices: {title_b} is right on {gained:+,} photos of {number(before.sum())}"
    if moved.any():
        row, column = divmod(int(np.abs(moved).argmax()), len(names))
        alt += (
            f"; most changed is {names[row]} predicted as {names[column]}, by {signed(100 * moved[row, column])} points"
        )
    values = pd.DataFrame(np.abs(moved), names, names)
    greatest = float(np.abs(moved).max(initial=0)) or 1.0
    title = f"True class, points of{NBSP}its photos"
    chart = matrix(values, texts, hovers, alt + ".", title, "Predicted class", greatest, dark)
    scale = [(0.0, WORSE), (0.5, faded(WORSE, 0)), (0.5, faded(PRIMARY, 0)), (1.0, PRIMARY)]
    chart.data[0].update(z=good, zmin=-greatest, zmax=greatest, colorscale=scale)
    return chart
