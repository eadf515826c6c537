"""What a model is worth: metrics with intervals, per class and overall, as pure functions of tables.

    evaluation = evaluate(run.predictions, run.classes, "test", run.temperature)
    evaluation.metric("macro_f1")         # (value, low, high)
    most_common_confusion(evaluation)     # ("plastic", "glass", 7, 74)

Everything about results can be imported from here; the parts lie in `metrics` (the registry), `confusion_matrix`,
`calibration` (temperature, threshold, reliability), `intervals`, `curves` (ROC, precision and recall) and `comparison`
(two models on the same photos).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from garbage_core.evaluation.calibration import (
    ALWAYS_ABSTAINS,
    apply_temperature,
    calibration_error_of_perfect,
    coverage_table,
    expected_calibration_error,
    fit_temperature,
    fit_threshold,
    reliability_table,
    selective_metrics,
)
from garbage_core.evaluation.comparison import GROUPS, Comparison, compare, compare_runs
from garbage_core.evaluation.confusion_matrix import cell_photos, confident_mistakes, confusion_table, photo_table
from garbage_core.evaluation.curves import area_table, pr_table, roc_table
from garbage_core.evaluation.intervals import mcnemar_test, wilson_interval
from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS, bootstrap, metric_intervals, metric_values
from garbage_core.runs.predictions import to_arrays
from garbage_core.utils.files import json_value

__all__ = [
    "ALWAYS_ABSTAINS",
    "GROUPS",
    "METRICS",
    "Comparison",
    "Evaluation",
    "accuracy_sentence",
    "apply_temperature",
    "area_table",
    "calibration_error_of_perfect",
    "cell_photos",
    "compare",
    "compare_runs",
    "confident_mistakes",
    "confusion_sentence",
    "coverage_table",
    "evaluate",
    "expected_calibration_error",
    "fit_temperature",
    "fit_threshold",
    "mcnemar_test",
    "most_common_confusion",
    "per_class_table",
    "photo_table",
    "pr_table",
    "reliability_table",
    "roc_table",
    "selective_metrics",
    "to_arrays",
    "wilson_interval",
]


@dataclass(frozen=True)
class Evaluation:
    """How one model does on the photos of one split.

    Attributes:
        split: Name of the split.
        n: Number of photos.
        classes: Names of the classes, in order.
        temperature: The temperature behind the calibrated metrics.
        metrics: Columns `metric`, `value`, `low`, `high` (95 % bootstrap interval); one row per name in `METRICS`.
        per_class: Columns `label`, those of `CLASS_METRICS` (`precision`, ...), each also with `_low` and `_high`, and
            `support` and `predicted` (photos); one row per class.
        confusion: Photos of each true class (rows, index `label`) by predicted class (columns, `predicted`), integers.
    """

    split: str
    n: int
    classes: tuple[str, ...]
    temperature: float
    metrics: pd.DataFrame
    per_class: pd.DataFrame
    confusion: pd.DataFrame

    def metric(self, name: str) -> tuple[float, float, float]:
        """Returns a metric of `METRICS` as (value, low, high)."""
        row = self.metrics.set_index("metric")[["value", "low", "high"]].loc[name]
        value, low, high = row.to_numpy(float)
        return float(value), float(low), float(high)

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain lists, numbers and strings, ready for JSON; undefined numbers are None."""
        content = {
            "split": self.split,
            "photos": self.n,
            "classes": self.classes,
            "temperature": self.temperature,
            "metrics": self.metrics.set_index("metric").to_dict("index"),
            "per_class": self.per_class.to_dict("records"),
            "confusion": self.confusion.to_numpy(),
        }
        return dict(json_value(content))


