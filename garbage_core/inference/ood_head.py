"""The head of the OOD detector: does a photo show one of the classes, or something else?

A logistic regression on the network's pooled features, fitted to waste and to pictures of other things (outlier
exposure, Hendrycks et al. 2019, arXiv:1812.04606). Unlike a distance it knows what does not matter: that a photo is of
another room, light and camera than the training photos is no sign of anything. What it has seen nothing like, it cannot
know; that is what the distance of `ood_detector` is for.

Nothing here loads Keras; scikit-learn is needed for fitting alone.
"""

from dataclasses import dataclass, field

import numpy as np

from garbage_core.errors import GarbageError

HEAD_LAYERS = ("conv4", "conv5")  # of `ood_detector.LAYER_NAMES`
STRENGTH = 0.003  # scikit-learn's C: the smaller, the smaller the weights
ITERATIONS = 200


@dataclass(frozen=True, eq=False)
class OODHead:
    """Weights of the head, and its scores of the val photos of waste.

    Attributes:
        columns: Places of the features that are used, int32 (D,).
        weights: Weight of each feature, float32 (D,).
        bias: What is added.
        val_scores: Scores of val photos of waste, ascending, float32 (M,).
        val_shares: What each of them counts, float32 (M,), together 1: every set counts the same.
    """

    columns: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)
    bias: float
    val_scores: np.ndarray = field(repr=False)
    val_shares: np.ndarray = field(repr=False)

    def score(self, features: np.ndarray) -> np.ndarray:
        """Returns the log-odds, float64 (N,), that N photos show something else than waste."""
        return features[:, self.columns].astype(np.float64) @ self.weights.astype(np.float64) + self.bias

    def ood_p_value(self, features: np.ndarray) -> np.ndarray:
        """Returns the share of val photos of waste that score at least as high, counting the photo itself: (N,), 0..1.

        Not a number among the features counts as the highest score.
        """
        return weighted_p_values(self.score(features), self.val_scores, self.val_shares)


def weighted_p_values(scores: np.ndarray, val_scores: np.ndarray, val_shares: np.ndarray) -> np.ndarray:
    """Returns conformal p-values (Bates et al. 2023, arXiv:2104.08279).

    Args:
        scores: Scores of N photos; not a number counts as the highest.
        val_scores: Scores of M val photos, ascending, float32.
        val_shares: What each of these counts, together 1.

    Returns:
        The weight of the val photos with at least a photo's score, counting the photo itself: float64 (N,), above 0.
    """
    largest = float(np.finfo(np.float32).max)
    scores = np.clip(np.nan_to_num(scores, nan=largest), -largest, largest).astype(np.float32)
    from_here = np.append(np.cumsum(val_shares[::-1].astype(np.float64))[::-1], 0.0)
    share = from_here[np.searchsorted(val_scores, scores)]
    return (1 + len(val_scores) * share) / (1 + len(val_scores))


def equal_shares(sets: np.ndarray) -> np.ndarray:
    """Returns what each of M photos counts, float64 (M,), so that every set counts the same and all together 1."""
    _, place, sizes = np.unique(sets, return_inverse=True, return_counts=True)
    return 1 / (len(sizes) * sizes[place])


def fit_head(
    waste: np.ndarray,
    others: np.ndarray,
    val: np.ndarray,
    val_sets: np.ndarray,
    columns: np.ndarray,
    strength: float = STRENGTH,
) -> OODHead:
    """Fits a head; waste and other things count the same, however many there are of each.

    Args:
        waste: Features of waste, (N, channels), as in `engine.Outputs`.
        others: Features of anything else, (K, channels).
        val: Features of val photos of waste, which set the level, (M, channels).
        val_sets: Name of the set of each of these, (M,).
        columns: Places of the features to use, see `ood_detector.layer_columns`.
        strength: Inverse of the penalty on the weights, above 0.

    Raises:
        GarbageError: If one of the three is empty, or the features are not all numbers.
    """
    if not (len(waste) and len(others) and len(val)):
        raise GarbageError(
            f"{len(waste)} photos of waste, {len(others)} of other things and {len(val)} val photos are too few to fit "
            "the head of an OOD detector: take some of each."
        )
    values = np.concatenate([waste[:, columns], others[:, columns]]).astype(np.float32)
    if not (np.isfinite(values).all() and np.isfinite(val[:, columns]).all()):
        raise GarbageError("The network's features are not all numbers: train it again.")
    from sklearn.linear_model import LogisticRegression

    mean, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    values = (values - mean) / scale
    truth = np.repeat([0, 1], [len(waste), len(others)])
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=ITERATIONS)
    weights = model.fit(values, truth).coef_[0] / scale
    bias = float(model.intercept_[0] - mean.astype(np.float64) @ weights)
    shares = equal_shares(val_sets)
    draft = OODHead(columns.astype(np.int32), weights.astype(np.float32), bias, np.empty(0), np.empty(0))
    scores = draft.score(val).astype(np.float32)
    order = np.argsort(scores, kind="stable")
    return OODHead(draft.columns, draft.weights, bias, scores[order], shares[order].astype(np.float32))
