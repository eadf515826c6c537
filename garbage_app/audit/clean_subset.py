"""The metrics of a run on the clean subset: without the photos of a split that are leaked or contradictory."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.results import evaluation_of
from garbage_app.widgets.charts import show_table
from garbage_app.widgets.choosers import SPLIT_NAMES
from garbage_app.widgets.metric_tiles import share_tile, tile_row
from garbage_core.audit.findings import FINDINGS, clean_subset, findings_path, leaked_or_contradictory
from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS, lookup
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, count, escape, interval, percent, points, signed

if TYPE_CHECKING:
    from garbage_core.evaluation.evaluation import Evaluation

HEADLINES = ("accuracy", "macro_f1", "ece_calibrated")


def clean_evaluation(run: Run, split: str, findings: pd.DataFrame) -> "Evaluation":
    """Returns the metrics of a run on the clean subset of a split, computed once. Raises GarbageError."""
    return _clean_evaluation(run, split, findings_path(run.info.get("data_fingerprint")), findings)


@cache.data(max_entries=32, show_spinner="Computing intervals")
def _clean_evaluation(run: Run, split: str, path: Path, _findings: pd.DataFrame) -> "Evaluation":
    from garbage_core.evaluation.evaluation import evaluate

    clean = clean_subset(run.predictions, _findings, split)
    return evaluate(clean, run.classes, split, temperature=run.temperature)


def excluded_photos(run: Run, split: str, findings: pd.DataFrame) -> pd.DataFrame:
    """Returns `leaked_or_contradictory` with the run's columns `label`, `predicted` and `correct`, computed once."""
    return _excluded_photos(run, split, findings_path(run.info.get("data_fingerprint")), findings)


@cache.data(max_entries=32)
def _excluded_photos(run: Run, split: str, path: Path, _findings: pd.DataFrame) -> pd.DataFrame:
    excluded = leaked_or_contradictory(run.predictions, _findings, split)
    rows = run.predictions[run.predictions["split"] == split].drop_duplicates("file").set_index("file")
    rows = rows.loc[excluded["file"]]
    places = rows[[f"p_{name}" for name in run.classes]].to_numpy().argmax(axis=1)
    predicted, labels = [run.classes[place] for place in places], rows["label"].to_list()
    correct = [ours == label for ours, label in zip(predicted, labels, strict=True)]
    return excluded.assign(label=labels, predicted=predicted, correct=correct)


def conclusion(run: Run, split: str, findings: pd.DataFrame) -> tuple[str, str]:
    """Returns whether a split can be trusted as far as the accuracy of a run tells, and what that rests on."""
    before, after = evaluation_of(run, split), clean_evaluation(run, split, findings)
    excluded = excluded_photos(run, split, findings)
    value, low, high = before.metric("accuracy")
    photos = count(before.n, f"{SPLIT_NAMES.get(split, split)} photo")
    note = (
        f"The 95{NBSP}% interval with all of them is {100 * low:.1f} to {100 * high:.1f}{NBSP}%. Duplicates were "
        f"searched for among {count(run.predictions['file'].nunique(), 'photo')} of all splits."
    )
    if excluded.empty:
        return f"Yes: none of the {photos} has a duplicate in an earlier split or under another label.", note
    verdict = "Largely" if low <= after.metric("accuracy")[0] <= high else "Not as it is"
    return (
        f"{verdict}: {len(excluded):,} of the {photos} are leaked or contradictory, and without them "
        f"{escape(run.title)} is right on {percent(after.metric('accuracy')[0])} instead of "
        f"{percent(value)}."
    ), note


def write_effect(run: Run, split: str, findings: pd.DataFrame) -> None:
    """Writes the metrics of a run on all photos of a split or on the clean subset, as the reader chooses."""
    before, after = evaluation_of(run, split), clean_evaluation(run, split, findings)
    excluded = excluded_photos(run, split, findings)
    left_out = st.toggle(
        f"Leave out the {count(len(excluded), 'leaked or contradictory photo')}",
        key="without",
        bind="query-params",
        help="Photos with a duplicate under another label, or with a duplicate in a split that came before: for test "
        "photos, training and validation. Without them the clean subset is left.",
        disabled=excluded.empty,
    )
    shown = after if left_out else before
    grid = tile_row()
    for name in HEADLINES:
        share_tile(grid, METRICS[name].title.removesuffix(", calibrated"), *shown.metric(name))
    photos = f"{escape(run.title)} on {count(shown.n, f'{SPLIT_NAMES.get(split, split)} photo')}"
    right = count(int(excluded["correct"].sum()), "time")
    rest = f" of {before.n:,}. On the {len(excluded):,} others it is right {right}." if left_out else "."
    st.caption(photos + rest)
    if excluded.empty:
        return
    with st.expander("Every metric with and without them"):
        show_table(_effect(run, split, findings_path(run.info.get("data_fingerprint")), findings), "effect-table")
    with st.expander(f"Which photos these are ({len(excluded):,})"):
        columns = {"Photo": excluded["file"], "Class": excluded["label"], "Predicted": excluded["predicted"]}
        show_table(pd.DataFrame(columns | {"Why": [_why(row) for row in excluded.itertuples()]}), "excluded-table")


def _why(row: Any) -> str:
    return " and ".join(kind.reason for name, kind in FINDINGS.items() if kind.reason and getattr(row, name))


@cache.data(max_entries=32)
def _effect(run: Run, split: str, path: Path, _findings: pd.DataFrame) -> pd.DataFrame:
    """Returns every metric, and recall, precision and F1 of every class, on all photos and on the clean subset."""
    before, after = evaluation_of(run, split), clean_evaluation(run, split, _findings)
    rows = []
    for name in before.metrics["metric"]:
        metric = lookup(name)
        rows.append(_row(metric.title, before.metric(name), after.metric(name), metric.is_share))
    for name, class_metric in CLASS_METRICS.items():
        columns = [name, f"{name}_low", f"{name}_high"]
        for label in before.classes:
            with_all, clean = (e.per_class.set_index("label")[columns].T[label].to_list() for e in (before, after))
            rows.append(_row(f"{class_metric.title}, {label}", with_all, clean, class_metric.is_share))
    return pd.DataFrame(rows)


def _row(name: str, before: Sequence[float], after: Sequence[float], is_share: bool) -> dict[str, str]:
    with_all, without = (interval(value, low, high, is_share) for value, low, high in (before, after))
    difference = after[0] - before[0]
    change = points(difference) if is_share else signed(difference, 3)
    return {"Metric": name, "All photos": with_all, "Without them": without, "Change": change}
