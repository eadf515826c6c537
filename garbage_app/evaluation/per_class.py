"""Tables of every class: recall, precision and F1, and the areas under its curves, of one run or of two."""

from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.evaluation.tables import curve_tables, slice_files
from garbage_app.widgets.charts import show_table
from garbage_core.evaluation.evaluation import Evaluation
from garbage_core.evaluation.metrics import CLASS_METRICS
from garbage_core.runs.run import Run
from garbage_core.utils.text import interval


def write_class_table(evaluation: Evaluation, run: Run, other: Run | None, theirs: Evaluation | None) -> None:
    """Writes the metrics of every class with their intervals, those of a second run beside them."""
    rows = evaluation.per_class
    columns: dict[str, Any] = {"Class": rows["label"], "Photos": rows["support"], "Predicted": rows["predicted"]}
    for key, metric in CLASS_METRICS.items():
        for whose, table in _both(run, rows, other, None if theirs is None else theirs.per_class):
            ends = table[[key, f"{key}_low", f"{key}_high"]].to_numpy()
            columns[f"{metric.title}{whose}"] = [
                interval(value, low, high, metric.is_share) for value, low, high in ends
            ]
    show_table(pd.DataFrame(columns), "per-class-table")


def write_areas(run: Run, split: str, name: str, other: Run | None) -> None:
    """Writes the areas under the ROC and the precision-recall curve of every class, with their intervals."""
    own = curve_tables(run, split, name, *slice_files(run)).areas
    if own.empty:
        st.info("These photos are all of one class, so there is nothing to tell it from.")
        return
    theirs = None if other is None else curve_tables(other, split, name, *slice_files(run)).areas
    columns: dict[str, Any] = {"Class": own["label"], "Photos": own["support"]}
    for key, title in (("auc", "Area under the ROC curve"), ("average_precision", "Average precision")):
        for whose, table in _both(run, own, other, theirs):
            ends = table[[key, f"{key}_low", f"{key}_high"]].to_numpy()
            columns[f"{title}{whose}"] = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ends]
    show_table(pd.DataFrame(columns), "areas-table")


def _both(
    run: Run, own: pd.DataFrame, other: Run | None, theirs: pd.DataFrame | None
) -> list[tuple[str, pd.DataFrame]]:
    """Returns the tables to be written, each with what its columns are called after their title."""
    if other is None or theirs is None:
        return [("", own)]
    return [(f", {run.title}", own), (f", {other.title}", theirs)]
