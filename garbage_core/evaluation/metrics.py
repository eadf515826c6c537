"""The registry of metrics: every number that says how good a model is, how people read it and how it is computed.

An entry in `METRICS` (one number for all photos) or in `CLASS_METRICS` (one number per class) is all that a new metric
needs: tables, model card, command line, pages and figures read them. `HISTORY` names what a training records besides.

A metric is computed for many weightings of the same photos at once. Weights say how often each photo counts, one column
per resample of the bootstrap; the metric itself is the column in which every photo counts once. So 2,000 resamples are
a few matrix products instead of 2,000 calls of scikit-learn, with whose values the tests compare each metric.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from garbage_core.evaluation.calibration import bin_of, confidence_and_correctness, log_probabilities
from garbage_core.evaluation.confusion_matrix import (
    accuracy,
    balanced_accuracy,
    confusions,
    defined_mean,
    f1,
    macro_f1,
    precision,
    recall,
)
from garbage_core.evaluation.intervals import bootstrap_weights, divide, percentile_interval
from garbage_core.utils.text import capital, small

ECE_BINS = 15


@dataclass(frozen=True)
class Quantity:
    """What is measured, as people read it.

    Attributes:
        name: Key in tables, JSON and CSV files, such as "macro_f1".
        title: Name for people, with a capital.
        meaning: One sentence for readers; `{blind}` stands for the log loss of blind guesses.
        detail: How exactly it is measured, for the model card; may be empty.
        is_share: Whether it is a share of one, which is shown in per cent.
        lower_is_better: Whether less is better.
    """

    name: str
    title: str
    meaning: str = ""
    detail: str = ""
    is_share: bool = True
    lower_is_better: bool = False

    @property
    def lower(self) -> str:
        """The title as it stands within a sentence."""
        return self.title if self.title[:2].isupper() else small(self.title)


@dataclass(frozen=True, kw_only=True)
class Metric(Quantity):
    """One number for all photos, with an interval from the bootstrap.

    Attributes:
        compute: Computes it for every column of weights of a `Sample`, shape (R,).
        shifts_interval: Whether resamples show a greater value than the photos they were drawn from, so that their
            percentiles must be shifted, see `metric_intervals`.
    """

    compute: Callable[["Sample"], np.ndarray]
    shifts_interval: bool = False


@dataclass(frozen=True, kw_only=True)
class ClassMetric(Quantity):
    """One number per class, with an interval of its own.

    `compute` makes value, lower and upper end, (C,) each, from the confusion matrix, (C, C) with true classes in rows.
    """

    compute: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Sample:
    """Predictions for N photos of C classes, and how often each photo counts in each of R weightings.

    Attributes:
        labels: True classes, shape (N,).
        probabilities: Uncalibrated, shape (N, C).
        calibrated: After temperature scaling, shape (N, C).
        weights: Shape (N, R).
    """

    labels: np.ndarray
    probabilities: np.ndarray
    calibrated: np.ndarray
    weights: np.ndarray

    @cached_property
    def confusions(self) -> np.ndarray:
        """Confusion matrices, shape (R, C, C)."""
        predicted = self.probabilities.argmax(axis=1)
        return confusions(self.labels, predicted, self.probabilities.shape[1], self.weights)


def log_loss(sample: Sample, probabilities: np.ndarray) -> np.ndarray:
    """Returns the mean negative log probability of the true class, shape (R,)."""
    losses = -log_probabilities(probabilities)[np.arange(len(sample.labels)), sample.labels]
    return np.asarray(losses @ sample.weights / sample.weights.sum(axis=0))


def calibration_error(sample: Sample, probabilities: np.ndarray, bins: int = ECE_BINS) -> np.ndarray:
    """Returns the mean distance between confidence and share of right predictions over `bins` of equal width, (R,).

    ECE = sum over bins of |right - confidence| * photos in the bin / all photos (Guo et al. 2017, equation 3, with
    their 15 bins). Noise within the bins makes it greater than zero even for a model with perfect probabilities.
    """
    confidence, correct = confidence_and_correctness(sample.labels, probabilities)
    gaps = np.zeros((bins, len(sample.labels)))
    gaps[bin_of(confidence, bins), np.arange(len(sample.labels))] = correct - confidence
    return np.asarray(np.abs(gaps @ sample.weights).sum(axis=0) / sample.weights.sum(axis=0))


def mean_auc(sample: Sample) -> np.ndarray:
    """Returns the mean of each class's area under the ROC curve, without classes that no or every photo has; (R,)."""
    classes = enumerate(sample.probabilities.T)
    return defined_mean(np.stack([auc(sample.labels == c, score, sample.weights) for c, score in classes]), axis=0)


AnyQuantity = TypeVar("AnyQuantity", bound=Quantity)


def _by_name(*quantities: AnyQuantity) -> dict[str, AnyQuantity]:
    return {quantity.name: quantity for quantity in quantities}


