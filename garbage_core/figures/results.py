"""Figures about one model's predictions: confusion matrix, per-class bars, one photo's probabilities."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.style import (
    CLEAR,
    GRID,
    LABELED_TOP,
    NEUTRAL,
    bar_marker,
    cell_text_color,
    class_colors,
    dots,
    figure,
    legend_sample,
    matrix_scale,
    percent_axis,
    percents,
    row_axis,
    upright,
    value_labels,
    whisker,
)
from garbage_core.utils.text import NBSP, number, percent

# Bars of per-class metrics: the pattern says which metric, because the color says which class.
_PATTERNS = ("", "/", ".")


def matrix(
    values: pd.DataFrame,
    texts: Sequence[Sequence[str]],
    hovers: Sequence[Sequence[str]],
    alt: str,
    rows_title: str,
    columns_title: str,
    greatest: float | None = None,
    dark: bool | None = None,
    chosen: tuple[str, str] | None = None,
    bold_diagonal: bool = True,
    height: int | None = None,
) -> go.Figure:
    """Draws a matrix with its values in the cells.

    A click on a cell selects an invisible marker in it, because pages never hear of clicks on a heat map; its
    `customdata` is [row, column, hover text]. Of what was clicked the page has to draw a new figure with `chosen`.

    Args:
        values: Numbers from 0 up, rows from top to bottom.
        texts: What to write in each cell.
        hovers: What to say of each cell.
        alt: One sentence that says what there is to see.
        rows_title: Title of the vertical axis.
        columns_title: Title of the horizontal axis.
        greatest: Value with the full color; the greatest of `values` if None.
        dark: Whether the page is dark, for the color of the text in the cells; None if not known.
        chosen: Names of the row and the column of a cell that gets a frame.
        bold_diagonal: Whether the texts on the diagonal are bold.
        height: In pixels; None for what the number of rows asks for.
    """
    rows, columns, numbers = list(map(str, values.index)), list(map(str, values.columns)), values.to_numpy(float)
    greatest = greatest or float(np.nanmax(numbers, initial=0)) or 1.0
    cells = [(i, j) for i in range(len(rows)) for j in range(len(columns))]
    style = {"zmin": 0, "zmax": greatest, "colorscale": matrix_scale(), "showscale": False, "xgap": 1, "ygap": 1}
    heat = go.Heatmap(z=numbers, x=columns, y=rows, hoverinfo="skip", **style)
    markers = _click_markers([[rows[i], columns[j], hovers[i][j]] for i, j in cells])
    # Annotations and not text of a trace: selecting a cell would fade the text of all others.
    notes = []
    for i, j in cells:
        share = 0.0 if np.isnan(numbers[i, j]) else numbers[i, j] / greatest
        font = {"size": 13, "color": cell_text_color(share, dark), "weight": 600 if i == j and bold_diagonal else 400}
        notes.append({"x": columns[j], "y": rows[i], "text": texts[i][j], "showarrow": False, "font": font})
    # Cells take the shape of the page: square ones would leave a phone with as much empty space below them.
    frame = {"type": "category", "showgrid": False, "showline": False}
    shapes = _grid(len(rows), len(columns))
    if chosen is not None and chosen[0] in rows and chosen[1] in columns:
        shapes.append(_frame(rows.index(chosen[0]), columns.index(chosen[1]), dark))
    return figure(
        [heat, markers],
        alt,
        height=height or 110 + 54 * len(rows),
        annotations=notes,
        shapes=shapes,
        hoverdistance=-1,  # a click anywhere in a cell is a click on its marker
        xaxis=frame | {"title": columns_title, "range": [-0.5, len(columns) - 0.5], "autotickangles": [0, -45]},
        yaxis=frame | {"title": rows_title, "range": [len(rows) - 0.5, -0.5]},
    )


def _click_markers(cells: Sequence[Sequence[str]]) -> go.Scatter:
    """Returns an invisible marker in every cell of a matrix, from its row, column and hover text."""
    return dots(
        [column for _, column, _ in cells],
        [row for row, _, _ in cells],
        {"color": NEUTRAL, "size": 26, "symbol": "square", "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=cells,
        hovertemplate="%{customdata[2]}<extra></extra>",
        showlegend=False,
    )


def _grid(rows: int, columns: int) -> list[dict]:
    """Returns the lines around the cells of a matrix."""
    edges = [{"x0": k - 0.5, "x1": k - 0.5, "y0": -0.5, "y1": rows - 0.5} for k in range(columns + 1)]
    edges += [{"y0": k - 0.5, "y1": k - 0.5, "x0": -0.5, "x1": columns - 0.5} for k in range(rows + 1)]
    return [{"type": "line", "line": {"color": GRID, "width": 1}} | edge for edge in edges]


def _frame(row: int, column: int, dark: bool | None) -> dict:
    """Returns a frame around a cell in the page's own ink: every hue already stands for a class, a model or a share."""
    ink = NEUTRAL if dark is None else "#FFFFFF" if dark else "#000000"
    place = {"x0": column - 0.46, "x1": column + 0.46, "y0": row - 0.46, "y1": row + 0.46}
    return {"type": "rect", "line": {"color": ink, "width": 3}} | place


