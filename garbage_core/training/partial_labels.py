"""Partial labels: a photo of paper or of cardboard, nobody knows which.

What is known is that one of the classes is right, so the loss is that of their summed probability, -log(p1 + p2) (Jin
and Ghahramani 2002, "Learning with multiple labels"). Partial labels are columns of their own behind those of the
classes, so that MixUp mixes them as any other.
"""

import keras
import numpy as np
from keras import ops

from garbage_core.errors import GarbageError


def loss(strategy: str, members: np.ndarray, label_smoothing: float) -> keras.losses.Loss:
    """Returns the cross-entropy of logits (N, C) and labels (N, L) of which some may mean several classes.

    Args:
        strategy: Name of the imbalance strategy; its loss must be the cross-entropy.
        members: Which classes each label may mean, float32 (L, C).
        label_smoothing: Share of each label that is spread over all classes, 0 to below 1.

    Raises:
        GarbageError: If the strategy has a loss of its own.
    """
    from garbage_core.training.imbalance import cross_entropy, find_strategy

    if find_strategy(strategy).loss is not cross_entropy:
        raise GarbageError(
            f"Partial labels cannot be learned with imbalance = {strategy!r}, whose loss knows single classes only: "
            "choose none, class_weights, effective_number or oversample."
        )
    return _PartialCrossentropy(members, label_smoothing)


class _PartialCrossentropy(keras.losses.Loss):
    def __init__(self, members: np.ndarray, label_smoothing: float) -> None:
        super().__init__(name="partial_crossentropy")
        self.log_members = np.where(members > 0, 0.0, -1e9).astype("float32")
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        logs = ops.log_softmax(ops.cast(y_pred, "float32"))
        summed = ops.logsumexp(logs[:, None, :] + self.log_members, axis=-1)  # of each label
        hard = -ops.sum(ops.cast(y_true, "float32") * summed, axis=-1)
        return (1 - self.label_smoothing) * hard - self.label_smoothing * ops.mean(logs, axis=-1)


class Resolved(keras.metrics.Metric):
    """A metric of single classes on labels that may mean several: of these, the likeliest counts as true."""

    def __init__(self, metric: keras.metrics.Metric, members: np.ndarray) -> None:
        """Takes the metric, and which classes each label may mean, float32 (L, C)."""
        super().__init__(name=metric.name)
        self.metric, self.members = metric, members

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes labels (N, L) and logits (N, C)."""
        possible = ops.take(ops.convert_to_tensor(self.members), ops.argmax(y_true, axis=-1), axis=0)
        chosen = ops.argmax(possible * (1e-6 + ops.softmax(ops.cast(y_pred, "float32"))), axis=-1)
        self.metric.update_state(ops.one_hot(chosen, self.members.shape[1]), y_pred, sample_weight)

    def result(self):
        """Returns the metric's value."""
        return self.metric.result()

    def reset_state(self):
        """Begins anew."""
        self.metric.reset_state()
