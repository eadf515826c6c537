"""What the photos that cannot be counted on do to a result: every metric of a run with and without them."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from garbage_app.audit.findings import findings_stamp
from garbage_app.cache import run_key
from garbage_app.results import evaluation_of
from garbage_app.widgets.charts import show_table
from garbage_app.widgets.choosers import SPLIT_NAMES
from garbage_app.widgets.metric_tiles import share_tile
from garbage_core.audit.findings import FINDINGS, clean_subset, leaked_or_contradictory
from garbage_core.evaluation.metrics import CLASS_METRICS, lookup
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, escape, interval, points, signed

if TYPE_CHECKING:
    from garbage_core.evaluation.evaluation import Evaluation


@st.cache_data(max_entries=32, show_spinner="Computing intervals")
def _evaluation(key: tuple, stamp: tuple, split: str, _run: Run, _findings: pd.DataFrame) -> "Evaluation":
    from garbage_core.evaluation.evaluation import evaluate

    kept = clean_subset(_run.predictions, _findings, split)
    return evaluate(kept, _run.classes, split, temperature=_run.temperature)


def clean_evaluation(run: Run, split: str, findings: pd.DataFrame) -> "Evaluation":
    """Returns the metrics of a run on a split without its flawed photos, computed once. Raises GarbageError."""
    return _evaluation(run_key(run), findings_stamp(), split, run, findings)


@st.cache_data(max_entries=32, show_spinner=False)
def _excluded(key: tuple, stamp: tuple, split: str, _run: Run, _findings: pd.DataFrame) -> pd.DataFrame:
    excluded = leaked_or_contradictory(_run.predictions, _findings, split)
    rows = _run.predictions[_run.predictions["split"] == split].drop_duplicates("file").set_index("file")
    rows = rows.loc[excluded["file"]]
    answers = rows[[f"p_{name}" for name in _run.classes]].to_numpy().argmax(axis=1)
    return excluded.assign(
        label=rows["label"].to_numpy(),
        predicted=[_run.classes[answer] for answer in answers],
        correct=[_run.classes[answer] == label for answer, label in zip(answers, rows["label"], strict=True)],
    )


def excluded_with_predictions(run: Run, split: str, findings: pd.DataFrame) -> pd.DataFrame:
    """Returns `leaked_or_contradictory` with the run's columns `label`, `predicted` and `correct`, computed once."""
    return _excluded(run_key(run), findings_stamp(), split, run, findings)


@st.cache_data(max_entries=32, show_spinner=False)
def _effect(key: tuple, stamp: tuple, split: str, _run: Run, _findings: pd.DataFrame) -> pd.DataFrame:
    return both(evaluation_of(_run, split), clean_evaluation(_run, split, _findings))


def write_effect(run: Run, split: str, findings: pd.DataFrame) -> None:
    """Writes the metrics of a run with all photos of a split, or without the flawed ones, as the reader chooses."""
    before, after = evaluation_of(run, split), clean_evaluation(run, split, findings)
    excluded = excluded_with_predictions(run, split, findings)
    left_out = st.toggle(
        f"Leave out the {count(len(excluded), 'photo')} that cannot be counted on",
        key="without",
        bind="query-params",
        help="Photos with a duplicate under another label, or with a duplicate in a split that came before: for test "
        "photos, training and validation.",
        disabled=excluded.empty,
    )
    shown = after if left_out else before
    grid = st.grid(3, min_column_width=200)
    for name, title in (("accuracy", "Accuracy"), ("macro_f1", "Macro-F1"), ("ece_calibrated", "Calibration error")):
        share_tile(grid, title, *shown.metric(name))
    st.caption(
        f"{escape(run.title)} on {count(shown.n, f'{SPLIT_NAMES.get(split, split)} photo')}"
        + (f" of {before.n:,}." if left_out else ".")
        + (
            f" On the {len(excluded):,} others it is right {count(int(excluded['correct'].sum()), 'time')}."
            if left_out
            else ""
        )
    )
    if excluded.empty:
        return
    with st.expander("Every metric with and without them"):
        show_table(_effect(run_key(run), findings_stamp(), split, run, findings), "effect-table")
    with st.expander(f"Which photos these are ({len(excluded):,})"):
        columns = {"Photo": excluded["file"], "Class": excluded["label"], "Answer": excluded["predicted"]}
        show_table(pd.DataFrame(columns | {"Why": [_why(row) for row in excluded.itertuples()]}), "flawed-table")


def _why(row: tuple) -> str:
    return " and ".join(kind.reason for name, kind in FINDINGS.items() if kind.reason and getattr(row, name))


def both(before: "Evaluation", after: "Evaluation") -> pd.DataFrame:
    """Returns every metric, and recall, precision and F1 of every class, with and without the flawed photos."""
    rows = []
    for name in before.metrics["metric"]:
        values = before.metric(name), after.metric(name)
        rows.append(_row(lookup(name).title, *values, lookup(name).is_share))
    for column, metric in CLASS_METRICS.items():
        columns = [column, f"{column}_low", f"{column}_high"]
        for label in before.classes:
            values = (e.per_class.set_index("label").loc[label, columns].tolist() for e in (before, after))
            rows.append(_row(f"{metric.title}, {label}", *values, metric.is_share))
    return pd.DataFrame(rows)


def _row(name: str, before: tuple, after: tuple, share: bool) -> dict[str, str]:
    with_all, without = interval(*before, share), interval(*after, share)
    difference = after[0] - before[0]
    change = points(difference) if share else signed(difference, 3)
    return {"Metric": name, "All photos": with_all, "Without them": without, "Change": change}
