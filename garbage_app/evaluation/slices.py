"""Slices: choosing one for the whole bench, and all of them as a table."""

from functools import partial

import pandas as pd
import streamlit as st

from garbage_app.evaluation.tables import slice_files, slice_tables, slices_of
from garbage_app.widgets.charts import show_table
from garbage_app.widgets.choosers import keep_valid
from garbage_core.evaluation.metrics import METRICS
from garbage_core.evaluation.slices import ALL, SLICES, slice_title
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape, interval, percent

METRICS_OF_SLICES = ("accuracy", "macro_f1", "ece_calibrated")


def choose_slice(run: Run, split: str) -> str:
    """Lets the reader choose the photos that all of the bench is about; the choice stands in the address."""
    names = list(slices_of(run, split, *slice_files(run)))
    keep_valid("slice", names)
    meanings = " ".join(f"{part.title}: {part.meaning}" for name, part in SLICES.items() if name in names)
    return st.selectbox(
        "Slice",
        names,
        format_func=partial(slice_title, run=run),
        key="slice",
        bind="query-params",
        width=180,
        help=meanings,
    )


def write_slices(run: Run, split: str, other: Run | None) -> None:
    """Writes the metrics of every slice with their intervals, those of a second run beside them."""
    files = slice_files(run)
    names = list(slices_of(run, split, *files))
    if len(names) < 2:
        return
    st.subheader("Which photos are harder: slices", anchor=False)
    values = {name: slice_tables(run, split, name, *files).evaluation.metric("accuracy") for name in names}
    whole = values.pop(ALL)
    clear = {name: value for name, value in values.items() if value[2] < whole[1] or value[1] > whole[2]}
    worst = min(values, key=lambda name: values[name][0])
    st.markdown(
        f"{escape(run.title)} is right least often on **{slice_title(worst, run).lower()}**: "
        f"{interval(*values[worst])}, against {percent(whole[0])} on all photos."
        + ("" if worst in clear else " The intervals overlap, so it may be chance.")
    )
    rows = []
    for name in names:
        row: dict = {"Slice": slice_title(name, run), "Photos": slice_tables(run, split, name, *files).evaluation.n}
        for key in METRICS_OF_SLICES:
            for model in (run, other):
                if model is not None:
                    title = METRICS[key].title + (f", {model.title}" if other is not None else "")
                    there = name in slices_of(model, split, *files)
                    found = slice_tables(model, split, name, *files).evaluation.metric(key) if there else None
                    row[title] = interval(*found) if found else "not measured"
        rows.append(row)
    show_table(pd.DataFrame(rows), "slices-table")
    st.caption("Choose one under Slice at the top: matrix, classes, map and photos are then of it alone.")