def confusion_matrix(
    confusion: pd.DataFrame,
    normalize: bool = False,
    dark: bool | None = None,
    chosen: tuple[str, str] | None = None,
    height: int | None = None,
) -> go.Figure:
    """Draws which class was predicted as which.

    With `normalize` cells show shares of their true class's photos, in per cent, and the counts small below; for
    `dark`, `chosen` and `height` see `matrix`.
    """
    counts = confusion.to_numpy()
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    names, predictions = [str(name) for name in confusion.index], [str(name) for name in confusion.columns]
    texts = [
        [f"{100 * s:.1f}{_small(n)}" if n and normalize else str(n) for n, s in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    hovers = [
        [
            f"{number(counts[i, j])} of {number(totals[i, 0])} {true} photos ({percent(shares[i, j])})<br>"
            + ("rightly" if true == predicted else "wrongly")
            + f" predicted as {predicted}"
            for j, predicted in enumerate(predictions)
        ]
        for i, true in enumerate(names)
    ]
    right, photos = int(np.trace(counts)), int(counts.sum())
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    alt = f"Confusion matrix of {number(photos)} photos: {number(right)} right"
    if wrong.any():
        i, j = np.unravel_index(wrong.argmax(), wrong.shape)
        alt += f", most often {names[i]} predicted as {predictions[j]} ({wrong[i, j]} of {totals[i, 0]})"
    values = pd.DataFrame(shares if normalize else counts, confusion.index, confusion.columns)
    rows_title = f"True class, %{NBSP}of its photos" if normalize else "True class, photos"
    full = 1.0 if normalize else None
    return matrix(values, texts, hovers, alt + ".", rows_title, "Predicted class", full, dark, chosen, height=height)


def _small(photos: int) -> str:
    return f'<br><span style="font-size:10px">{number(photos)}</span>'


def per_class_bars(
    per_class: pd.DataFrame, metrics: Sequence[str] = ("precision", "recall", "f1"), height: int | None = None
) -> go.Figure:
    """Draws up to three metrics of `Evaluation.per_class` with their 95 % intervals: bars in the classes' colors.

    A click on a bar gives its class as `customdata`[0]; a height of None is what the number of bars asks for.
    """
    names = [str(name) for name in per_class["label"]]
    fills, edges = class_colors(names)
    traces = []
    for k, metric in enumerate(metrics):
        value, low, high = percents(per_class, metric, f"{metric}_low", f"{metric}_high")
        common = {"offsetgroup": metric, "legendgroup": metric, "name": lookup(metric).title, "orientation": "h"}
        traces.append(
            go.Bar(
                **common,
                x=value,
                y=names,
                showlegend=False,
                marker=bar_marker(fills, edges, 0.4, _PATTERNS[k % 3]),
                customdata=[list(row) for row in zip(names, low, high, per_class["support"].tolist(), strict=True)],
                hovertemplate=f"%{{y}}: {lookup(metric).lower} %{{x:.1f}} %<br>95 % interval "
                "%{customdata[1]:.1f} to %{customdata[2]:.1f} %<br>%{customdata[3]:,} photos<extra></extra>",
                selected={"marker": {"opacity": 1}},  # the page says what was chosen, not the brightness
                unselected={"marker": {"opacity": 1}},
            )
        )
        traces.append(value_labels(names, value, metric))
        # One trace of whiskers per bar group and class, because error bars of one trace have one color.
        for i, name in enumerate(names):
            error = whisker(edges[i], value[i : i + 1], low[i : i + 1], high[i : i + 1], width=3)
            bar = common | {"x": [value[i]], "y": [name], "showlegend": False, "hoverinfo": "skip"}
            traces.append(go.Bar(**bar, marker={"color": CLEAR, "line": {"width": 0}}, error_x=error))
        sample = bar_marker(NEUTRAL, NEUTRAL, 0.4, _PATTERNS[k % 3])
        traces.append(legend_sample(marker=sample, showlegend=len(metrics) > 1, **common))
    sentences = []
    for metric in metrics:
        values = per_class[metric].to_numpy(float)
        if np.isfinite(values).any():
            ends = [f"{percent(values[i])} ({names[i]})" for i in (np.nanargmin(values), np.nanargmax(values))]
            sentences.append(f"{lookup(metric).lower} from {' to '.join(ends)}")
    alt = f"Bars with 95{NBSP}% intervals for {len(names)} classes: {'; '.join(sentences or ['no values'])}."
    return figure(
        traces,
        alt,
        height=height or 80 + len(names) * (14 + 20 * len(metrics)),
        barmode="group",
        bargap=0.25,
        xaxis=percent_axis(lookup(metrics[0]).title if len(metrics) == 1 else None, top=LABELED_TOP),
        yaxis=row_axis(names),
    )


def probability_bars(
    probabilities: Mapping[str, float], threshold: float | None = None, color_by_class: bool = True
) -> go.Figure:
    """Draws the probabilities that one model gives one photo.

    The classes stand in their own order and not by probability, so that two models can be compared side by side. The
    threshold, below which the model abstains, is drawn as a line; unless `color_by_class`, all bars are gray.
    """
    names, values = [str(name) for name in probabilities], [float(p) for p in probabilities.values()]
    top = int(np.argmax(values))
    fills, edges = class_colors(names) if color_by_class else ([NEUTRAL] * len(names),) * 2
    bars = go.Bar(
        x=[100 * p for p in values],
        y=names,
        orientation="h",
        marker={"color": fills, "line": {"color": edges, "width": 1}},
        text=[f"<b>{percent(p)}</b>" if i == top else percent(p) for i, p in enumerate(values)],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        showlegend=False,
    )
    shapes, alt = [], f"Bar chart of probabilities: {names[top]} {percent(values[top])} is the highest"
    if threshold is not None and threshold <= 1:
        shapes = [upright(100 * threshold, dash="dot")]
        alt += f", {'above' if values[top] >= threshold else 'below'} the threshold of {percent(threshold)}"
    return figure(
        [bars],
        alt + ".",
        height=24 + 34 * len(names),
        shapes=shapes,
        bargap=0.35,
        # Room for "100.0 %" beside the longest bar.
        xaxis=percent_axis(top=122) | {"showticklabels": False, "showgrid": False},
        yaxis=row_axis(names, showline=True),
    )
