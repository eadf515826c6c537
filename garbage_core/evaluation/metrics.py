"""Every metric for many weightings of the same photos at once.

Weights say how often each photo counts, one column per draw of the bootstrap; the metric itself is the column in which
every photo counts once. So 2,000 draws are a few matrix products instead of 2,000 calls of scikit-learn, with whose
values the tests compare each metric.
"""

import numpy as np

from garbage_core.evaluation.calibration import bin_of, confidence_and_correctness, log_probabilities
from garbage_core.evaluation.intervals import divide, percentile_interval

METRICS: tuple[str, ...] = (
    "accuracy",
    "macro_f1",
    "balanced_accuracy",
    "log_loss",
    "log_loss_calibrated",
    "ece",
    "ece_calibrated",
    "roc_auc",
)
ECE_BINS = 15


def confusions(y: np.ndarray, answers: np.ndarray, num_classes: int, weights: np.ndarray) -> np.ndarray:
    """Counts confusion matrices.

    Args:
        y: True classes, shape (N,).
        answers: Predicted classes, shape (N,).
        num_classes: C.
        weights: How often each photo counts, shape (N, R).

    Returns:
        Shape (R, C, C): true class in rows, predicted class in columns.
    """
    cells = num_classes**2
    cell_of = np.zeros((cells, len(y)))
    cell_of[np.asarray(y) * num_classes + answers, np.arange(len(y))] = 1
    return (cell_of @ weights).T.reshape(-1, num_classes, num_classes)


def confusion_scores(counts: np.ndarray) -> np.ndarray:
    """Computes the metrics that need only a confusion matrix.

    Means over classes leave out classes for which the metric is undefined, as scikit-learn does when it is not told the
    classes: F1 of a class neither present nor predicted, recall of a class not present.

    Args:
        counts: Confusion matrices, shape (R, C, C), true class in rows.

    Returns:
        Accuracy, macro F1 and balanced accuracy, shape (3, R).
    """
    right = np.einsum("rcc->rc", counts)
    present, predicted = counts.sum(axis=2), counts.sum(axis=1)
    return np.stack(
        [
            right.sum(axis=1) / present.sum(axis=1),
            _mean(divide(2 * right, present + predicted, np.nan), axis=1),
            _mean(divide(right, present, np.nan), axis=1),
        ]
    )


def scores(y: np.ndarray, p: np.ndarray, calibrated: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Computes every metric for every column of weights.

    The mean of the ROC areas leaves out classes that no or every photo has.

    Args:
        y: True classes, shape (N,).
        p: Uncalibrated probabilities, shape (N, C).
        calibrated: Probabilities after temperature scaling, shape (N, C).
        weights: How often each photo counts, shape (N, R).

    Returns:
        Shape (len(METRICS), R), rows in the order of `METRICS`.
    """
    total = weights.sum(axis=0)
    rows = np.arange(len(y))

    def log_loss(q: np.ndarray) -> np.ndarray:
        return -(log_probabilities(q)[rows, y] @ weights) / total

    def ece(q: np.ndarray) -> np.ndarray:
        confidence, correct = confidence_and_correctness(y, q)
        gaps = np.zeros((ECE_BINS, len(y)))
        gaps[bin_of(confidence, ECE_BINS), rows] = correct - confidence
        return np.abs(gaps @ weights).sum(axis=0) / total

    aucs = np.stack([auc(y == c, p[:, c], weights) for c in range(p.shape[1])])
    return np.stack(
        [
            *confusion_scores(confusions(y, p.argmax(axis=1), p.shape[1], weights)),
            log_loss(p),
            log_loss(calibrated),
            ece(p),
            ece(calibrated),
            _mean(aucs, axis=0),
        ]
    )


def metric_intervals(values: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the 95 % intervals of metrics, or of differences of metrics.

    They are percentiles of the draws. Only calibration errors are shifted, by the distance of their median draw to
    their value: they sum distances, which grow with every bit of noise, and a draw with repeated photos is noisier than
    the photos it was drawn from; unshifted, the interval can lie wholly above the value. What it tells is how far the
    value would move with other photos, as many as these, and not how far a perfectly measured one would be from 0;
    compare the value with `calibration_error_of_perfect`.

    Args:
        values: Shape (len(METRICS),), in the order of `METRICS`.
        draws: Shape (len(METRICS), R).

    Returns:
        Lower and upper ends, each of shape (len(METRICS),); NaN for a metric without a defined draw.
    """
    low, high = percentile_interval(draws)
    for i in (METRICS.index("ece"), METRICS.index("ece_calibrated")):
        if draws.shape[1]:
            shift = values[i] - np.median(draws[i])
            low[i], high[i] = low[i] + shift, high[i] + shift
    return low, high


def auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the area under the ROC curve for every column of weights, as a rank statistic.

    It is the share of pairs of a positive and a negative photo in which the positive one has the higher score, ties
    counting one half (Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747).

    Args:
        positive: Whether each photo has the class, shape (N,).
        score: Its probability of the class, shape (N,).
        weights: How often each photo counts, shape (N, R).

    Returns:
        Shape (R,); NaN where one of the two sides is empty.
    """
    negatives = np.flatnonzero(~positive)
    negatives = negatives[np.argsort(score[negatives], kind="stable")]
    below = np.zeros((len(negatives) + 1, weights.shape[1]))
    np.cumsum(weights[negatives], axis=0, out=below[1:])
    left = np.searchsorted(score[negatives], score[positive], side="left")
    right = np.searchsorted(score[negatives], score[positive], side="right")
    won = np.einsum("nr,nr->r", weights[positive], below[left] + below[right]) / 2
    return divide(won, weights[positive].sum(axis=0) * below[-1], np.nan)


def _mean(a: np.ndarray, axis: int) -> np.ndarray:
    """Returns the mean of what is not NaN, and NaN (without a warning) where all is."""
    return divide(np.nansum(a, axis=axis), (~np.isnan(a)).sum(axis=axis), np.nan)
