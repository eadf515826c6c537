"""What a study writes down of a model: every metric with its interval, and its paired difference from another model.

A study trains the same thing several times, with several seeds or on several folds. `measure` takes one of them,
`average` several of them on the same photos, `measure_rows` turns either into rows of the study's table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from garbage_core.evaluation.calibration import apply_temperature
from garbage_core.evaluation.confusion_matrix import confusions
from garbage_core.evaluation.evaluation import per_class_table
from garbage_core.evaluation.intervals import paired_interval
from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS, bootstrap, metric_intervals, metric_values

MEASURE_COLUMNS = ("metric", "class", "photos", "value", "low", "high")
DIFFERENCE_COLUMNS = ("difference", "difference_low", "difference_high")


@dataclass(frozen=True)
class Measures:
    """Metrics of S models on the same N photos, averaged over the models, with R resamples of the bootstrap.

    Attributes:
        classes: Names of the C classes, in order.
        labels: True classes, shape (N,).
        right: Whether each model is right on each photo, shape (S, N).
        confusion: Photos of each true class (rows) by predicted class, mean over the models, shape (C, C).
        values: Metrics in the order of `METRICS`, shape (M,).
        resampled: The same for every resample, shape (M, R).
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    right: np.ndarray
    confusion: np.ndarray
    values: np.ndarray
    resampled: np.ndarray


def measure(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    temperature: float | np.ndarray = 1.0,
    resamples: int = 2000,
    seed: int = 0,
) -> Measures:
    """Measures one model; the intervals are those that `evaluate` gives.

    Args:
        labels: True classes, shape (N,).
        probabilities: Uncalibrated, shape (N, C).
        classes: C names, in order.
        temperature: For the calibrated metrics: one, or one for each photo, shape (N,).
        resamples: Number of resamples.
        seed: Seed of the resamples. Measures of the same photos with the same seed are resampled alike, and can be
            averaged and compared resample by resample.
    """
    calibrated, temperatures = np.empty_like(probabilities), np.broadcast_to(temperature, len(labels))
    for value in np.unique(temperatures):
        rows = temperatures == value
        calibrated[rows] = apply_temperature(probabilities[rows], float(value))
    predicted, once = probabilities.argmax(axis=1), np.ones((len(labels), 1))
    return Measures(
        classes=tuple(classes),
        labels=np.asarray(labels),
        right=(predicted == labels)[None],
        confusion=confusions(labels, predicted, len(classes), once)[0],
        values=metric_values(labels, probabilities, calibrated),
        resampled=bootstrap(labels, probabilities, calibrated, resamples, seed),
    )


def average(measures: Sequence[Measures]) -> Measures:
    """Averages models on the same photos: metric by metric, resample by resample.

    The intervals of the average say how far it moves with other photos; how far it moves with other seeds is seen in
    the single models.
    """
    first = measures[0]
    return Measures(
        classes=first.classes,
        labels=first.labels,
        right=np.concatenate([one.right for one in measures]),
        confusion=np.mean([one.confusion for one in measures], axis=0),
        values=np.mean([one.values for one in measures], axis=0),
        resampled=np.mean([one.resampled for one in measures], axis=0),
    )


def measure_rows(measures: Measures, baseline: Measures | None = None) -> pd.DataFrame:
    """Returns a table of everything measured.

    Args:
        measures: The models.
        baseline: As many others on the same photos, resampled alike; None leaves the differences undefined.

    Returns:
        Columns `MEASURE_COLUMNS` and `DIFFERENCE_COLUMNS`. First one row for each of `METRICS`, with `class` empty and
        `photos` N; then precision, recall and F1 of each class, with `photos` those of the class. Intervals are 95 %:
        of metrics by the bootstrap, per class by Wilson's method on the mean confusion matrix. The difference from the
        baseline is paired: by the bootstrap for metrics, see `paired_interval` for recall; precision and F1 have none.
    """
    low, high = metric_intervals(measures.values, measures.resampled)
    overall = pd.DataFrame(
        {"metric": list(METRICS), "class": "", "photos": len(measures.labels), "value": measures.values}
    )
    overall = overall.assign(low=np.maximum(low, 0), high=high)
    if baseline is not None:
        difference = measures.values - baseline.values
        low, high = metric_intervals(difference, measures.resampled - baseline.resampled)
        overall = overall.assign(difference=difference, difference_low=low, difference_high=high)
    confusion = pd.DataFrame(measures.confusion, index=list(measures.classes), columns=list(measures.classes))
    per_class = per_class_table(confusion)
    parts = [overall]
    for metric in CLASS_METRICS:
        part = pd.DataFrame({"metric": metric, "class": per_class["label"], "photos": per_class["support"].astype(int)})
        part = part.assign(value=per_class[metric], low=per_class[f"{metric}_low"], high=per_class[f"{metric}_high"])
        if baseline is not None and metric == "recall":
            part = part.assign(**_recall_differences(measures, baseline))
        parts.append(part)
    columns = [*MEASURE_COLUMNS, *DIFFERENCE_COLUMNS]
    return pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)


def _recall_differences(measures: Measures, baseline: Measures) -> dict[str, np.ndarray]:
    """Returns the difference in recall of every class and its interval, from photos counted on average over models."""

    def photos(which: np.ndarray) -> np.ndarray:
        return np.bincount(measures.labels, which.mean(axis=0), minlength=len(measures.classes))

    support = photos(np.ones_like(measures.right))
    some = np.where(support > 0, support, np.nan)
    gained, lost = photos(measures.right & ~baseline.right), photos(baseline.right & ~measures.right)
    low, high = paired_interval(lost, gained, some)
    return dict(zip(DIFFERENCE_COLUMNS, ((gained - lost) / some, low, high), strict=True))
