"""What a model is worth: metrics with intervals, per class and overall, as pure functions of tables.

    evaluation = evaluate(run.predictions, run.classes, "test", run.temperature)
    evaluation.metric("macro_f1")         # (value, low, high)
    most_common_confusion(evaluation)     # ("plastic", "glass", 7, 74)

Everything about results can be imported from here; the parts lie in `predictions` (tables to arrays and photos),
`calibration` (temperature, threshold, reliability), `scores` and `resampling` (metrics and their intervals), `curves`
(ROC, precision and recall) and `comparison` (two models on the same photos).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from garbage_core.evaluation.calibration import (
    NEVER_SURE,
    apply_temperature,
    calibration_error_of_perfect,
    coverage_table,
    expected_calibration_error,
    fit_temperature,
    fit_threshold,
    reliability_table,
    selective_metrics,
)
from garbage_core.evaluation.comparison import GROUPS, Comparison, compare, mcnemar_test
from garbage_core.evaluation.curves import area_table, pr_table, roc_table
from garbage_core.evaluation.intervals import (
    bootstrap_weights,
    plain_number,
    wilson_interval,
)
from garbage_core.evaluation.metrics import METRICS, confusions, metric_intervals, scores
from garbage_core.evaluation.photo_tables import cell_photos, confident_mistakes, photo_table
from garbage_core.runs.predictions import to_arrays

__all__ = [
    "GROUPS",
    "METRICS",
    "NEVER_SURE",
    "Comparison",
    "Evaluation",
    "accuracy_sentence",
    "apply_temperature",
    "area_table",
    "calibration_error_of_perfect",
    "cell_photos",
    "compare",
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
        per_class: Columns `label`, `precision`, `recall`, `f1`, each also with `_low` and `_high`, and `support` and
            `predicted` (photos); one row per class.
        confusion: Photos of each true class (rows, index `label`) by answer (columns, `predicted`), integers.
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
        row = self.metrics.set_index("metric").loc[name]
        return float(row["value"]), float(row["low"]), float(row["high"])

    def to_dict(self) -> dict:
        """Returns everything as plain lists, numbers and strings, ready for JSON; undefined numbers are None."""
        return {
            "split": self.split,
            "photos": self.n,
            "classes": list(self.classes),
            "temperature": self.temperature,
            "metrics": {
                row["metric"]: {key: plain_number(row[key]) for key in ("value", "low", "high")}
                for row in self.metrics.to_dict("records")
            },
            "per_class": [
                {key: plain_number(value) for key, value in row.items()} for row in self.per_class.to_dict("records")
            ],
            "confusion": self.confusion.to_numpy().tolist(),
        }


def evaluate(
    predictions: pd.DataFrame,
    classes: Sequence[str],
    split: str | None = "test",
    temperature: float = 1.0,
    resamples: int = 2000,
    seed: int = 0,
) -> Evaluation:
    """Computes every metric of one model on one split, with 95 % intervals.

    The metrics are accuracy; macro F1 and balanced accuracy (means over classes); log loss and expected calibration
    error, before and after temperature scaling; and the macro one-vs-rest area under the ROC curve. Their intervals
    come from the bootstrap over photos, see `resampling`; those per class from `per_class_table`.

    Args:
        predictions: Table as for `to_arrays`.
        classes: Names of the classes, in order.
        split: Name of the split; None takes every photo.
        temperature: Fitted on val, see `fit_temperature`.
        resamples: Number of draws; 0 leaves the intervals of the metrics undefined (NaN).
        seed: Of the draws.

    Returns:
        An `Evaluation`.

    Raises:
        GarbageError: If the table does not fit the classes or has no such split.
    """
    y, p, _ = to_arrays(predictions, classes, split)
    calibrated = apply_temperature(p, temperature)
    once = np.ones((len(y), 1))
    values = scores(y, p, calibrated, once)[:, 0]
    draws = [scores(y, p, calibrated, weights) for weights in bootstrap_weights(len(y), resamples, seed)]
    low, high = metric_intervals(values, np.concatenate([np.empty((len(METRICS), 0)), *draws], axis=1))
    confusion = pd.DataFrame(
        confusions(y, p.argmax(axis=1), len(classes), once)[0].astype(int),
        index=pd.Index(classes, name="label"),
        columns=pd.Index(classes, name="predicted"),
    )
    return Evaluation(
        split="all" if split is None else split,
        n=len(y),
        classes=tuple(classes),
        temperature=float(temperature),
        metrics=pd.DataFrame({"metric": METRICS, "value": values, "low": np.maximum(low, 0), "high": high}),
        per_class=per_class_table(confusion),
        confusion=confusion,
    )


def per_class_table(confusion: pd.DataFrame) -> pd.DataFrame:
    """Computes precision, recall and F1 of every class from a confusion matrix, with 95 % Wilson intervals.

    Wilson and not the bootstrap, because a class may have few photos: of 29 photos with 28 right the bootstrap's
    interval is too narrow, and with 29 right it is a single point (see `wilson_interval` for the source). Recall is a
    share of the photos of the class, precision one of the photos given its name. F1 = 2J / (1 + J) rises with J, the
    share of right ones among the photos that have the class or were given it, so its interval is that of J, mapped.

    Args:
        confusion: Photos by true class (rows) and answer (columns).

    Returns:
        Columns as in `Evaluation.per_class`. Precision and F1 are 0 for a class that is present but never predicted, as
        with scikit-learn's `zero_division=0` (the interval of that precision is 0..1: nothing is known). Recall is NaN
        for a class without photos, and so is F1 if that class is never predicted either.
    """
    counts = confusion.to_numpy()
    right, support, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    some_support = np.where(support > 0, support, np.nan)
    either = np.where(support + predicted > 0, support + predicted - right, np.nan)
    shares = {
        "precision": (right / np.maximum(predicted, 1), *wilson_interval(right, predicted)),
        "recall": (right / some_support, *wilson_interval(right, some_support)),
        "f1": tuple(2 * j / (1 + j) for j in (right / either, *wilson_interval(right, either))),
    }
    table = {"label": list(confusion.index)}
    for name, (value, low, high) in shares.items():
        table |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(table | {"support": support, "predicted": predicted})


def most_common_confusion(evaluation: Evaluation) -> tuple[str, str, int, int] | None:
    """Returns the most frequent kind of mistake, as the answer to "where does it fail?".

    Args:
        evaluation: Of one model on one split.

    Returns:
        (true class, answer, photos confused so, photos of the true class); of equally frequent ones the one that hits
        the greater share of its class, then the first in the order of the classes. None if there is no mistake.
    """
    counts = evaluation.confusion.to_numpy().copy()
    support = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    if not counts.any():
        return None
    # The share is below or equal to 1, so half of it decides only between equal counts.
    rank = counts + 0.5 * counts / np.maximum(support, 1)[:, None]
    true, answer = np.unravel_index(np.argmax(rank), rank.shape)
    return evaluation.classes[true], evaluation.classes[answer], int(counts[true, answer]), int(support[true])


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
    true, answer, count, support = worst
    return f"{name} confuses {true} with {answer} most often ({count:,} of {support:,})."
