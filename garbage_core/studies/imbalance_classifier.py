"""A linear classifier that takes every strategy of `training.imbalance` and is trained in milliseconds, without Keras.

It is a softmax regression on features that are given, minimized over all photos at once by L-BFGS (Liu and Nocedal
1989, Mathematical Programming 45). How it realizes a strategy follows from the registry's entry:

| entry | here |
|---|---|
| `class_weights` | the weight of a photo's class is the weight of its loss: class weights, effective numbers |
| `order` | the order of `EPOCHS` epochs is drawn; a photo weighs as often as it was shown: oversampling |
| `loss` | one of `LOSSES`, with a gradient of its own: cross-entropy, focal loss, logit adjustment |

Without batches oversampling and class weights ask for almost the same, and so they get almost the same classifier; in a
network that is trained batch by batch with augmentation they are two things.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from garbage_core.errors import GarbageError
from garbage_core.training.imbalance import (
    FOCAL_GAMMA,
    STRATEGIES,
    cross_entropy,
    find_strategy,
    focal_loss,
    logit_adjusted_cross_entropy,
    loss_weights,
)

EPOCHS = 10
_STEPS = 300  # at most; 15 to 50 are enough for features of equal variance
_TOLERANCE = 1e-4  # of every entry of the gradient; a tenth of it changes one of TrashNet's 431 predictions or none

# From the probability of the true class, shape (N,), to the loss and to its derivative by that class's logit, divided
# by one less the probability.
Pointwise = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _cross_entropy(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return -np.log(p), -np.ones_like(p)


def _focal(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    log, rest = np.log(p), 1 - p
    eased = rest**FOCAL_GAMMA
    return -eased * log, FOCAL_GAMMA * rest ** (FOCAL_GAMMA - 1) * p * log - eased


# By the registry's loss: how it is computed, and whether the logarithm of each class's share is added to the logits.
LOSSES: dict[Callable, tuple[Pointwise, bool]] = {
    cross_entropy: (_cross_entropy, False),
    focal_loss: (_focal, False),
    logit_adjusted_cross_entropy: (_cross_entropy, True),
}


@dataclass(frozen=True)
class LinearClassifier:
    """A softmax regression.

    Attributes:
        weights: Shape (D, C).
        bias: Shape (C,).
    """

    weights: np.ndarray
    bias: np.ndarray

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Returns the class index of each photo, shape (N,), from its features, shape (N, D)."""
        return np.asarray((vectors @ self.weights + self.bias).argmax(axis=1))


def strategies() -> list[str]:
    """Returns the names of the registry's strategies that this classifier can realize, in their order."""
    return [name for name, strategy in STRATEGIES.items() if strategy.loss in LOSSES]


def photo_weights(strategy: str, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
    """Returns how much each photo counts, shape (N,), in all 1.

    Args:
        strategy: Name of the strategy.
        labels: Class index of each photo, shape (N,).
        num_classes: Number of classes C.
        rng: Draws the order of the epochs, where the strategy has one of its own.
    """
    own = find_strategy(strategy)
    shown = np.zeros(len(labels))
    for _ in range(EPOCHS):
        shown += np.bincount(own.order(labels, rng), minlength=len(labels))
    by_class = loss_weights(strategy, np.bincount(labels, minlength=num_classes))
    weights = shown if by_class is None else shown * by_class[labels]
    return np.asarray(weights / weights.sum())


def fit_classifier(
    vectors: np.ndarray, labels: np.ndarray, num_classes: int, strategy: str, strength: float, seed: int = 0
) -> LinearClassifier:
    """Trains the classifier.

    Args:
        vectors: Features, float32 of shape (N, D), each with a mean near 0 and a variance near 1.
        labels: Class index of each photo, shape (N,). Classes without photos are allowed.
        num_classes: Number of classes C.
        strategy: One of `strategies`.
        strength: Of the regularization: half of it times the sum of the squared weights is added to the mean loss.
        seed: Decides the order of the epochs, where the strategy has one of its own.

    Raises:
        GarbageError: The strategy is unknown, or has a loss that is none of `LOSSES`.
    """
    from scipy.optimize import minimize  # not before it is needed: its import takes a second
    from threadpoolctl import threadpool_limits

    if find_strategy(strategy).loss not in LOSSES:
        raise GarbageError(f"The linear classifier knows no loss for {strategy!r}: choose {', '.join(strategies())}.")
    pointwise, adjusted = LOSSES[find_strategy(strategy).loss]
    share = photo_weights(strategy, labels, num_classes, np.random.default_rng(seed)).astype(vectors.dtype)
    counts = np.maximum(np.bincount(labels, minlength=num_classes), 0.5)  # as the registry's loss counts them
    added = (np.log(counts / counts.sum()) if adjusted else np.zeros(num_classes)).astype(vectors.dtype)
    rows, size = np.arange(len(labels)), vectors.shape[1] * num_classes

    def split(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        packed = packed.astype(vectors.dtype)
        return packed[:size].reshape(-1, num_classes), packed[size:]

    def objective(packed: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = split(packed)
        p = vectors @ weights + (bias + added)
        p -= p.max(axis=1, keepdims=True)
        np.exp(p, out=p)
        p /= p.sum(axis=1, keepdims=True)
        losses, slopes = pointwise(np.maximum(p[rows, labels], np.finfo(p.dtype).tiny))
        # The derivative of the true class's probability by the logits is (1 for the true class, else 0) minus all
        # probabilities; whatever the loss, its gradient is a multiple of that.
        p[rows, labels] -= 1
        p *= (-slopes * share)[:, None]
        gradient = np.concatenate([(vectors.T @ p + strength * weights).ravel(), p.sum(axis=0)])
        return float(share @ losses) + strength / 2 * float((weights**2).sum()), gradient.astype(np.float64)

    with threadpool_limits(1):  # for products this small, threads that wait for each other cost more than they give
        found = minimize(
            objective,
            np.zeros(size + num_classes),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS, "gtol": _TOLERANCE, "ftol": 0.0},
        )
    return LinearClassifier(*split(found.x))
