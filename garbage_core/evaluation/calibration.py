"""Are the probabilities to be believed, and when should the model say "not sure"?

Everything is fitted on the validation photos and then applied, unchanged, to the others. `y` is always an integer array
of shape (N,) with places in the classes, `p` an array of shape (N, C) whose rows are probabilities.
"""

import numpy as np
import pandas as pd

from garbage_core.evaluation.intervals import wilson_interval

# Probabilities are stored with six decimals: 0.000000 means "below half a millionth", not "impossible".
SMALLEST_PROBABILITY = 1e-7
# Far beyond what networks need (Guo et al. 2017 report 0.9 to 5): a result at the border says that p is of no use.
TEMPERATURE_RANGE = (0.05, 20.0)
# A threshold that no confidence reaches: the model is never sure.
ALWAYS_ABSTAINS = 1.01
# Thresholds have this many decimals, so that writing one to a file does not change which photos it accepts.
_DECIMALS = 6


def log_probabilities(p: np.ndarray) -> np.ndarray:
    """Returns natural logarithms of probabilities, none below log(1e-7)."""
    return np.asarray(np.log(np.clip(p, SMALLEST_PROBABILITY, 1.0)))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns softmax(log p / T): softer for T > 1, sharper for T < 1, with the same order of the classes.

    The logits of a softmax are its log probabilities up to a constant per photo, so this is the temperature scaling of
    Guo et al. 2017 (https://arxiv.org/abs/1706.04599, section 4.2) without needing the logits. Probabilities have any
    shape (..., C); a temperature of 1 leaves them as they are, up to 1e-7.

    Raises:
        ValueError: If the temperature is not a positive number.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive number, received {temperature!r}")
    scaled = log_probabilities(np.asarray(probabilities, dtype=np.float64)) / temperature
    scaled = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=-1, keepdims=True))


def set_weights(sets: pd.Series) -> np.ndarray:
    """Returns the weight of each of N photos that gives every set the same, mean 1, from the names of their sets."""
    counts = sets.map(sets.value_counts()).to_numpy(float)
    return len(sets) / (sets.nunique() * counts)


