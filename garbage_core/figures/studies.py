"""Figures about the imbalance study: what each strategy reaches, how far it is from doing nothing, class by class.

A strategy has a color and a marker, the same in all of them: gray for `none`, and for the others colors that belong
to no class.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.style import (
    LINE,
    NEUTRAL,
    dots,
    figure,
    model_color,
    model_symbol,
    percents,
    row_axis,
    upright,
    whisker,
)
from garbage_core.studies.tables import BASELINE, rows_of, strategy_name
from garbage_core.utils.text import MINUS, NBSP, number, percent

_ROW = 40  # pixels of a strategy
_CLASS_ROW = 74  # pixels of a class, with all strategies in it
# Room for the axis and two lines of legend.
_FOOT = 112
_CLASS_MARGIN = {"l": 4, "r": 12, "t": 12, "b": _FOOT - 12}


def strategy_color(strategy: str, position: int) -> str:
    """Returns the color of a strategy by its place in the table; `none` is gray."""
    return NEUTRAL if strategy == BASELINE else model_color("", position - 1)


def strategy_values(table: pd.DataFrame, metric: str, split: str, label: str = "") -> go.Figure:
    """Draws a metric that is a share, with its 95 % interval, for every strategy.

    The table is that of `read_imbalance`; `label` names the class of a metric of one class. One row per strategy: the
    mean over the seeds with its interval, and the single seeds as small marks.
    """
    rows = rows_of(table, metric, split, label)
    names = [strategy_name(name) for name in rows["strategy"]]
    keep = (table["metric"] == metric) & (table["split"] == split) & (table["class"] == label)
    single = table[keep & table["strategy"].isin(rows["strategy"]) & (table["seed"].str.isdecimal())]
    traces = [
        dots(
            100 * single["value"],
            [strategy_name(name) for name in single["strategy"]],
            {"symbol": "line-ns", "size": 12, "line": {"width": 1.5, "color": LINE}},
            customdata=single["seed"],
            hovertemplate="%{y}, seed %{customdata}: %{x:.1f} %<extra></extra>",
            showlegend=False,
        )
    ]
    for place, row in enumerate(rows.to_dict("records")):
        traces.append(_point(row, ("value", "low", "high"), names[place], place))
    what = _what(metric, label)
    best = rows.nlargest(1, "value").iloc[0]
    alt = (
        f"Dot plot with 95{NBSP}% intervals of {what} for {len(rows)} strategies: from {percent(rows['value'].min())} "
        f"to {percent(best['value'])}, the highest with {strategy_name(best['strategy']).lower()}."
    )
    axis = _upper_axis(rows["low"].min()) | {"title": f"Recall of {label}" if label else lookup(metric).title}
    return _by_strategy(traces, alt, names, xaxis=axis)


def strategy_differences(table: pd.DataFrame, metric: str, split: str, label: str = "") -> go.Figure:
    """Draws how far every strategy is from doing nothing: the paired difference with its 95 % interval.

    Arguments are those of `strategy_values`. One row per strategy, in points, about a line at zero, which is `none`.
    """
    rows = rows_of(table, metric, split, label)
    names = [strategy_name(name) for name in rows["strategy"]]
    columns = ["difference", "difference_low", "difference_high"]
    rows.loc[rows["strategy"] == BASELINE, columns] = 0.0
    traces = [
        _point(row, columns, name, place, "%{y}: %{x:+.1f} points", ":+.1f")
        for place, (row, name) in enumerate(zip(rows.to_dict("records"), names, strict=True))
    ]
    clear = int(((rows["difference_low"] > 0) | (rows["difference_high"] < 0)).sum())
    alt = (
        f"Dot plot of the difference from no strategy in {_what(metric, label)}, in points with 95{NBSP}% intervals; "
        f"{clear} of {len(rows) - 1} intervals leave zero out."
    )
    reach = 110 * max(float(np.nanmax(np.abs(rows[columns].to_numpy()))), 0.001)
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if reach <= 4 * step or step == 50)
    marks = [step * k for k in range(-int(reach // step), int(reach // step) + 1)]
    texts = [f"{mark:+g}".replace("-", MINUS) if mark else "0" for mark in (round(mark, 1) for mark in marks)]
    axis = {"title": "Points more than without", "range": [-reach, reach], "tickvals": marks, "ticktext": texts}
    return _by_strategy(traces, alt, names, xaxis=axis, shapes=[upright(0)])


def recall_by_strategy(table: pd.DataFrame, classes: pd.DataFrame, split: str) -> go.Figure:
    """Draws the recall of every class under every strategy, with its 95 % interval.

    The table is that of `read_imbalance`, `classes` that of `classes_of`. One row per class, in which the strategies
    stand below each other in their order.
    """
    names = [str(name) for name in classes["class"]]
    strategies = list(dict.fromkeys(table["strategy"]))
    rows = table[(table["metric"] == "recall") & (table["split"] == split) & (table["seed"] == "all")]
    traces = []
    for place, strategy in enumerate(strategies):
        own = rows[rows["strategy"] == strategy].set_index("class").loc[names]
        value, low, high = percents(own, "value", "low", "high")
        color = strategy_color(strategy, place)
        offset = 0.76 * ((place + 0.5) / len(strategies) - 0.5)
        traces.append(
            dots(
                value,
                np.arange(len(names)) + offset,
                {"color": color, "size": 9, "symbol": model_symbol("", place - 2)},
                name=strategy_name(strategy),
                error_x=whisker(color, value, low, high, 1.8),
                customdata=np.stack([low, high, own["photos"], names], axis=1),
                hovertemplate="%{fullData.name} finds %{x:.1f} % of %{customdata[2]} %{customdata[3]} photos<br>"
                "95 % interval %{customdata[0]:.1f} to %{customdata[1]:.1f} %<extra></extra>",
            )
        )
    spread = rows.groupby("class")["value"].agg(lambda v: v.max() - v.min()).loc[names]
    widest = str(spread.idxmax())
    alt = (
        f"Dot plot with 95{NBSP}% intervals of recall for {len(names)} classes and {len(strategies)} strategies: they "
        f"differ most for {widest}, by {100 * spread.max():.1f} points."
    )
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "line": {"color": LINE, "width": 0.5}}
    bands = [line | {"y0": edge, "y1": edge} for edge in np.arange(len(names) - 1) + 0.5]
    labels = [f"{name}<br>{number(photos)}" for name, photos in zip(names, classes["train_photos"], strict=True)]
    return figure(
        traces,
        alt,
        height=_FOOT + _CLASS_ROW * len(names),
        margin=_CLASS_MARGIN,
        shapes=bands,
        xaxis=_upper_axis(rows["low"].min()),
        yaxis=row_axis(names, type=None, tickvals=list(range(len(names))), ticktext=labels),
    )


def _point(
    row: dict, columns: Sequence[str], name: str, place: int, hover: str = "%{y}: %{x:.1f} %", form: str = ":.1f"
) -> go.Scatter:
    """Returns one marker with its interval."""
    value, low, high = (np.array([100 * row[column]]) for column in columns)
    color = strategy_color(row["strategy"], place)
    return dots(
        value,
        [name],
        {"color": color, "size": 11, "symbol": model_symbol("", place - 2)},
        error_x=whisker(color, value, low, high, 1.8),
        customdata=np.stack([low, high], axis=1),
        hovertemplate=f"{hover}<br>95 % interval %{{customdata[0]{form}}} to %{{customdata[1]{form}}}<extra></extra>",
        showlegend=False,
    )


def _by_strategy(traces: list[go.Scatter], alt: str, names: list[str], **layout) -> go.Figure:
    """Puts traces on a layout with a row per strategy."""
    return figure(traces, alt, height=84 + _ROW * len(names), yaxis=_rows(names), showlegend=False, **layout)


def _rows(names: list[str]) -> dict:
    return row_axis(names, categoryorder="array", categoryarray=names)


def _upper_axis(least: float) -> dict:
    """Returns an axis in per cent from a round number below the least share to 100 %: dots need no zero, as bars do."""
    start = int(10 * np.floor(10 * max(0.0, 0.0 if np.isnan(least) else least)))
    step = 20 if start < 50 else 10
    marks = [mark for mark in range(0, 101, step) if mark >= start]
    return {"range": [start, 101.5], "tickvals": marks, "ticktext": [f"{mark}{NBSP}%" for mark in marks]}


def _what(metric: str, label: str) -> str:
    return f"{lookup(metric).lower} of {label}" if label else lookup(metric).lower
