"""ROC and precision-recall curves of every class against all others."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from garbage_core.data.classes import class_edge
from garbage_core.figures.style import DASHES, diagonal, figure, percent_axis, percents, thinned
from garbage_core.utils.text import NBSP, listing


def roc_curves(table: pd.DataFrame, classes: Sequence[str], height: int = 460) -> go.Figure:
    """Draws the ROC curves of a `roc_table`, in the colors of `classes`; the dashed line is guessing.

    Only the corner in which the curves differ is drawn. A click on a curve gives [class, threshold] as `customdata`.
    """
    hover = (
        "%{fullData.name}<br>finds %{y:.1f} % of its photos<br>and predicts %{x:.1f} % of the others as it"
        "<extra></extra>"
    )
    curves, sentences = _class_curves(table, classes, "fpr", "tpr", "auc", "area", hover, "hv")
    right, bottom = _corner(table)
    return figure(
        [diagonal("guessing", showlegend=False), *curves],
        f"ROC curves, each class against all others, with the area under the curve: {sentences}.",
        height=height,
        xaxis=percent_axis("Others predicted as it (false positive rate)")
        | {"range": [-0.01 * right, right], "showgrid": True, "tickvals": None, "ticktext": None}
        | {"ticksuffix": f"{NBSP}%", "nticks": 6},
        yaxis=percent_axis("Its photos found (recall)")
        | {"range": [bottom, 100 + 0.02 * (100 - bottom)], "tickvals": None, "ticktext": None}
        | {"ticksuffix": f"{NBSP}%", "nticks": 6},
    )


def _corner(table: pd.DataFrame) -> tuple[float, float]:
    """Returns how far to the right and down ROC curves must be drawn, in per cent, to show where they differ.

    That is to where each class has 98 % of its photos, and down to the recall that each has among 2 % of the others.
    """
    right, bottom = 0.0, 100.0
    for _, rows in table.groupby("label"):
        right = max(right, 100 * float(rows.loc[rows["tpr"] >= 0.98, "fpr"].min()))
        bottom = min(bottom, 100 * float(rows.loc[rows["fpr"] <= 0.02, "tpr"].max()))
    return min(max(5 * np.ceil(right / 5), 10.0), 100.0), max(min(10 * np.floor(bottom / 10), 80.0), 0.0)


def pr_curves(table: pd.DataFrame, classes: Sequence[str], height: int = 460) -> go.Figure:
    """Draws the precision-recall curves of a `pr_table`, in the colors of `classes`."""
    hover = "%{fullData.name}<br>finds %{x:.1f} % of its photos<br>and is right in %{y:.1f} %<extra></extra>"
    curves, sentences = _class_curves(table, classes, "recall", "precision", "average_precision", "AP", hover, "vh")
    return figure(
        curves,
        f"Precision over recall, each class against all others, with the average precision: {sentences}.",
        height=height,
        xaxis=percent_axis("Recall", top=101),
        yaxis=percent_axis("Precision", top=101),
    )


def _class_curves(
    table: pd.DataFrame, classes: Sequence[str], x: str, y: str, area: str, area_name: str, hover: str, shape: str
) -> tuple[list[go.Scatter], str]:
    """Returns a curve per class, and a list of their areas in words."""
    curves, words = [], []
    for position, name in enumerate(classes):
        rows = thinned(table[table["label"] == name])
        if rows.empty:
            continue
        value = float(rows[area].iloc[0])
        line = {"color": class_edge(name, position), "dash": DASHES[position % len(DASHES)], "shape": shape}
        across, up = percents(rows, x, y)
        label = f"{name} ({area_name}{NBSP}{value:.3f})"
        curves.append(
            go.Scatter(
                x=across,
                y=up,
                mode="lines+markers",
                name=label,
                line=line | {"width": 2.2},
                # Invisible, for only markers can be clicked.
                marker={"color": line["color"], "size": 16, "opacity": 0},
                selected={"marker": {"opacity": 0}},
                unselected={"marker": {"opacity": 0}},
                customdata=[[name, threshold] for threshold in rows["threshold"].round(6).tolist()],
                hovertemplate=hover,
            )
        )
        words.append(f"{name} {value:.3f}")
    return curves, listing(words or ["none"])
