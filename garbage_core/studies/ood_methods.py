"""Ways of telling strange photos from what a network saw of them; `inference.ood_detector` keeps one of them.

Every method gives a score for each picture, the higher the stranger, having learned from the training photos only, as
they are and altered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from garbage_core.inference.ood_detector import LAYER_NAMES, LAYERS, fit

NEIGHBORS = 10
LEARNED = ("train", "altered train", "train on other grounds")  # kinds that methods learn from, see `novelty_study`


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network saw of many pictures.

    Attributes:
        kinds: `train`, `val` or `test` for the run's own photos, how they were altered, or what kind of strange picture
            it is, (N,); see `novelty_study`.
        names: Of the pictures, (N,).
        labels: Place of the class in the run's order, -1 for strange pictures, (N,).
        features: As `inference.engine.Outputs` has them, float32 (N, channels).
        widths: Number of features of each layer.
        logits: float32 (N, classes).
        head: Weights and biases of the last layer, (channels of the last map, classes) and (classes,).
    """

    kinds: np.ndarray
    names: np.ndarray
    labels: np.ndarray
    features: np.ndarray
    widths: tuple[int, ...]
    logits: np.ndarray
    head: tuple[np.ndarray, np.ndarray]

    @property
    def learned(self) -> np.ndarray:
        """Which pictures a method may learn from, (N,): training photos, in all the ways that `LEARNED` names."""
        return np.isin(self.kinds, LEARNED)

    def layer(self, name: str) -> np.ndarray:
        """Returns the features of one of `novelty.LAYER_NAMES`."""
        place = LAYER_NAMES.index(name)
        start = sum(self.widths[:place])
        return self.features[:, start : start + self.widths[place]]


def _most_likely(seen: Seen, _: None) -> np.ndarray:
    """Hendrycks and Gimpel 2017, arXiv:1610.02136: the less likely the likeliest class, the stranger."""
    return -np.exp(seen.logits.max(axis=1) - _log_sum_exp(seen.logits))


def _energy(seen: Seen, _: None) -> np.ndarray:
    """Liu et al. 2020, arXiv:2010.03759."""
    return -_log_sum_exp(seen.logits)


def _mahalanobis(seen: Seen, layer: str) -> np.ndarray:
    """Lee et al. 2018, arXiv:1807.03888: distance to the nearest class, one covariance for all."""
    values, train = seen.layer(layer), seen.learned
    known = np.unique(seen.labels[train])
    means = [values[train & (seen.labels == label)].mean(axis=0) for label in known]
    residuals = values[train] - np.stack(means)[np.searchsorted(known, seen.labels[train])]
    precision = _precision(residuals)
    return np.min([_quadratic(values - mean, precision) for mean in means], axis=0)


def _relative_mahalanobis(seen: Seen, layer: str) -> np.ndarray:
    """Ren et al. 2021, arXiv:2106.09022: the same, less the distance to all training photos taken together."""
    values, train = seen.layer(layer), seen.learned
    mean = values[train].mean(axis=0)
    return _mahalanobis(seen, layer) - _quadratic(values - mean, _precision(values[train] - mean))


def _neighbors(seen: Seen, layer: str) -> np.ndarray:
    """Sun et al. 2022, arXiv:2204.06507: distance of the direction to that of the k-th nearest training photo."""
    values = seen.layer(layer)
    values = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    train = values[seen.learned]
    k = min(NEIGHBORS, len(train)) - 1
    return np.concatenate(
        [
            np.partition(2 - 2 * part @ train.T, k, axis=1)[:, k]
            for part in np.array_split(values, len(values) // 512 + 1)
        ]
    )


def _vim(seen: Seen, layer: str) -> np.ndarray:
    """Wang et al. 2022, arXiv:2203.10807: what the main directions leave over, as a logit beside the classes'."""
    weights, bias = seen.head
    train = seen.learned
    values = seen.layer(layer) + np.linalg.pinv(weights.T) @ bias
    _, directions = np.linalg.eigh(values[train].T @ values[train])
    rest = np.linalg.norm(values @ directions[:, : values.shape[1] // 2], axis=1)
    factor = seen.logits[train].max(axis=1).mean() / max(rest[train].mean(), 1e-12)
    return factor * rest - _log_sum_exp(seen.logits)


def _one_gaussian(seen: Seen, layers: str) -> np.ndarray:
    """`garbage_core.inference.ood_detector`, the method that is kept."""
    train, val = seen.features[seen.learned], seen.features[seen.kinds == "val"]
    return fit(train, val, seen.widths, "", layers.split("+")).distance(seen.features)


# Name, layers, function: (Seen, layers) -> (N,), the higher the stranger.
METHODS: tuple[tuple[str, str | None, Callable[[Seen, Any], np.ndarray]], ...] = (
    ("most likely class", None, _most_likely),
    ("energy", None, _energy),
    *(("Mahalanobis", layer, _mahalanobis) for layer in ("conv4", "conv5")),
    *(("relative Mahalanobis", layer, _relative_mahalanobis) for layer in ("conv4", "conv5")),
    *(("nearest neighbors", layer, _neighbors) for layer in ("conv4", "conv5")),
    ("ViM", "conv5", _vim),
    *(("one Gaussian", layers, _one_gaussian) for layers in ("conv3", "conv4", "conv5", "conv3+conv4", "conv4+conv5")),
)
KEPT = ("one Gaussian", "+".join(LAYERS))


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, np.newaxis]).sum(axis=1))


def _precision(residuals: np.ndarray) -> np.ndarray:
    """Returns the inverse of a covariance that is shrunk (Ledoit and Wolf 2004), for there are few photos."""
    from sklearn.covariance import LedoitWolf

    return LedoitWolf(store_precision=True, assume_centered=True).fit(residuals.astype(np.float64)).precision_


def _quadratic(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return ((values @ matrix) * values).sum(axis=1)
