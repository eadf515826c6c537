"""Recall, precision and F1 of every class, and the curves of each class against all others."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.evaluation.tables import curve_tables
from garbage_app.results import evaluation_of
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_core import figures
from garbage_core.evaluation.metrics import CLASS_METRICS
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, interval, small

CURVES = {
    "roc": (
        "The more of a class's photos are to be found (upwards), the more others are predicted as it (to the right). "
        "The area is 1 where the class can be told apart in full, and 0.5 for guessing."
    ),
    "pr": (
        "The more of a class's photos are to be found (to the right), the fewer of those predicted as it are right "
        "(downwards). AP, the average precision, is the mean height of the curve."
    ),
}


@st.fragment
def write_per_class(run: Run, split: str) -> None:
    """Draws recall, precision or F1 of every class, with the full table below."""
    evaluation = evaluation_of(run, split)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("Which classes are hard", anchor=False)
        metric = st.segmented_control(
            "Metric",
            list(CLASS_METRICS),
            default="recall",
            required=True,
            format_func=lambda name: CLASS_METRICS[name].title,
            label_visibility="collapsed",
            key="metric",
            bind="query-params",
        )
    title, meaning = CLASS_METRICS[metric].title, small(CLASS_METRICS[metric].meaning)
    st.caption(f"{title}: {meaning} The lines are 95{NBSP}% intervals: the fewer photos, the wider.")
    rows = evaluation.per_class
    bars = drawn(lambda: figures.per_class_bars(rows, [metric]), "per-class", run, split, metric)
    show(bars, "per-class", data=rows)
    with st.expander("All numbers"):
        columns: dict[str, Any] = {"Class": rows["label"], "Photos": rows["support"], "Predicted": rows["predicted"]}
        for key, class_metric in CLASS_METRICS.items():
            ends = rows[[key, f"{key}_low", f"{key}_high"]].to_numpy()
            columns[class_metric.title] = [
                interval(value, low, high, class_metric.is_share) for value, low, high in ends
            ]
        show_table(pd.DataFrame(columns), "per-class-table")


def write_curves(run: Run, split: str) -> None:
    """Draws the ROC and the precision-recall curve of every class, with the areas below."""
    st.subheader("How well each class is told from the rest: ROC and precision-recall curves", anchor=False)
    curves = curve_tables(run, split)
    if curves.areas.empty:
        st.info("These photos are all of one class, so there is nothing to tell it from.")
        return
    grid = st.grid(2, min_column_width=330, gap="medium")
    for kind, points, draw in (("roc", curves.roc, figures.roc_curves), ("pr", curves.pr, figures.pr_curves)):
        with grid.cell():
            figure = drawn(partial(draw, points, run.classes), kind, run, split)
            show(figure, f"{kind}-curves", data=points)
            st.caption(CURVES[kind])
    with st.expander("The areas and their intervals"):
        rows = curves.areas
        columns: dict[str, Any] = {"Class": rows["label"], "Photos": rows["support"]}
        for key, name in (("auc", "Area under the ROC curve"), ("average_precision", "Average precision")):
            ends = rows[[key, f"{key}_low", f"{key}_high"]].to_numpy()
            columns[name] = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ends]
        show_table(pd.DataFrame(columns), "areas-table")
