"""A run on each of its sets of photos, side by side: what it promises on TrashNet and what it holds on other photos."""

from collections.abc import Mapping

import pandas as pd

from garbage_core.data.photo_sets import MAIN_SET
from garbage_core.evaluation.calibration import apply_temperature, selective_metrics
from garbage_core.evaluation.evaluation import Evaluation, evaluate
from garbage_core.runs.predictions import to_arrays
from garbage_core.runs.results import TRASHNET
from garbage_core.runs.run import Run
from garbage_core.utils.text import interval, markdown_table

METRICS_BY_SET = ("accuracy", "macro_f1", "ece_calibrated")  # of `METRICS`
SET_TITLES = {"trashnet": "TrashNet's white board", "everyday": "everyday photos"}


def set_title(name: str, run: Run | None = None) -> str:
    """Returns what people read for a set: where its photos were taken, or its plain name.

    Args:
        name: Of the set.
        run: The run that was trained on it; None for one of TrashNet. The set that a run was made for is called
            `MAIN_SET` whichever photos it has.
    """
    if name == MAIN_SET and run is not None and not _is_of_trashnet(run):
        return "the photos it was made for"
    return SET_TITLES.get(name, name)


def _is_of_trashnet(run: Run) -> bool:
    return run.info.get("data_fingerprint") in (None, TRASHNET) or run.info.get("protocol") == "official"


def by_set(run: Run, split: str = "test") -> pd.DataFrame:
    """Measures a run on each of its sets.

    Args:
        run: The run.
        split: Name of the split.

    Returns:
        One row per set that has photos of this split: set, photos; accuracy, macro_f1 and ece_calibrated (expected
        calibration error); coverage, the share of photos that reach the decision threshold, and accepted_accuracy, the
        share of these that is right. Each but the first two also with `_low` and `_high`, the 95 % interval.

    Raises:
        GarbageError: If a file of the run cannot be used.
    """
    return sets_table(run, evaluate_sets(run, split))


def evaluate_sets(run: Run, split: str = "test") -> dict[str, Evaluation]:
    """Evaluates a run on each of its sets that has photos of a split. Raises GarbageError."""
    tables = {name: run.predictions_of(name) for name in run.sets}
    return {
        name: evaluate(table, run.classes, split, run.temperature)
        for name, table in tables.items()
        if (table["split"] == split).any()
    }


def sets_table(run: Run, evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Returns the table of `by_set` for what `evaluate_sets` returned."""
    rows = []
    for name, evaluation in evaluations.items():
        row: dict[str, object] = {"set": name, "photos": evaluation.n}
        for metric in METRICS_BY_SET:
            row |= dict(zip((metric, f"{metric}_low", f"{metric}_high"), evaluation.metric(metric), strict=True))
        labels, probabilities, _ = to_arrays(run.predictions_of(name), run.classes, evaluation.split)
        selective = selective_metrics(labels, apply_temperature(probabilities, run.temperature), run.threshold)
        for key, column in (("coverage", "coverage"), ("accuracy", "accepted_accuracy")):
            row |= {f"{column}{end}": selective[f"{key}{end}"] for end in ("", "_low", "_high")}
        rows.append(row)
    return pd.DataFrame(rows)


def by_set_markdown(table: pd.DataFrame, first: str = "photos", with_set: bool = False, run: Run | None = None) -> str:
    """Returns a table of `by_set` as Markdown.

    Args:
        table: The table; rows of a column `title`, if it has one, are called by it.
        first: Title of the first column.
        with_set: Whether the second column names the set beside the number of its photos.
        run: The run whose sets these are, see `set_title`.
    """
    columns = (*METRICS_BY_SET, "coverage", "accepted_accuracy")
    header = [first, "photos" if with_set else "number"]
    header += ["accuracy", "macro-F1", "calibration error", "above the threshold", "of these right"]
    rows = [
        [
            row.get("title") or set_title(row["set"], run),
            f"{row['photos']:,}" + (f", {set_title(row['set'])}" if with_set else ""),
            *(interval(row[c], row[f"{c}_low"], row[f"{c}_high"], plain=True) for c in columns),
        ]
        for row in table.to_dict("records")
    ]
    return markdown_table(header, rows)
