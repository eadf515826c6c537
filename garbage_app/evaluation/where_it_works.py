"""The same models on every set of photos: the white board they were made for, and photos as people take them."""

from functools import partial

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_core import figures
from garbage_core.evaluation.by_set import METRICS_BY_SET, evaluate_sets, set_title, sets_table
from garbage_core.evaluation.evaluation import Evaluation, confusion_sentence
from garbage_core.evaluation.metrics import METRICS
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, escape, interval, listing, percent


@cache.data(max_entries=32, show_spinner="Computing intervals")
def _measured(run: Run, split: str) -> tuple[pd.DataFrame, dict[str, Evaluation]]:
    """Returns a run's table of sets, and its evaluation on each. Raises GarbageError."""
    evaluations = evaluate_sets(run, split)
    return sets_table(run, evaluations), evaluations


def write_where_it_works(runs: list[Run], chosen: Run, split: str) -> None:
    """Draws accuracy and macro-F1 of all models on each set of photos, if there are several."""
    measured = {run.title: _measured(run, split) for run in runs}
    names = list(dict.fromkeys(name for _, found in measured.values() for name in found))
    if len(names) < 2:
        return
    st.subheader("Where it works", anchor=False)
    own = measured[chosen.title][1]
    said = [f"{percent(own[name].metric('accuracy')[0])} on {set_title(name, chosen)}" for name in names if name in own]
    st.markdown(f"How often {escape(chosen.title)} is right: {listing(said)}.")
    grid = st.grid(2, min_column_width=330, gap="medium")
    for name in names:
        with grid.cell():
            models = [(title, found[name].metrics) for title, (_, found) in measured.items() if name in found]
            photos = next(found[name].n for _, found in measured.values() if name in found)
            st.markdown(f"**{capital(set_title(name, chosen))}**, {photos:,} photos")
            key = ("where-it-works", *runs, split, name)
            chart = drawn(partial(figures.metric_comparison, models, ("accuracy", "macro_f1")), *key)
            show(chart, f"where-{name}")
            if name in own:
                st.caption(_mistake(own[name], chosen))
    with st.expander("All numbers by set"):
        show_table(_table(measured, chosen), "by-set-table")


def _mistake(evaluation: Evaluation, run: Run) -> str:
    """Says where a run fails most often on a set."""
    return escape(confusion_sentence(evaluation, run.title), 200)


def _table(measured: dict[str, tuple[pd.DataFrame, dict[str, Evaluation]]], run: Run) -> pd.DataFrame:
    rows = []
    for title, (table, _) in measured.items():
        for row in table.to_dict("records"):
            cells = {"Model": title, "Photos of": set_title(row["set"], run), "Number": row["photos"]}
            for name in METRICS_BY_SET:
                cells[METRICS[name].title] = interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
            for name, words in (("coverage", "Above the threshold"), ("accepted_accuracy", "Of these right")):
                cells[words] = interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
            rows.append(cells)
    return pd.DataFrame(rows)
