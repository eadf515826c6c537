"""Figures about trainings: curves over epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.figures_style import (
    LINE,
    faded,
    figure,
    is_share,
    listing,
    lower_name,
    metric_name,
    model_color,
    model_symbol,
    percent,
)

# Measured on both splits; the other columns of a history are the same for both.
_ON_BOTH = ("loss", "accuracy", "macro_f1")
# Of val; train is dotted in every run.
_DASHES = {"transfer": "solid", "scratch": "dash"}
_OTHER_DASHES = ("dashdot", "longdash", "longdashdot")


def val_dash(title: str, position: int = 0) -> str:
    """Returns how the val curve of a run is dashed, so that runs can be told apart without colour."""
    return _DASHES.get(title.lower(), _OTHER_DASHES[position % len(_OTHER_DASHES)])


def smooth(values: np.ndarray | pd.Series, amount: float) -> np.ndarray:
    """Returns the exponential moving average that TensorBoard draws, without its pull towards zero at the start.

    Args:
        values: Shape (N,); NaN are passed over.
        amount: Weight of the past, 0 (none) up to but without 1.

    Returns:
        Shape (N,).
    """
    if amount <= 0:
        return np.asarray(values, float)
    return pd.Series(np.asarray(values, float)).ewm(alpha=1 - min(amount, 0.99), ignore_na=True).mean().to_numpy()


def history_curves(
    histories: Sequence[tuple[str, pd.DataFrame]],
    metric: str = "macro_f1",
    splits: Sequence[str] = ("train", "val"),
    smoothing: float = 0.0,
    log: bool = False,
    best_epochs: Mapping[str, int] | None = None,
) -> go.Figure:
    """Draws one column of the histories of any number of runs over the epochs.

    Train is dotted, val dashed as `val_dash` says. Where a new stage begins there is a thin vertical line, named if
    there is one run. The best epoch is a marker on the val curve.

    Args:
        histories: Title and history of every run, columns as in `history.csv`.
        metric: "loss", "accuracy", "macro_f1", "learning_rate" or "seconds".
        splits: Which of "train" and "val" to draw, for the first three metrics.
        smoothing: 0 draws what was measured; up to 0.99 draws a moving average over a faint line of what was measured.
        log: Logarithmic axis.
        best_epochs: Best epoch by title; the highest val macro-F1 where it is not given.

    Returns:
        Line chart whose hover label lists all curves at an epoch.
    """
    both = metric in _ON_BOTH
    scale = 100.0 if is_share(metric) else 1.0
    form = "%{y:.1f} %" if is_share(metric) else {"loss": "%{y:.3f}", "seconds": "%{y:.1f} s"}.get(metric, "%{y:.2e}")
    traces, shapes, notes, sentences = [], [], [], []
    for position, (title, history) in enumerate(histories):
        color = model_color(title, position)
        epochs = history["epoch"].to_numpy()
        for split in [s for s in ("train", "val") if s in splits] if both else ["val"]:
            column = f"val_{metric}" if both and split == "val" else metric
            values = scale * history[column].to_numpy(float)
            name = f"{title}, {split}" if both else title
            line = {"color": color, "width": 2.2, "dash": "dot" if split == "train" else val_dash(title, position)}
            if smoothing > 0:
                faint = {"color": faded(color, 0.45), "width": 1}
                traces.append(go.Scatter(x=epochs, y=values, line=faint, hoverinfo="skip", showlegend=False))
            traces.append(
                go.Scatter(
                    **{"x": epochs, "y": smooth(values, smoothing), "name": name, "line": line},
                    **{"mode": "lines" if len(epochs) > 1 else "markers", "marker": {"color": color, "size": 8}},
                    hovertemplate=f"{form}<extra>%{{fullData.name}}</extra>",
                )
            )
        best = (best_epochs or {}).get(title)
        if best is None and history["val_macro_f1"].notna().any():
            best = int(history["epoch"][history["val_macro_f1"].idxmax()])
        drawn = "val" in splits or not both
        if both and drawn and best in epochs:
            value = scale * float(history.loc[history["epoch"] == best, f"val_{metric}"].iloc[0])
            # On the side where the train curve is not.
            side = "top center" if metric == "loss" else "bottom center"
            marker = {"color": color, "size": 12, "symbol": model_symbol(title, position)}
            traces.append(
                go.Scatter(
                    **{"x": [best], "y": [value], "mode": "markers+text", "name": title, "showlegend": False},
                    **{"text": [f"best: {best}"], "textposition": side, "cliponaxis": False},
                    marker=marker | {"line": {"color": "#FFFFFF", "width": 1.5}},
                    hovertemplate=f"{form} at the best epoch<extra>%{{fullData.name}}</extra>",
                )
            )
            shown = percent(value / 100) if is_share(metric) else f"{value:.3f}"
            sentences.append(f"{title} stands at {shown} in its best epoch {best} of {len(epochs)}")
        else:
            sentences.append(f"{title} has {len(epochs)} epoch{'s' if len(epochs) > 1 else ''}")
        starts = history["epoch"][history["stage"].ne(history["stage"].shift())].tolist()
        for start in starts[1:]:
            edge = {"type": "line", "x0": start - 0.5, "x1": start - 0.5, "y0": 0, "y1": 1, "yref": "paper"}
            single = len(histories) == 1
            shapes.append(edge | {"line": {"color": LINE if single else faded(color, 0.6), "width": 1, "dash": "dot"}})
        if len(histories) == 1 and len(starts) > 1:
            names = history.set_index("epoch")["stage"].loc[starts]
            place = {"yref": "paper", "y": 1, "yanchor": "bottom", "xanchor": "left", "showarrow": False}
            notes += [
                place | {"x": max(s - 0.5, epochs[0]), "text": str(n), "font": {"size": 12}} for s, n in names.items()
            ]
    unit = {"ticksuffix": " %"} if is_share(metric) else {"exponentformat": "power"}
    # Whole powers of ten only: the digits between them are read as values.
    unit |= {"type": "log", "dtick": 1} if log else {}
    alt = f"Line chart of {lower_name(metric)} over epochs: {listing(sentences, '; ')}." if sentences else "No curves."
    return figure(
        traces,
        alt,
        height=400,
        hovermode="x unified",
        shapes=shapes,
        annotations=notes,
        margin={"l": 4, "r": 12, "t": 26 if notes else 12, "b": 4},
        xaxis={"title": "Epoch", "showgrid": False, "tickformat": ",d", "unifiedhovertitle": {"text": "Epoch %{x}"}}
        # Plotly frames the spike with a thick line in the colour of the text.
        | {"showspikes": False},
        yaxis={"title": metric_name(metric), **unit},
    )
