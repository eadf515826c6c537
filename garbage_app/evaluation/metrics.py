"""The metrics of a run on a split: three as metric tiles, all of them as a table, and what other splits gave."""

import math
from pathlib import Path

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.widgets.charts import show_table
from garbage_app.widgets.metric_tiles import share_tile, tile_row
from garbage_core.errors import GarbageError
from garbage_core.evaluation.evaluation import Evaluation
from garbage_core.evaluation.metrics import METRICS, lookup
from garbage_core.runs.run import Run
from garbage_core.studies.tables import crossval_sentence, is_recipe_of, read_crossval, stage_names, study_path
from garbage_core.utils.text import NBSP, interval

# Metrics in large type; what they mean is said at greater length than in the table of all metrics.
HEADLINES = {
    "accuracy": "Of all photos, how many the model predicts as their true class.",
    "macro_f1": "The mean over the classes of F1, which is high only where few photos of a class are missed and few "
    "others are predicted as it. Rare classes weigh as much as common ones.",
    "ece_calibrated": "How far confidence and share of right predictions lie apart on average: at 5 %, predictions "
    "with a confidence of 90 % are right in about 85 or 95 of 100 cases. After temperature scaling, as the app "
    "shows them.",
}


def write_metrics(evaluation: Evaluation, run: Run, other: Run | None, theirs: Evaluation | None) -> None:
    """Writes the three metrics that sum a model up, and folds away all, with those of a second run beside them."""
    grid = tile_row()
    for name, help_text in HEADLINES.items():
        title = METRICS[name].title.removesuffix(", calibrated")
        interval_text = "The interval: what other photos of the same kind might have given."
        share_tile(grid, title, *evaluation.metric(name), f"{help_text} {interval_text}")
    with st.expander("All metrics"):
        names = [f"Value and 95{NBSP}% interval"] if other is None or theirs is None else [run.title, other.title]
        rows = []
        for name in evaluation.metrics["metric"]:
            row = {"Metric": lookup(name).title}
            for column, found in zip(names, (evaluation, theirs), strict=False):
                if found is not None:
                    row[column] = interval(*found.metric(name), lookup(name).is_share)
            row["Meaning"] = lookup(name).meaning.format(blind=math.log(len(evaluation.classes)))
            rows.append(row)
        show_table(pd.DataFrame(rows), "metrics-table", {"Meaning": st.column_config.TextColumn(width="large")})


def write_crossval(run: Run) -> None:
    """Says what a cross-validation of the run's recipe found, if there is one: whether this split was an easy one."""
    path = study_path("crossval", run.info.get("data_fingerprint"))
    if not path.is_file():
        return
    try:
        folds = _read_folds(path)
    except GarbageError as error:
        st.warning(str(error))
        return
    stages = stage_names(run)
    if is_recipe_of(folds, stages):
        st.caption(f"**Luck of the split?** {crossval_sentence(folds, stages)}")


@cache.data(max_entries=2)
def _read_folds(path: Path) -> pd.DataFrame:
    return read_crossval(path)
