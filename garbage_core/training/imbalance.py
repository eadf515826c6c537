"""Strategies against class imbalance: weights, samplers and losses. One key of the config, `imbalance`, names one.

| strategy | what it does | source |
|---|---|---|
| `none` | cross-entropy, every photo weighs the same | |
| `class_weights` | a photo of class c weighs N / (C n_c) | King and Zeng 2001; scikit-learn's `balanced` |
| `effective_number` | a photo of class c weighs (1 - b) / (1 - b^n_c) | Cui et al. 2019, arXiv:1901.05555 |
| `oversample` | every class is drawn equally often | |
| `focal` | easy photos weigh less | Lin et al. 2017, arXiv:1708.02002 |
| `logit_adjustment` | log n_c / N is added to the logits while training | Menon et al. 2020, arXiv:2007.07314 |

Here C is the number of classes, n_c the number of training photos of class c, N their sum.

`STRATEGIES` at the end of this module is the registry: trainings, studies, figures and page Imbalance read it. Only
building a loss loads Keras.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from garbage_core.data.class_balance import EFFECTIVE_NUMBER_BETA, effective_number
from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    import keras

FOCAL_GAMMA = 2.0  # the paper's choice


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


def shuffled(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the indices of all photos, shape (N,), in random order."""
    return rng.permutation(len(labels))


def oversampled(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns N indices that show every class equally often.

    Args:
        labels: Class index of each training photo, shape (N,).
        rng: Source of randomness.

    Returns:
        As many indices of each class as N allows, shape (N,): whole rounds through the class's photos first, then a
        random part of them, so that no photo is left out more often than need be.
    """
    labels = np.asarray(labels)
    present = np.unique(labels)
    quotas = np.full(len(present), len(labels) // len(present))
    quotas[rng.permutation(len(present))[: len(labels) % len(present)]] += 1
    chosen = []
    for label, quota in zip(present, quotas, strict=True):
        photos = np.flatnonzero(labels == label)
        rounds, rest = divmod(quota, len(photos))
        chosen += [np.tile(photos, rounds), rng.permutation(photos)[:rest]]
    return rng.permutation(np.concatenate(chosen))


def cross_entropy(counts: np.ndarray, label_smoothing: float) -> "keras.losses.Loss":
    """Returns the cross-entropy of logits, whatever the counts."""
    import keras

    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)


def focal_loss(counts: np.ndarray, label_smoothing: float) -> "keras.losses.Loss":
    """Returns the focal loss of logits, whatever the counts."""
    import keras

    return keras.losses.CategoricalFocalCrossentropy(
        alpha=1.0, gamma=FOCAL_GAMMA, from_logits=True, label_smoothing=label_smoothing
    )


def logit_adjusted_cross_entropy(counts: np.ndarray, label_smoothing: float) -> "keras.losses.Loss":
    """Returns the cross-entropy of logits to which the logarithm of each class's share was added.

    The network then learns what sets the classes apart beyond their frequency; used as it is, without the addition, it
    predicts for classes of equal frequency (Menon et al. 2020, equation 10, with tau = 1).

    Args:
        counts: Number of training photos of each class, shape (C,). A class without photos counts as half a photo.
        label_smoothing: Share of each label that is spread over all classes.
    """
    import keras

    counts = np.maximum(np.asarray(counts, dtype=float), 0.5)
    log_prior = np.log(counts / counts.sum()).astype("float32")

    class LogitAdjustedCrossentropy(keras.losses.Loss):
        def call(self, y_true, y_pred):
            adjusted = y_pred + keras.ops.cast(log_prior, y_pred.dtype)
            return keras.losses.categorical_crossentropy(
                y_true, adjusted, from_logits=True, label_smoothing=label_smoothing
            )

    return LogitAdjustedCrossentropy(name="logit_adjusted_crossentropy")


@dataclass(frozen=True)
class Strategy:
    """One strategy against class imbalance.

    Attributes:
        name: Name in configs, tables and on the command line.
        title: Name that people read.
        description: Sentence that says what it does.
        class_weights: Function from the number of training photos of each class, shape (C,), to the weight of their
            photos in the loss, shape (C,); None where all photos weigh the same.
        order: Function from the class index of each photo, shape (N,), and a source of randomness to the indices of the
            photos of one epoch, in order.
        loss: Function from the number of training photos of each class, shape (C,), and the label smoothing, 0 to below
            1, to the loss of logits and one-hot or mixed labels.
    """

    name: str
    title: str
    description: str
    class_weights: Callable[[np.ndarray], np.ndarray] | None = None
    order: Callable[[np.ndarray, np.random.Generator], np.ndarray] = shuffled
    loss: Callable[[np.ndarray, float], "keras.losses.Loss"] = cross_entropy


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "none",
            "No strategy",
            "Cross-entropy; every photo counts the same, so common classes pull harder.",
        ),
        Strategy(
            "class_weights",
            "Class weights",
            "A photo counts the more the fewer its class has; all classes pull equally.",
            class_weights=balanced_weights,
        ),
        Strategy(
            "effective_number",
            "Effective number",
            "Class weights of a milder kind: the hundredth photo of a class is taken to tell less than the first.",
            class_weights=effective_number_weights,
        ),
        Strategy(
            "oversample",
            "Oversampling",
            "Photos of rare classes are shown more often, until every class is seen equally.",
            order=oversampled,
        ),
        Strategy(
            "focal",
            "Focal loss",
            "Photos that are already right count less, whatever their class.",
            loss=focal_loss,
        ),
        Strategy(
            "logit_adjustment",
            "Logit adjustment",
            "While training, common classes get a head start that is taken away afterwards.",
            loss=logit_adjusted_cross_entropy,
        ),
    )
}


def find_strategy(name: str) -> Strategy:
    """Returns the strategy of a name. Raises GarbageError if there is none."""
    if name not in STRATEGIES:
        raise GarbageError(f"There is no imbalance strategy {name!r}: choose one of {', '.join(STRATEGIES)}.")
    return STRATEGIES[name]


def loss_weights(strategy: str, counts: np.ndarray) -> np.ndarray | None:
    """Returns the weight of a photo of each class in the loss, shape (C,), or None where all weigh the same.

    Args:
        strategy: Name of the strategy.
        counts: Number of training photos of each class, shape (C,), in class order.
    """
    weigh = find_strategy(strategy).class_weights
    return None if weigh is None else weigh(counts)


def epoch_order(strategy: str, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the indices of the photos that an epoch shows, shape (N,), in order.

    Args:
        strategy: Name of the strategy.
        labels: Class index of each training photo, shape (N,).
        rng: Source of randomness.
    """
    return find_strategy(strategy).order(labels, rng)


def make_loss(strategy: str, counts: np.ndarray, label_smoothing: float = 0.0) -> "keras.losses.Loss":
    """Returns the loss of a strategy, for logits and one-hot or mixed labels of shape (N, C).

    Args:
        strategy: Name of the strategy.
        counts: Number of training photos of each class, shape (C,), in class order.
        label_smoothing: Share of each label that is spread over all classes, 0 to below 1.
    """
    return find_strategy(strategy).loss(counts, label_smoothing)
