"""Methods of out-of-distribution detection, of which `inference.ood_detector` uses one.

Every method gives each picture an OOD score, the higher the farther from the training photos. It is fitted to the
training photos alone, as they are and altered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from garbage_core.inference.ood_detector import LAYER_NAMES, LAYERS, fit

NEIGHBORS = 10
FITTED = ("train", "altered train", "train on other backgrounds")  # kinds that methods are fitted to


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    """A network's features of N pictures.

    Attributes:
        kinds: Kind of each picture, (N,): `train`, `val` or `test` for the run's own photos, how they were altered, or
            the kind of OOD picture; see `studies.ood`.
        names: Names of the pictures, (N,).
        labels: Class index in the run's order, -1 for OOD pictures, (N,).
        features: As `inference.engine.Outputs` has them, float32 (N, channels).
        widths: Number of features of each layer.
        logits: Logits of the network, float32 (N, classes).
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
    def fitted(self) -> np.ndarray:
        """Whether a method is fitted to a picture, bool (N,): training photos, in all the ways that `FITTED` names."""
        return np.isin(self.kinds, FITTED)

    def layer(self, name: str) -> np.ndarray:
        """Returns the features of one of `ood_detector.LAYER_NAMES`."""
        place = LAYER_NAMES.index(name)
        start = sum(self.widths[:place])
        return self.features[:, start : start + self.widths[place]]


def _confidence(pictures: PictureFeatures, _: None) -> np.ndarray:
    """Hendrycks and Gimpel 2017, arXiv:1610.02136: the lower the confidence, the higher the score."""
    return -np.exp(pictures.logits.max(axis=1) - _log_sum_exp(pictures.logits))


def _energy(pictures: PictureFeatures, _: None) -> np.ndarray:
    """Liu et al. 2020, arXiv:2010.03759."""
    return -_log_sum_exp(pictures.logits)


def _mahalanobis(pictures: PictureFeatures, layer: str) -> np.ndarray:
    """Lee et al. 2018, arXiv:1807.03888: distance to the nearest class, one covariance for all."""
    values, train = pictures.layer(layer), pictures.fitted
    known = np.unique(pictures.labels[train])
    means = [values[train & (pictures.labels == label)].mean(axis=0) for label in known]
    residuals = values[train] - np.stack(means)[np.searchsorted(known, pictures.labels[train])]
    precision = _precision(residuals)
    return np.min([_quadratic(values - mean, precision) for mean in means], axis=0)


def _relative_mahalanobis(pictures: PictureFeatures, layer: str) -> np.ndarray:
    """Ren et al. 2021, arXiv:2106.09022: the same, less the distance to all training photos taken together."""
    values, train = pictures.layer(layer), pictures.fitted
    mean = values[train].mean(axis=0)
    return _mahalanobis(pictures, layer) - _quadratic(values - mean, _precision(values[train] - mean))


def _neighbors(pictures: PictureFeatures, layer: str) -> np.ndarray:
    """Sun et al. 2022, arXiv:2204.06507: distance of the direction to that of the k-th nearest training photo."""
    values = pictures.layer(layer)
    values = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    train = values[pictures.fitted]
    k = min(NEIGHBORS, len(train)) - 1
    return np.concatenate(
        [
            np.partition(2 - 2 * part @ train.T, k, axis=1)[:, k]
            for part in np.array_split(values, len(values) // 512 + 1)
        ]
    )


def _vim(pictures: PictureFeatures, layer: str) -> np.ndarray:
    """Wang et al. 2022, arXiv:2203.10807: what the main directions leave over, as a logit beside the classes'."""
    weights, bias = pictures.head
    train = pictures.fitted
    values = pictures.layer(layer) + np.linalg.pinv(weights.T) @ bias
    _, directions = np.linalg.eigh(values[train].T @ values[train])
    rest = np.linalg.norm(values @ directions[:, : values.shape[1] // 2], axis=1)
    factor = pictures.logits[train].max(axis=1).mean() / max(rest[train].mean(), 1e-12)
    return factor * rest - _log_sum_exp(pictures.logits)


def _one_gaussian(pictures: PictureFeatures, layers: str) -> np.ndarray:
    """The method of `garbage_core.inference.ood_detector`."""
    train, val = pictures.features[pictures.fitted], pictures.features[pictures.kinds == "val"]
    return fit(train, val, pictures.widths, "", layers.split("+")).distance(pictures.features)


# Name, layers, function: (PictureFeatures, layers) -> OOD scores (N,).
METHODS: tuple[tuple[str, str | None, Callable[[PictureFeatures, Any], np.ndarray]], ...] = (
    ("most likely class", None, _confidence),
    ("energy", None, _energy),
    *(("Mahalanobis", layer, _mahalanobis) for layer in ("conv4", "conv5")),
    *(("relative Mahalanobis", layer, _relative_mahalanobis) for layer in ("conv4", "conv5")),
    *(("nearest neighbors", layer, _neighbors) for layer in ("conv4", "conv5")),
    ("ViM", "conv5", _vim),
    *(("one Gaussian", layers, _one_gaussian) for layers in ("conv3", "conv4", "conv5", "conv3+conv4", "conv4+conv5")),
)
CHOSEN = ("one Gaussian", "+".join(LAYERS))


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, np.newaxis]).sum(axis=1))


def _precision(residuals: np.ndarray) -> np.ndarray:
    """Returns the inverse of a covariance that is shrunk (Ledoit and Wolf 2004), for there are few photos."""
    from sklearn.covariance import LedoitWolf

    return LedoitWolf(store_precision=True, assume_centered=True).fit(residuals.astype(np.float64)).precision_


def _quadratic(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return ((values @ matrix) * values).sum(axis=1)
