"""Methods of out-of-distribution detection, two of which `inference.ood_detector` uses.

Every method gives each picture an OOD score, the higher the less it looks like waste. Methods that know waste alone are
fitted to the training photos of waste, as they are and altered; the head is fitted to OOD pictures as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from garbage_core.data.photo_sets import MAIN_SET
from garbage_core.inference.ood_detector import LAYER_NAMES, LAYERS, OODDetector, fit, layer_columns
from garbage_core.inference.ood_head import HEAD_LAYERS, STRENGTH, OODHead, fit_head
from garbage_core.runs.run import Run

NEIGHBORS = 10
STRENGTHS = tuple(sorted({0.0003, 0.003, 0.03, STRENGTH}))  # of heads that are compared
WASTE, ALTERED, PLACED = "waste", "altered waste", "placed waste"  # kinds of waste
WASTE_ON_BACKGROUND = "waste on a drawn background"
THINGS, THINGS_ON_BACKGROUND = "other things", "other things on a drawn background"  # of extra sets
OTHER_PHOTO = "photo"  # of a folder or an archive of other things
WASTE_KINDS = (WASTE, ALTERED, PLACED, WASTE_ON_BACKGROUND)


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    """A network's features of N pictures.

    Attributes:
        sets: Name of each picture's set, (N,); see `ood_pictures.Picture`.
        kinds: Kind of each picture, (N,): one of the kinds above, or the kind of a drawn picture.
        splits: `train` for what detectors are fitted to, `val` for what chooses among them, or `test`, (N,).
        names: Names of the pictures, (N,).
        labels: Class index in the run's order, -1 for OOD pictures and labels that name several classes, (N,).
        features: As `inference.engine.Outputs` has them, float32 (N, channels).
        widths: Number of features of each layer.
        logits: Logits of the network, float32 (N, classes).
    """

    sets: np.ndarray
    kinds: np.ndarray
    splits: np.ndarray
    names: np.ndarray
    labels: np.ndarray
    features: np.ndarray
    widths: tuple[int, ...]
    logits: np.ndarray

    @property
    def waste(self) -> np.ndarray:
        """Whether a picture shows waste, bool (N,)."""
        return np.isin(self.kinds, WASTE_KINDS)

    @property
    def fitted(self) -> np.ndarray:
        """Whether what knows waste alone is fitted to a picture, bool (N,)."""
        return self.waste & (self.splits == "train")

    @property
    def level_sets(self) -> np.ndarray:
        """Set of each val photo of waste that the level is set by, each counting the same; empty for others, (N,).

        Without an extra set the data set's own photos, altered as another camera would show them, are the second.
        """
        val = np.isin(self.kinds, (WASTE, ALTERED)) & (self.splits == "val")
        if (val & (self.sets != MAIN_SET)).any():
            val &= self.kinds == WASTE
        return np.where(val, np.char.add(np.char.add(self.sets, " "), self.kinds), "")

    def layer(self, name: str) -> np.ndarray:
        """Returns the features of one of `ood_detector.LAYER_NAMES`."""
        place = LAYER_NAMES.index(name)
        start = sum(self.widths[:place])
        return self.features[:, start : start + self.widths[place]]


def _confidence(pictures: PictureFeatures, _: None, __: None) -> np.ndarray:
    """Hendrycks and Gimpel 2017, arXiv:1610.02136: the lower the confidence, the higher the score."""
    return -np.exp(pictures.logits.max(axis=1) - _log_sum_exp(pictures.logits))


def _energy(pictures: PictureFeatures, _: None, __: None) -> np.ndarray:
    """Liu et al. 2020, arXiv:2010.03759."""
    return -_log_sum_exp(pictures.logits)


def _neighbors(pictures: PictureFeatures, layer: str, _: None) -> np.ndarray:
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


def _one_gaussian(pictures: PictureFeatures, layers: str, _: None) -> np.ndarray:
    """The distance of `inference.ood_detector`."""
    return _distance(pictures, layers, pictures.fitted)


def _data_set_alone(pictures: PictureFeatures, layers: str, _: None) -> np.ndarray:
    """The same, to the photos of the data set itself: all that the detector of earlier versions knew."""
    return _distance(pictures, layers, pictures.fitted & (pictures.sets == MAIN_SET))


def _distance(pictures: PictureFeatures, layers: str, fitted: np.ndarray) -> np.ndarray:
    val = pictures.features[pictures.level_sets != ""]
    return fit(pictures.features[fitted], val, pictures.widths, "", layers.split("+")).distance(pictures.features)


def _head(pictures: PictureFeatures, layers: str, strength: float) -> np.ndarray:
    """The head of `inference.ood_detector`: outlier exposure, Hendrycks et al. 2019, arXiv:1812.04606."""
    return train_head(pictures, layers.split("+"), strength).score(pictures.features)


def train_head(pictures: PictureFeatures, layers: Sequence[str] = HEAD_LAYERS, strength: float = STRENGTH) -> OODHead:
    """Fits the detector's head to the training pictures; its level is set by val photos of waste."""
    train, sets = pictures.splits == "train", pictures.level_sets
    columns = np.concatenate(layer_columns(pictures.widths, layers))
    waste, others = (pictures.features[train & chosen] for chosen in (pictures.waste, ~pictures.waste))
    return fit_head(waste, others, pictures.features[sets != ""], sets[sets != ""], columns, strength)


def fit_detector(pictures: PictureFeatures, run: Run, head: OODHead) -> OODDetector:
    """Fits a run's detector, with this head, to the features of its pictures; `ood_detector.save` writes it."""
    sets = pictures.level_sets
    chosen = sets != ""
    train, val = pictures.features[pictures.fitted], pictures.features[chosen]
    return fit(train, val, pictures.widths, run.weights_sha256 or "", val_sets=sets[chosen], head=head)


Method = Callable[[PictureFeatures, Any, Any], np.ndarray]  # pictures, layers, strength -> OOD scores (N,)
# Name, layers, strength of a head, and the function.
METHODS: tuple[tuple[str, str | None, float | None, Method], ...] = (
    ("most likely class", None, None, _confidence),
    ("energy", None, None, _energy),
    *(("nearest neighbors", layer, None, _neighbors) for layer in ("conv4", "conv5")),
    ("one Gaussian of the data set", "conv4", None, _data_set_alone),
    *(("one Gaussian", layers, None, _one_gaussian) for layers in ("conv4", "conv5", "conv4+conv5")),
    *(("head", layers, strength, _head) for layers in ("conv4", "conv5", "conv4+conv5") for strength in STRENGTHS),
)
KEPT = (("head", "+".join(HEAD_LAYERS), STRENGTH), ("one Gaussian", "+".join(LAYERS), None))


def _log_sum_exp(logits: np.ndarray) -> np.ndarray:
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, np.newaxis]).sum(axis=1))