def fit_temperature(y: np.ndarray, p: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Finds the temperature that makes the true labels most likely (least negative log-likelihood).

    In 1/T the likelihood of a softmax is concave, so there is one optimum. When every photo is right it lies at T = 0:
    the photos only say "surer", not how much, and 1 is returned. The same goes for no photos at all.

    Args:
        y: True classes of the validation photos, shape (N,).
        p: Their uncalibrated probabilities, shape (N, C).
        weights: Weight of each photo, shape (N,); None for equal ones.

    Returns:
        A temperature in `TEMPERATURE_RANGE`.
    """
    from scipy.optimize import minimize_scalar  # Only a training needs it, and the import would delay every page.

    logs = log_probabilities(np.asarray(p, dtype=np.float64))
    rows = np.arange(len(y))
    if (logs[rows, y] >= logs.max(axis=1, initial=-np.inf)).all():
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = logs * np.exp(-log_temperature)
        top = scaled.max(axis=1)
        losses = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top - scaled[rows, y]
        return float(np.average(losses, weights=weights))

    best = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURE_RANGE)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(best.x))


def fit_threshold(y: np.ndarray, p: np.ndarray, target: float = 0.98, weights: np.ndarray | None = None) -> float:
    """Finds the smallest confidence from which on the accepted photos are right often enough.

    A photo is accepted if its confidence (its highest probability) is at least the threshold. Candidates are the
    confidences that occur, rounded down to six decimals, so photos with equal confidence are accepted or refused
    together. The share of right photos need not rise with the threshold; the smallest candidate that reaches the target
    accepts the most photos.

    If all photos together reach the target, the threshold is the lowest confidence among them, not 0: nothing is known
    about photos that leave the model less sure than any of these. If no candidate reaches it, not even the most
    confident photos, or there are no photos, it is `ALWAYS_ABSTAINS`, which accepts nothing. The share is measured on
    the photos that chose the threshold, so expect a little less on others.

    Args:
        y: True classes of the validation photos, shape (N,).
        p: Their calibrated probabilities, shape (N, C).
        target: Share of right predictions wanted among the accepted photos, 0..1.
        weights: Weight of each photo in that share, shape (N,); None for equal ones.

    Returns:
        A threshold with six decimals in 0..1, or `ALWAYS_ABSTAINS`.
    """
    if len(y) == 0:
        return ALWAYS_ABSTAINS
    confidence, correct = confidence_and_correctness(y, p)
    order = np.argsort(confidence, kind="stable")
    sorted_confidence = confidence[order]
    weights = (np.ones(len(y)) if weights is None else weights)[order]
    # right_from[i]: right predictions among the photos from place i on, in rising order of confidence; by weight.
    right_from, all_from = (np.append(np.cumsum(part[::-1])[::-1], 0) for part in (weights * correct[order], weights))
    scale = 10**_DECIMALS
    candidates = np.unique(np.floor(confidence * scale) / scale)
    first = np.searchsorted(sorted_confidence, candidates, side="left")
    # A candidate rounded by its division may lie a hair above its only photo, and accept none.
    reached = (first < len(y)) & (right_from[first] >= target * all_from[first] - 1e-9)
    return float(candidates[np.argmax(reached)]) if reached.any() else ALWAYS_ABSTAINS


def confidence_and_correctness(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the highest probability of every photo (N,) and whether its class is the true one (N,)."""
    p = np.asarray(p)
    return p.max(axis=1), p.argmax(axis=1) == np.asarray(y)


def bin_of(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Returns the bin of every confidence: `bins` of equal width over 0..1, lower edge included, 1 in the last."""
    return np.asarray(np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1))


def calibration_error_of_perfect(p: np.ndarray, bins: int = 15, simulations: int = 500, seed: int = 0) -> float:
    """Returns the calibration error that probabilities like these would show if they were perfect.

    With few photos the expected calibration error is not 0 even then. It is averaged over simulations in which every
    prediction is right with exactly the probability of its confidence; an error well above it is one of the model. NaN
    for no photos.
    """
    if len(p) == 0:
        return float("nan")
    confidence = np.asarray(p).max(axis=1)
    members = np.zeros((bins, len(confidence)))
    members[bin_of(confidence, bins), np.arange(len(confidence))] = 1
    correct = np.random.default_rng(seed).random((len(confidence), simulations)) < confidence[:, None]
    return float(np.abs(members @ (correct - confidence[:, None])).sum(axis=0).mean() / len(confidence))


def reliability_table(y: np.ndarray, p: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """Returns the rows of a reliability diagram, one per bin of equal width, empty ones included.

    Returns:
        Columns `bin_low`, `bin_high`, `photos`, `confidence` (mean), `accuracy`, and its 95 % Wilson interval
        `accuracy_low`, `accuracy_high`; the last four are NaN in an empty bin.
    """
    confidence, correct = confidence_and_correctness(y, p)
    place = bin_of(confidence, bins)
    photos = np.bincount(place, minlength=bins)
    right = np.bincount(place, weights=correct, minlength=bins)
    some = np.where(photos > 0, photos, np.nan)
    edges = np.linspace(0, 1, bins + 1)
    table = {"bin_low": edges[:-1], "bin_high": edges[1:], "photos": photos}
    table["confidence"] = np.bincount(place, weights=confidence, minlength=bins) / some
    return _with_accuracy(table, right, some)


def coverage_table(y: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Returns how many photos a threshold accepts and how many of those are right, for every threshold that matters.

    Returns:
        One row per confidence that occurs, in rising order: `threshold`, `accepted` (photos), `coverage` (share
        accepted), `right` (photos), `accuracy` (share right of the accepted), and its 95 % Wilson interval
        `accuracy_low`, `accuracy_high`. The first row accepts every photo.
    """
    confidence, correct = confidence_and_correctness(y, p)
    thresholds, place = np.unique(confidence, return_inverse=True)
    accepted = np.bincount(place, minlength=len(thresholds))[::-1].cumsum()[::-1]
    right = np.bincount(place, weights=correct, minlength=len(thresholds))[::-1].cumsum()[::-1].astype(int)
    coverage = accepted / max(len(confidence), 1)
    table = {"threshold": thresholds, "accepted": accepted, "coverage": coverage, "right": right}
    return _with_accuracy(table, right, accepted)


def _with_accuracy(columns: dict[str, np.ndarray], right: np.ndarray, photos: np.ndarray) -> pd.DataFrame:
    """Returns a table with the share of right predictions and its Wilson interval added."""
    low, high = wilson_interval(right, photos)
    return pd.DataFrame(columns | {"accuracy": right / photos, "accuracy_low": low, "accuracy_high": high})


def selective_metrics(y: np.ndarray, p: np.ndarray, threshold: float) -> dict[str, float | int]:
    """Says what a threshold, which accepts confidences of at least its value, does to calibrated probabilities.

    Returns:
        `threshold`; `photos`, `accepted`, `right` (photos); `coverage`, `accuracy` (of the accepted) with 95 % Wilson
        intervals `coverage_low`, `coverage_high`, `accuracy_low`, `accuracy_high`; `mistakes_caught` (share of the
        wrong predictions that are refused). A share of nothing is NaN.
    """
    confidence, correct = confidence_and_correctness(y, p)
    sure = confidence >= threshold
    photos, accepted, right = len(sure), int(sure.sum()), int((sure & correct).sum())
    wrong = photos - int(correct.sum())
    coverage_low, coverage_high = wilson_interval(accepted, photos or np.nan)
    accuracy_low, accuracy_high = wilson_interval(right, accepted or np.nan)
    return {
        "threshold": float(threshold),
        "photos": photos,
        "accepted": accepted,
        "right": right,
        "coverage": accepted / photos if photos else float("nan"),
        "coverage_low": float(coverage_low),
        "coverage_high": float(coverage_high),
        "accuracy": right / accepted if accepted else float("nan"),
        "accuracy_low": float(accuracy_low),
        "accuracy_high": float(accuracy_high),
        "mistakes_caught": int((~sure & ~correct).sum()) / wrong if wrong else float("nan"),
    }
