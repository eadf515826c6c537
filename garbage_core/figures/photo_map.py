"""The photo map: photos as points on a plane, similar ones close together."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.figures.style import CLEAR, NEUTRAL, WORSE, class_colors, dots, figure, named_rows
from garbage_core.utils.text import number

# So that classes can be told apart on the map without color.
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "triangle-down", "pentagon")
_FEW = 800  # photos on a map, which then have larger points
_RING = "#C2185B"  # around the chosen photo; 3:1 on both themes, and no class has it


def photo_map(
    points: pd.DataFrame,
    classes: Sequence[str],
    coloring: str = "class",
    chosen: str | None = None,
    selected: Collection[str] | None = None,
    area: Sequence[tuple[float, float]] = (),
    height: int = 560,
) -> go.Figure:
    """Draws photos on a plane, similar ones close together; a click on one gives its file.

    Places mean nothing: there are no scales. A finger need not hit a point: the nearest within 22 pixels counts.

    Args:
        points: Columns `file` (their `customdata`), `x`, `y`, `label`, `split` and `predicted`.
        classes: Names in order.
        coloring: "class" (color and symbol of the true class) or "correct".
        chosen: File that gets a ring.
        selected: Files that stand out, all others fade; None for all alike. A drag then draws a lasso.
        area: Corners of a lasso to be drawn.
        height: In pixels.
    """
    right = points["predicted"] == points["label"]
    traces = _points(points, classes, coloring, selected)
    at = points[points["file"] == chosen]
    if len(at):
        ring = {"color": CLEAR, "size": 20, "line": {"color": _RING, "width": 3}}
        traces.append(dots(at["x"], at["y"], ring, hoverinfo="skip", showlegend=False))
    by = "their class" if coloring == "class" else "whether the prediction is right"
    alt = (
        f"Map of {number(len(points))} photos, similar ones close together, colored by {by}; "
        f"{number((~right).sum())} are predicted as another class than theirs."
    )
    bare = {"visible": False, "showgrid": False}
    alt = alt if len(points) else "Empty map: there are no photos."
    # A class that the reader hid through the legend stays hidden when the ring moves.
    outline = [{"type": "path", "path": _path(area), "line": {"color": _RING, "width": 2}}] if area else []
    return figure(
        traces,
        alt,
        height=height,
        shapes=outline,
        hoverdistance=22,
        dragmode=False if selected is None else "lasso",
        xaxis=bare,
        yaxis=bare | {"scaleanchor": "x"},
        uirevision=coloring,
    )


def _points(
    points: pd.DataFrame, classes: Sequence[str], coloring: str, selected: Collection[str] | None
) -> list[go.Scatter]:
    """Returns the points of each class, or of right and wrong predictions; args are those of `photo_map`."""
    right = points["predicted"] == points["label"]
    larger = 3 if len(points) < _FEW else 0
    if coloring == "class":
        groups = [
            (name, points["label"] == name, color, edge, _SYMBOLS[place % len(_SYMBOLS)], 7 + larger)
            for place, (name, color, edge) in enumerate(zip(classes, *class_colors(classes), strict=True))
        ]
    else:
        groups = [("right", right, NEUTRAL, NEUTRAL, "circle", 5 + larger), ("wrong", ~right, WORSE, WORSE, "x", 9)]
    traces = []
    for name, rows, color, edge, symbol, size in groups:
        if (part := points[rows.to_numpy()]).empty:
            continue
        full = 0.45 if name == "right" else 0.85
        faint = np.full(len(part), full) if selected is None else np.where(part["file"].isin(selected), full, 0.12)
        opacity = {"opacity": full if selected is None else faint}
        traces.append(
            dots(
                part["x"],
                part["y"],
                opacity | {"color": color, "symbol": symbol, "size": size, "line": {"color": edge, "width": 0.8}},
                name=f"{name} ({number(len(part))})" if selected is None else name,
                unselected={"marker": {"opacity": full}} if selected is None else None,  # the ring says which
                customdata=part[["file"]].to_numpy(),
                text=_hovers(part),
                hovertemplate="%{customdata[0]}<br>%{text}<extra></extra>",
            )
        )
    return traces


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in corners) + "Z"


def _hovers(points: pd.DataFrame) -> list[str]:
    splits = {"train": "training", "val": "validation"}
    return [
        f"{row.label}, {splits.get(row.split, row.split)}"
        + ("" if row.predicted == row.label else f", predicted as {row.predicted}")
        for row in named_rows(points)
    ]