METRICS = _by_name(
    Metric(
        "accuracy",
        "Accuracy",
        "Of all photos, how many are predicted as their true class.",
        compute=lambda sample: accuracy(sample.confusions),
    ),
    Metric(
        "macro_f1",
        "Macro-F1",
        "Mean over the classes of F1; rare ones weigh as much as common ones.",
        compute=lambda sample: macro_f1(sample.confusions),
    ),
    Metric(
        "balanced_accuracy",
        "Balanced accuracy",
        "Mean over the classes of recall.",
        compute=lambda sample: balanced_accuracy(sample.confusions),
    ),
    Metric(
        "log_loss",
        "Log loss",
        "How surprised it is by the true classes: 0 is best, blind guesses have {blind:.2f}.",
        is_share=False,
        lower_is_better=True,
        compute=lambda sample: log_loss(sample, sample.probabilities),
    ),
    Metric(
        "log_loss_calibrated",
        "Log loss, calibrated",
        "The same, after temperature scaling.",
        is_share=False,
        lower_is_better=True,
        compute=lambda sample: log_loss(sample, sample.calibrated),
    ),
    Metric(
        "ece",
        "Calibration error",
        "How far confidence and share of right predictions lie apart, on average.",
        detail=f"{ECE_BINS} bins",
        lower_is_better=True,
        compute=lambda sample: calibration_error(sample, sample.probabilities),
        shifts_interval=True,
    ),
    Metric(
        "ece_calibrated",
        "Calibration error, calibrated",
        "The same, after temperature scaling: as the app shows its predictions.",
        lower_is_better=True,
        compute=lambda sample: calibration_error(sample, sample.calibrated),
        shifts_interval=True,
    ),
    Metric(
        "roc_auc",
        "ROC-AUC",
        "How often a photo of a class is ranked above others; mean over the classes.",
        detail="one class against the others, mean",
        is_share=False,
        compute=mean_auc,
    ),
)
CLASS_METRICS = _by_name(
    ClassMetric("precision", "Precision", "Of the photos predicted as a class, how many are of it.", compute=precision),
    ClassMetric("recall", "Recall", "Of the photos of a class, how many are predicted as it.", compute=recall),
    ClassMetric("f1", "F1", "High only where both recall and precision are.", compute=f1),
)
HISTORY = _by_name(
    Quantity("loss", "Loss", is_share=False, lower_is_better=True),
    Quantity("learning_rate", "Learning rate", is_share=False),
    Quantity("seconds", "Seconds per epoch", is_share=False, lower_is_better=True),
)


def lookup(name: str) -> Quantity:
    """Returns what a metric or a column of a history is; one that is not registered counts as a share."""
    found = METRICS.get(name) or CLASS_METRICS.get(name) or HISTORY.get(name)
    return found or Quantity(name, capital(name.replace("_", " ")))


def compute_metrics(sample: Sample) -> np.ndarray:
    """Computes every metric for every weighting, shape (M, R), rows in the order of `METRICS`."""
    return np.stack([metric.compute(sample) for metric in METRICS.values()])


def metric_values(labels: np.ndarray, probabilities: np.ndarray, calibrated: np.ndarray) -> np.ndarray:
    """Computes every metric once, shape (M,); arguments as in `Sample`."""
    return compute_metrics(Sample(labels, probabilities, calibrated, np.ones((len(labels), 1))))[:, 0]


def bootstrap(
    labels: np.ndarray, probabilities: np.ndarray, calibrated: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Computes every metric on R resamples of the photos, shape (M, R); the first three arguments are as in `Sample`.

    Models with equal photos and seed are resampled alike, hence in pairs.
    """
    blocks = [
        compute_metrics(Sample(labels, probabilities, calibrated, weights))
        for weights in bootstrap_weights(len(labels), resamples, seed)
    ]
    return np.concatenate([np.empty((len(METRICS), 0)), *blocks], axis=1)


def metric_intervals(values: np.ndarray, resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the 95 % intervals of metrics, or of differences of metrics.

    They are percentiles of the resamples. Only calibration errors are shifted, by the distance of the median resample
    to their value: they sum distances, which grow with every bit of noise, and a resample with repeated photos is
    noisier than the photos it was drawn from; unshifted, the interval can lie wholly above the value. What it tells is
    how far the value would move with other photos, as many as these, and not how far a perfectly measured one would be
    from 0; compare the value with `calibration_error_of_perfect`.

    Args:
        values: Shape (M,), in the order of `METRICS`.
        resampled: Shape (M, R), from `bootstrap`.

    Returns:
        Lower and upper ends, each of shape (M,); NaN for a metric that is defined in no resample.
    """
    low, high = percentile_interval(resampled)
    if resampled.shape[1]:
        rows = [row for row, metric in enumerate(METRICS.values()) if metric.shifts_interval]
        shift = values[rows] - np.median(resampled[rows], axis=1)
        low[rows] += shift
        high[rows] += shift
    return low, high


def auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the area under the ROC curve for every column of weights, as a rank statistic.

    It is the share of pairs of a positive and a negative photo in which the positive one has the higher score, ties
    counting one half (Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747).

    From whether each photo has the class and its score, (N,), and how often it counts, (N, R), it returns (R,), NaN
    where one of the two sides is empty.
    """
    negatives = np.flatnonzero(~positive)
    negatives = negatives[np.argsort(score[negatives], kind="stable")]
    below = np.zeros((len(negatives) + 1, weights.shape[1]))
    np.cumsum(weights[negatives], axis=0, out=below[1:])
    left = np.searchsorted(score[negatives], score[positive], side="left")
    right = np.searchsorted(score[negatives], score[positive], side="right")
    won = np.einsum("nr,nr->r", weights[positive], below[left] + below[right]) / 2
    return divide(won, weights[positive].sum(axis=0) * below[-1], np.nan)
