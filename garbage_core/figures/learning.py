"""Whole trainings in one figure: stages, loss, accuracy, macro-F1 and learning rate, one below another.

One figure and not five, because only then does the mouse mark the same epoch in all of them.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.style import dots, faded, figure, model_color, model_symbol, named_rows, upright
from garbage_core.figures.training_notes import Training, panel_title, span_of, stage_notes
from garbage_core.runs.history import positions, smooth
from garbage_core.utils.text import NBSP, count, listing, percent

PANELS = ("loss", "accuracy", "macro_f1", "learning_rate")
_ON_BOTH = ("loss", "accuracy", "macro_f1")  # measured on train and on val
_SPLIT_NAMES = {"train": "training", "val": "validation"}
# Pixels: a panel, one without others, between panels, a row of the stages, axis and legend.
_PANEL, _ALONE, _GAP, _ROW, _FOOT = 150, 240, 46, 30, 92
_NARROW = 0.06  # of the axis: what a stage needs for its name beside a mark
# Of val; train is dotted in every run.
_DASHES = {"transfer": "solid", "scratch": "dash"}
_OTHER_DASHES = ("dashdot", "longdash", "longdashdot")
_AXIS_TITLES = {"epoch": "Epoch", "share": "Share of the training", "time": "Minutes of training"}


def learning_curves(
    trainings: Sequence[Training],
    smoothing: float = 0.0,
    along: str = "epoch",
    splits: Sequence[str] = ("train", "val"),
    panels: Sequence[str] = PANELS,
) -> go.Figure:
    """Draws any number of trainings: panels over a common axis, the stages on top.

    Train is dotted. The best checkpoint is marked with the run's symbol: among the stages, and on
    the val curves; in the panel of macro-F1 at its value on photos of the final size, which may lie off the curve.

    Args:
        trainings: At least one.
        smoothing: 0 draws what was measured; up to 0.99 draws a moving average over a faint line of what was measured.
        along: Of `history.ALONG`.
        splits: Which of "train" and "val" to draw.
        panels: Which of `PANELS` to draw, from top to bottom; one alone is taller.
    """
    rows = len(trainings)
    panel_height = _PANEL if len(panels) > 1 else _ALONE
    height = _ROW * rows + len(panels) * (panel_height + _GAP) + _FOOT
    inner = height - _FOOT
    tops = [1 - (_ROW * rows + _GAP + k * (panel_height + _GAP)) / inner for k in range(len(panels))]
    along_axis = _along_axis(trainings, along)
    start, end = along_axis["range"]
    axes, notes = {"yaxis": _stage_axis(trainings, 1 - _ROW * rows / inner)}, []
    traces, shapes = [], []
    for position, training in enumerate(trainings):
        traces += _stage_traces(training, position, along, _NARROW * (end - start))
        shapes += _edges(training, position, along, single=rows == 1)
        notes += stage_notes(training, position, along, tops[0], name_it=rows > 1)
    for panel, (metric, top) in enumerate(zip(panels, tops, strict=True)):
        axis = f"y{panel + 2}"
        axes[f"yaxis{panel + 2}"] = _panel_axis(metric, max(top - panel_height / inner, 0), top)
        notes.append(_heading(panel_title(metric, trainings, splits), top))
        for position, training in enumerate(trainings):
            traces += _curves(training, position, metric, axis, smoothing, along, splits, legend=panel == 0)
    return figure(
        traces,
        _alt(trainings, panels, splits),
        height=height,
        barmode="overlay",
        bargap=0.25,
        hovermode="x",
        hoversubplots="axis",
        hoverdistance=-1,  # the nearest epoch, however far away
        uniformtext={"minsize": 11, "mode": "hide"},
        hoverlabel={"align": "left", "namelength": -1},
        shapes=shapes,
        annotations=notes,
        margin={"l": 4, "r": 12, "t": 4, "b": 4},
        xaxis=along_axis | {"anchor": f"y{len(panels) + 1}"},
        **axes,
    )


def _panel_axis(metric: str, bottom: float, top: float) -> dict:
    unit = {"ticksuffix": f"{NBSP}%"} if lookup(metric).is_share else {"exponentformat": "power"}
    if metric == "learning_rate":
        unit["tickformat"] = "~g"
    mode = "tozero" if metric == "learning_rate" else "normal"
    return {"domain": [bottom, top], "anchor": "x", "nticks": 5, "rangemode": mode} | unit


# The line that stands in all panels at the epoch under the mouse; Plotly frames it with a line of two pixels.
_SPIKE = {"showspikes": True, "spikemode": "across", "spikethickness": 0, "spikedash": "dot"}


def _along_axis(trainings: Sequence[Training], along: str) -> dict:
    ends = [positions(t.history, t.history["epoch"].max(), along) for t in trainings]
    # Epoch 0 is where a best checkpoint stands that is the linear probe from before the first epoch.
    start = 0 if along != "epoch" or any(t.best.epoch == 0 for t in trainings) else 0.5
    end = float(max(ends)) + (0.5 if along == "epoch" else 0)
    spare = 0.012 * (end - start)
    suffix = f"{NBSP}%" if along == "share" else ""
    ticks = {"tickformat": ",d" if along != "time" else "~r", "ticksuffix": suffix, "nticks": 10, "minallowed": 0}
    bounds = {"title": _AXIS_TITLES[along], "range": [start - spare, end + spare], "showgrid": False}
    return bounds | ticks | _SPIKE | {"spikesnap": "hovered data"}


def _stage_axis(trainings: Sequence[Training], bottom: float) -> dict:
    titles = [training.title for training in trainings]
    # Plotly counts categories from below.
    order = {"type": "category", "categoryorder": "array", "categoryarray": titles[::-1]}
    return order | {"domain": [bottom, 1], "showgrid": False, "ticks": "", "anchor": "x"}


def _stage_traces(training: Training, position: int, along: str, narrow: float) -> list[go.Bar | go.Scatter]:
    """Returns the row of a run's stages, and the mark of the best checkpoint.

    The mark must not cover the name of its stage: the name stands in the bar's other half, or not at all in a bar
    that is narrower than `narrow`, in units of the axis.
    """
    color = model_color(training.title, position)
    traces, history = [], training.history
    best = training.best.epoch
    mark = None if best is None else float(positions(history, best, along))
    for number, stage in enumerate(named_rows(training.stages)):
        start, end = span_of(history, stage.first, stage.last, along)
        inside = mark is not None and start <= mark < end
        anchor = "middle" if mark is None or not inside else "end" if mark < (start + end) / 2 else "start"
        name = "" if inside and end - start < narrow else str(stage.stage)
        size = f", {stage.width} x {stage.height} pixels" if stage.width and stage.height else ""
        traces.append(
            go.Bar(
                x=[end - start],
                base=[start],
                y=[training.title],
                orientation="h",
                yaxis="y",
                text=[name],
                textposition="inside",
                insidetextanchor=anchor,
                textangle=0,
                constraintext="inside",
                showlegend=False,
                hoverinfo="skip",
                marker={"color": faded(color, 0.32 if number % 2 else 0.18), "line": {"color": color, "width": 1}},
                meta=f"{stage.stage}: {stage.epochs} epochs{size}",
            )
        )
    if mark is not None:
        traces.append(_mark(training, position, mark, training.title, "y", legend=True))
    return traces


def _edges(training: Training, position: int, along: str, single: bool) -> list[dict]:
    """Returns a thin line through all panels where each stage but the first begins."""
    color = faded(model_color(training.title, position), 0.9 if single else 0.6)
    begins = [span_of(training.history, first, first, along)[0] for first in training.stages["first"][1:]]
    return [upright(at, color=color, width=1, dash="dot") | {"xref": "x", "layer": "below"} for at in begins]


def _curves(
    training: Training,
    position: int,
    metric: str,
    axis: str,
    smoothing: float,
    along: str,
    splits: Sequence[str],
    legend: bool,
) -> list[go.Scatter]:
    """Returns the lines of a run in one panel."""
    history, color = training.history, model_color(training.title, position)
    both = metric in _ON_BOTH
    x = positions(history, history["epoch"].to_numpy(), along)
    scale = 100 if lookup(metric).is_share else 1
    traces = []
    for split in [name for name in ("train", "val") if name in splits] if both else [""]:
        column = f"val_{metric}" if split == "val" else metric
        values = scale * history[column].to_numpy(float)
        name = f"{training.title}, {_SPLIT_NAMES[split]}" if split else training.title
        # Rates and times were set, not measured with noise, so smoothing them would only hide the steps.
        amount = smoothing if both else 0
        if amount > 0:
            faint = {"color": faded(color, 0.4), "width": 1}
            raw = {"x": x, "y": values, "yaxis": axis, "line": faint, "mode": "lines"}
            traces.append(go.Scatter(**raw, hoverinfo="skip", showlegend=False))
        line = {"color": color, "width": 1.4 if split == "train" else 2.2}
        line["dash"] = "dot" if split == "train" else _val_dash(training.title, position)
        traces.append(
            go.Scatter(
                x=x,
                y=smooth(values, amount),
                yaxis=axis,
                name=name,
                legendgroup=name,
                line=line,
                mode="lines" if len(x) > 1 else "markers",
                marker={"color": color, "size": 8},
                showlegend=legend,
                legendrank=1000 + 2 * position,
                customdata=np.stack([history["epoch"].to_numpy(), values], axis=1),
                hovertemplate=f"{name}, epoch %{{customdata[0]:,d}}: %{{customdata[1]:{_form(metric)}}}"
                f"{NBSP + '%' if scale == 100 else ''}<extra></extra>",
            )
        )
    if both and "val" in splits and training.best.epoch is not None:
        row = history[history["epoch"] == training.best.epoch]
        value = row[f"val_{metric}"].iloc[0] if len(row) else np.nan
        if metric == "macro_f1":
            value = training.best.value
        if not np.isnan(value):
            place = float(positions(history, training.best.epoch, along))
            traces.append(_mark(training, position, place, scale * value, axis, legend=False))
    return traces


def _mark(training: Training, position: int, x: float, y: float | str, axis: str, legend: bool) -> go.Scatter:
    """Returns the mark of the best checkpoint."""
    name = f"{training.title}, best checkpoint"
    shape = {"color": model_color(training.title, position), "symbol": model_symbol(training.title, position)}
    return dots(
        [x],
        [y],
        shape | {"size": 13, "line": {"color": "#FFFFFF", "width": 1.5}},
        yaxis=axis,
        name=name,
        legendgroup=name,
        showlegend=legend,
        legendrank=1001 + 2 * position,
        hoverinfo="skip",
        cliponaxis=False,
    )


def _val_dash(title: str, position: int) -> str:
    """Returns how the val curve of a run is dashed, so that runs can be told apart without color."""
    return _DASHES.get(title.lower(), _OTHER_DASHES[position % len(_OTHER_DASHES)])


def _form(metric: str) -> str:
    return {"learning_rate": ".2g", "loss": ".3f"}.get(metric, ".1f")


def _heading(text: str, top: float) -> dict:
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "bottom"}
    return place | {"text": text, "showarrow": False, "font": {"size": 13}, "yshift": 4}


def _alt(trainings: Sequence[Training], panels: Sequence[str], splits: Sequence[str]) -> str:
    sentences = []
    for training in trainings:
        text = f"{training.title} has {count(len(training.history), 'epoch')} in {count(len(training.stages), 'stage')}"
        if training.best.epoch is not None:
            reached = "" if np.isnan(training.best.value) else f" with a macro-F1 of {percent(training.best.value)}"
            text += f" and its best checkpoint at epoch {training.best.epoch}{reached}"
        sentences.append(text)
    charts = "Line charts one below another" if len(panels) > 1 else "Line chart"
    return (
        f"{charts} of {listing([lookup(name).lower for name in panels])}, on "
        f"{listing([_SPLIT_NAMES[name] for name in splits])} photos, with the stages on top: "
        f"{'; '.join(sentences)}."
    )
