"""Remedies against class imbalance: weights, a sampler, and losses. One switch, `imbalance`, chooses one of them.

| strategy | what it does | source |
|---|---|---|
| `none` | cross-entropy, every photo counts the same | |
| `class_weights` | a photo of class c weighs N / (C n_c) | King and Zeng 2001; scikit-learn's `balanced` |
| `effective_number` | a photo of class c weighs (1 - b) / (1 - b^n_c) | Cui et al. 2019, arXiv:1901.05555 |
| `oversample` | every class is drawn equally often | |
| `focal` | easy photos count less | Lin et al. 2017, arXiv:1708.02002 |
| `logit_adjustment` | log n_c / N is added to the logits while training | Menon et al. 2020, arXiv:2007.07314 |

Here C is the number of classes, n_c the number of training photos of class c, N their sum.
"""

import keras
import numpy as np

from garbage_core.data.class_balance import EFFECTIVE_NUMBER_BETA, effective_number
from garbage_core.errors import GarbageError

STRATEGIES = ("none", "class_weights", "effective_number", "oversample", "focal", "logit_adjustment")

FOCAL_GAMMA = 2.0  # the paper's choice


def check_strategy(strategy: str) -> None:
    """Raises GarbageError unless the strategy is one of `STRATEGIES`."""
    if strategy not in STRATEGIES:
        raise GarbageError(f"There is no imbalance strategy {strategy!r}: choose one of {', '.join(STRATEGIES)}.")


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """Returns the weight N / (C n_c) of each class.

    Args:
        counts: Number of training photos of each class, shape (C,), in class order.

    Returns:
        Weights of shape (C,), in class order. A class without photos gets 0 and does not count in C.
    """
    counts = np.asarray(counts, dtype=float)
    present = counts > 0
    return np.divide(counts.sum(), present.sum() * counts, out=np.zeros_like(counts), where=present)


def effective_number_weights(counts: np.ndarray, beta: float = EFFECTIVE_NUMBER_BETA) -> np.ndarray:
    """Returns the weights (1 - beta) / (1 - beta^n_c), scaled so that their mean over the photos is 1.

    Args:
        counts: Number of training photos of each class, shape (C,), in class order.
        beta: From 0 (no weighting) to below 1 (toward `balanced_weights`).

    Returns:
        Weights of shape (C,), in class order; 0 for a class without photos.
    """
    counts = np.asarray(counts, dtype=float)
    present = counts > 0
    weights = np.divide(1, effective_number(counts, beta), out=np.zeros_like(counts), where=present)
    return weights * counts.sum() / (weights * counts).sum()


def loss_weights(strategy: str, counts: np.ndarray) -> np.ndarray | None:
    """Returns what a photo of each class weighs in the loss, shape (C,), or None where all weigh the same."""
    check_strategy(strategy)
    if strategy == "class_weights":
        return balanced_weights(counts)
    if strategy == "effective_number":
        return effective_number_weights(counts)
    return None


def epoch_order(strategy: str, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns which photos an epoch shows, in which order.

    Args:
        strategy: One of `STRATEGIES`.
        labels: Class index of each training photo, shape (N,).
        rng: Source of randomness.

    Returns:
        N indices. A permutation, or for `oversample` as many draws of each class as N allows: whole rounds through the
        class's photos first, then a random part of them, so that no photo is left out more often than need be.
    """
    check_strategy(strategy)
    labels = np.asarray(labels)
    if strategy != "oversample":
        return rng.permutation(len(labels))
    present = np.unique(labels)
    quotas = np.full(len(present), len(labels) // len(present))
    quotas[rng.permutation(len(present))[: len(labels) % len(present)]] += 1
    chosen = []
    for label, quota in zip(present, quotas, strict=True):
        photos = np.flatnonzero(labels == label)
        rounds, rest = divmod(quota, len(photos))
        chosen += [np.tile(photos, rounds), rng.permutation(photos)[:rest]]
    return rng.permutation(np.concatenate(chosen))


def make_loss(strategy: str, counts: np.ndarray, label_smoothing: float = 0.0) -> keras.losses.Loss:
    """Returns the loss of a strategy, for logits and one-hot (or mixed) labels.

    Args:
        strategy: One of `STRATEGIES`.
        counts: Number of training photos of each class, shape (C,), in class order.
        label_smoothing: Share of each label that is spread over all classes, 0 to below 1.
    """
    check_strategy(strategy)
    if strategy == "focal":
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=FOCAL_GAMMA, from_logits=True, label_smoothing=label_smoothing
        )
    if strategy == "logit_adjustment":
        return LogitAdjustedCrossentropy(counts, label_smoothing)
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)


class LogitAdjustedCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits to which the logarithm of each class's share was added.

    The network then learns what sets the classes apart beyond their frequency; used as it is, without the addition, it
    predicts for classes of equal frequency (Menon et al. 2020, equation 10, with tau = 1).

    Args:
        counts: Number of training photos of each class, shape (C,). A class without photos counts as half a photo.
        label_smoothing: Share of each label that is spread over all classes.
    """

    def __init__(self, counts: np.ndarray, label_smoothing: float = 0.0) -> None:
        super().__init__(name="logit_adjusted_crossentropy")
        counts = np.maximum(np.asarray(counts, dtype=float), 0.5)
        self.log_prior = np.log(counts / counts.sum()).astype("float32")
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """Returns the loss of each photo, shape (N,), from labels and logits of shape (N, C)."""
        return keras.losses.categorical_crossentropy(
            y_true,
            y_pred + keras.ops.cast(self.log_prior, y_pred.dtype),
            from_logits=True,
            label_smoothing=self.label_smoothing,
        )
