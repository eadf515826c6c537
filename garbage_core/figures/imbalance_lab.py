"""Figures of the imbalance lab: a class that gets rarer, what a strategy changes, and recall bought with precision."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.studies import strategy_color
from garbage_core.figures.style import (
    LINE,
    NEUTRAL,
    PRIMARY,
    band,
    dots,
    figure,
    model_symbol,
    percent_axis,
    percents,
    row_axis,
    upright,
    whisker,
)
from garbage_core.studies.imbalance_findings import SUMMARY
from garbage_core.studies.tables import BASELINE, strategy_name
from garbage_core.utils.text import percent

_ROW = 50  # pixels of a class


def rarity_curve(means: pd.DataFrame, metric: str, label: str, strategy: str, photos: int | None = None) -> go.Figure:
    """Draws a metric against the number of training photos of the class that is made rare, for every strategy.

    Args:
        means: From `imbalance_findings.summary`.
        metric: One of its metrics.
        label: The class.
        strategy: The strategy that stands out, beside none.
        photos: Number of training photos to mark.

    Returns:
        Lines over a logarithmic axis; of the two that stand out also the range of the draws.
    """
    names = list(dict.fromkeys(means["strategy"]))
    ends = {}
    traces: list[go.Scatter] = []
    for place, name in enumerate(names):
        rows = means[means["strategy"] == name].sort_values("train_photos")
        value, low, high = percents(rows, metric, f"{metric}_low", f"{metric}_high")
        ends[name] = value[0]
        color, shown = strategy_color(name, place), name in (strategy, BASELINE)
        x = rows["train_photos"].to_numpy()
        if shown:
            traces += band(x, low, high, color, 0.16)
        traces.append(
            go.Scatter(
                x=x,
                y=value,
                mode="lines+markers",
                name=strategy_name(name),
                line={"color": color, "width": 3 if shown else 1.5, "dash": "solid" if shown else "dot"},
                marker={"color": color, "size": 9 if shown else 6, "symbol": model_symbol("", place - 2)},
                customdata=np.stack([low, high], axis=1),
                hovertemplate="%{fullData.name}, %{x} training photos: %{y:.1f} %<br>"
                "draws from %{customdata[0]:.1f} to %{customdata[1]:.1f} %<extra></extra>",
            )
        )
    traces.sort(key=lambda trace: trace.name is not None and trace.line.width == 3)  # what stands out lies on top
    levels = sorted(means["train_photos"].unique())
    least = f"{lookup(metric).lower} of {label}" if metric in SUMMARY[:3] else lookup(metric).lower
    alt = (
        f"Line chart of {least} with {', '.join(map(str, levels))} training photos of {label}: with {levels[0]}, "
        f"{percent(ends[BASELINE] / 100)} without a strategy and {percent(ends[strategy] / 100)} with "
        f"{strategy_name(strategy).lower()}."
    )
    shapes = [] if photos is None else [upright(photos, dash="dot")]
    reach = [float(np.log10(levels[0])) - 0.06, float(np.log10(levels[-1])) + 0.06]
    axis = {"type": "log", "range": reach, "tickvals": levels, "ticktext": list(map(str, levels))}
    return figure(
        traces,
        alt,
        height=300,
        shapes=shapes,
        xaxis=axis | {"title": f"Training photos of {label}"},
        yaxis=percent_axis(top=103),
    )


def change_by_class(
    classes: Sequence[str], counts: Sequence[int], before: np.ndarray, after: np.ndarray, metric: str, strategy: str
) -> go.Figure:
    """Draws a metric of every class without a strategy and with one: two dots that a line connects.

    Args:
        classes: Names of the C classes.
        counts: Their training photos.
        before: Without a strategy, 0..1, shape (S, C), a row for each draw; what is not defined is NaN.
        after: With it, likewise.
        metric: Name of the metric.
        strategy: Name of the strategy.

    Returns:
        One row per class; whiskers from the lowest to the highest draw.
    """
    place = np.arange(len(classes), dtype=float)
    traces, means = [], []
    for position, (name, values) in enumerate(((BASELINE, before), (strategy, after))):
        mean, low, high = _over_draws(100 * values)
        means.append(mean)
        color = NEUTRAL if name == BASELINE else PRIMARY
        marker = {"color": color, "size": 11, "symbol": ("circle", "diamond")[position]}
        traces.append(
            dots(
                mean,
                place + (-0.14, 0.14)[position],
                marker,
                name=strategy_name(name),
                error_x=whisker(color, mean, low, high),
                customdata=np.stack([low, high, classes], axis=1),
                hovertemplate="%{customdata[2]}, %{fullData.name}: %{x:.1f} %<br>"
                "draws from %{customdata[0]:.1f} to %{customdata[1]:.1f} %<extra></extra>",
            )
        )
    change = np.nan_to_num(means[1] - means[0])
    most = int(np.abs(change).argmax())
    alt = (
        f"Dot plot of {lookup(metric).lower} of {len(classes)} classes without a strategy and with "
        f"{strategy_name(strategy).lower()}: it changes most for {classes[most]}, by {change[most]:+.1f} points."
    )
    labels = [f"{name}<br>{count}" for name, count in zip(classes, counts, strict=True)]
    lines = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": edge,
            "y1": edge,
            "line": {"color": LINE, "width": 0.5},
        }
        for edge in place[:-1] + 0.5
    ]
    rows = row_axis(classes) | {"type": "linear", "tickvals": place, "ticktext": labels}
    return figure(traces, alt, height=100 + _ROW * len(classes), shapes=lines, xaxis=percent_axis(top=103), yaxis=rows)


def adjustment_curves(curve: pd.DataFrame, label: str, tau: float) -> go.Figure:
    """Draws recall and precision of a class, and the accuracy, against the strength of logit adjustment.

    Args:
        curve: From `imbalance_findings.adjustment_curve`.
        label: The class.
        tau: The strength that is marked.
    """
    traces = []
    looks = {"recall": (PRIMARY, "solid", 3), "precision": (NEUTRAL, "solid", 3), "accuracy": (NEUTRAL, "dot", 1.5)}
    for metric, (color, dash, width) in looks.items():
        title = lookup(metric).title + ("" if metric == "accuracy" else f" of {label}")
        traces.append(
            go.Scatter(
                x=curve["tau"],
                y=100 * curve[metric],
                mode="lines",
                name=title,
                line={"color": color, "dash": dash, "width": width},
                hovertemplate="%{fullData.name}, strength %{x:.1f}: %{y:.1f} %<extra></extra>",
            )
        )
    row = curve.iloc[int((curve["tau"] - tau).abs().argmin())]
    for metric in ("recall", "precision"):
        marker = {"color": looks[metric][0], "size": 12}
        traces.append(dots([row["tau"]], [100 * row[metric]], marker, showlegend=False, hoverinfo="skip"))
    alt = (
        f"Line chart of recall and precision of {label} by the strength of logit adjustment: at {row['tau']:.1f} "
        f"recall is {percent(row['recall'])} and precision {percent(row['precision'])}."
    )
    return figure(
        traces,
        alt,
        height=320,
        shapes=[upright(row["tau"], dash="dot")],
        xaxis={"title": "Strength of the adjustment", "range": [curve["tau"].min(), curve["tau"].max()]},
        yaxis=percent_axis(top=103),
    )


def _over_draws(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns mean, lowest and highest of each column; NaN, without a warning, where nothing is defined."""
    defined = np.isfinite(values)
    some = defined.any(axis=0)
    low = np.where(some, values.min(axis=0, where=defined, initial=np.inf), np.nan)
    high = np.where(some, values.max(axis=0, where=defined, initial=-np.inf), np.nan)
    return np.nansum(values, axis=0) / np.where(some, defined.sum(axis=0), np.nan), low, high