def evaluate(
    predictions: pd.DataFrame,
    classes: Sequence[str],
    split: str | None = "test",
    temperature: float = 1.0,
    resamples: int = 2000,
    seed: int = 0,
) -> Evaluation:
    """Computes every metric of one model on one split, with 95 % intervals.

    The metrics are those of `METRICS`, with intervals from the bootstrap over photos, see `intervals`; those of every
    class are `CLASS_METRICS`, with intervals of their own.

    Args:
        predictions: Table as for `to_arrays`.
        classes: Names of the classes, in order.
        split: Name of the split; None takes every photo.
        temperature: Fitted on val, see `fit_temperature`.
        resamples: Number of resamples; 0 leaves the intervals of the metrics undefined (NaN).
        seed: Seed of the resamples.

    Returns:
        An `Evaluation`.

    Raises:
        GarbageError: If the table does not fit the classes or has no such split.

    Example:
        >>> from garbage_core import load_run
        >>> run = load_run("transfer")
        >>> found = evaluate(run.predictions, run.classes, temperature=run.temperature)
        >>> round(float(found.metrics.set_index("metric").loc["accuracy", "value"]), 3)
        0.912
    """
    y, p, _ = to_arrays(predictions, classes, split)
    calibrated = apply_temperature(p, temperature)
    values = metric_values(y, p, calibrated)
    low, high = metric_intervals(values, bootstrap(y, p, calibrated, resamples, seed))
    confusion = confusion_table(y, p.argmax(axis=1), classes, "label", "predicted")
    return Evaluation(
        split="all" if split is None else split,
        n=len(y),
        classes=tuple(classes),
        temperature=float(temperature),
        metrics=pd.DataFrame({"metric": list(METRICS), "value": values, "low": np.maximum(low, 0), "high": high}),
        per_class=per_class_table(confusion),
        confusion=confusion,
    )


def per_class_table(confusion: pd.DataFrame) -> pd.DataFrame:
    """Computes the metrics of every class from a confusion matrix.

    Args:
        confusion: Photos by true class (rows) and predicted class (columns).

    Returns:
        Columns as in `Evaluation.per_class`; see the functions of `CLASS_METRICS` for what is undefined.
    """
    counts = confusion.to_numpy()
    table: dict[str, object] = {"label": list(confusion.index)}
    for name, metric in CLASS_METRICS.items():
        table |= dict(zip((name, f"{name}_low", f"{name}_high"), metric.compute(counts), strict=True))
    return pd.DataFrame(table | {"support": counts.sum(axis=1), "predicted": counts.sum(axis=0)})


def most_common_confusion(evaluation: Evaluation) -> tuple[str, str, int, int] | None:
    """Returns the most frequent kind of mistake, for "where does it fail?".

    Args:
        evaluation: Of one model on one split.

    Returns:
        (true class, predicted class, photos confused so, photos of the true class); of equally frequent ones the one
        that hits the greater share of its class, then the first in the order of the classes. None if there is no
        mistake.
    """
    counts = evaluation.confusion.to_numpy().copy()
    support = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    if not counts.any():
        return None
    # The share is below or equal to 1, so half of it decides only between equal counts.
    rank = counts + 0.5 * counts / np.maximum(support, 1)[:, None]
    true, predicted = np.unravel_index(np.argmax(rank), rank.shape)
    return evaluation.classes[true], evaluation.classes[predicted], int(counts[true, predicted]), int(support[true])


def accuracy_sentence(evaluation: Evaluation, name: str) -> str:
    """Says in one sentence how often the model called `name` is right, with the interval and the photos behind it."""
    value, low, high = (100 * number for number in evaluation.metric("accuracy"))
    photos = f"{evaluation.n:,} {evaluation.split} photo{'s' if evaluation.n != 1 else ''}"
    interval = "" if np.isnan(low) else f" (95 % interval {low:.1f} to {high:.1f})"
    return f"{name} is right on {value:.1f} % of the {photos}{interval}."


def confusion_sentence(evaluation: Evaluation, name: str) -> str:
    """Says in one sentence where the model called `name` fails most often."""
    worst = most_common_confusion(evaluation)
    if worst is None:
        return f"{name} makes no mistake on the {evaluation.n:,} {evaluation.split} photos."
    true, predicted, count, support = worst
    return f"{name} confuses {true} with {predicted} most often ({count:,} of {support:,})."
