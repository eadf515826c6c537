"""The OOD detector: photos unlike the training photos are told by their features (out-of-distribution detection).

    detector = fit(train_features, val_features, classifier.feature_widths, run.weights_sha256)
    detector.ood_p_value(features)  # (N,), 0..1: the share of val photos at least as far from the training photos
    save(detector, run)             # models/<name>/ood.npz
    load(run)                       # None where there is no such file for these weights

Features are those of `engine.Outputs`: they come with the prediction, so detection costs a small matrix product. Which
of the known methods is used here, and why, is measured by `garbage_core.studies.ood`.

The distance of a photo is Mahalanobis' to one Gaussian over the training photos' features (Lee et al. 2018,
arXiv:1807.03888; without a mean for each class, as Kamoi and Kobayashi 2020, arXiv:2003.00402, found to do as well).
The Gaussian is that of probabilistic principal components (Tipping and Bishop 1999): a full covariance along the first
few directions, one common variance along all others, because there are more features than photos. Distances become
conformal p-values through the val photos (Bates et al. 2023, arXiv:2104.08279): were val and a new photo drawn alike,
at most a share of `level` of such photos would be called out of distribution. The val photos are taken as they are, and
altered as another camera would show them, see `garbage_core.studies.ood`.

Nothing here loads Keras. The file holds plain numbers, is read without pickle, and names the weights it was fitted to.
"""

import io
import logging
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from garbage_core.errors import GarbageError
from garbage_core.runs.run import OOD_FILE, Run
from garbage_core.utils.files import write_bytes

LEVEL = 0.05  # share of the val photos, half of them altered, that may be called out of distribution
LAYERS = ("conv4",)  # of `LAYER_NAMES`; each gets the same weight, whatever its range
COMPONENTS = 64  # directions with a variance of their own; 32 to 128 do equally well
LAYER_NAMES = ("conv3", "conv4", "conv5")  # where the parts of `Outputs.features` come from, in a ResNet-50
MAX_BYTES = 16 * 2**20  # of a file's content; more was not written by `save`

_ARRAYS = ("mean", "scale", "directions", "variances", "val_distances")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class OODDetector:
    """Distribution of the training photos' features, and the distances of the val photos from it.

    Attributes:
        columns: Places of the features that are used, int32 (D,).
        mean: Mean of the training photos' features, float32 (D,).
        scale: Divisor of each feature, float32 (D,).
        directions: The first principal directions of the scaled features, float32 (D, K), orthonormal.
        variances: Variance along each direction, float32 (K,).
        rest: Variance along any other direction.
        val_distances: Distances of the val photos, ascending, float32 (M,).
        weights_sha256: SHA-256 of the network's file that gave the features.
        level: P-value below which a photo is out of distribution.
    """

    columns: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)
    directions: np.ndarray = field(repr=False)
    variances: np.ndarray = field(repr=False)
    rest: float
    val_distances: np.ndarray = field(repr=False)
    weights_sha256: str
    level: float = LEVEL

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Returns the squared Mahalanobis distance, divided by D, float64 (N,), of all features of N photos."""
        centered = (features[:, self.columns].astype(np.float64) - self.mean) / self.scale
        along = centered @ self.directions
        beside = np.maximum((centered**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        return ((along**2 / self.variances).sum(axis=1) + beside / self.rest) / len(self.mean)

    def ood_p_value(self, features: np.ndarray) -> np.ndarray:
        """Returns the share of val photos at least as far out, counting the photo itself: float64 (N,), above 0 to 1.

        Not a number among the features counts as the largest distance.
        """
        largest = float(np.finfo(np.float32).max)
        distances = np.clip(np.nan_to_num(self.distance(features), nan=largest), 0, largest).astype(np.float32)
        farther = len(self.val_distances) - np.searchsorted(self.val_distances, distances)
        return (1 + farther) / (1 + len(self.val_distances))

    def is_ood(self, ood_p_value: float) -> bool:
        """Returns whether a photo of such a p-value is out of distribution."""
        return ood_p_value < self.level


def fit(
    train: np.ndarray,
    val: np.ndarray,
    widths: Sequence[int],
    weights_sha256: str,
    layers: Sequence[str] = LAYERS,
    level: float = LEVEL,
) -> OODDetector:
    """Fits a detector.

    Args:
        train: Features of the training photos, (N, D), as in `engine.Outputs`.
        val: Features of the val photos, as they are and altered, (M, D): photos the network has not learned from.
        widths: Number of features of each of `LAYER_NAMES`, in order.
        weights_sha256: SHA-256 of the network's file.
        layers: Names of the layers to use, of `LAYER_NAMES`; each gets the same weight, whatever its features' range.
        level: Share of val photos that may be called out of distribution, 0 to below 1.

    Raises:
        GarbageError: If there are fewer than two photos to learn from or none to compare with, or the features are not
            all numbers.
    """
    if len(train) < 2 or not len(val):
        raise GarbageError(
            f"{len(train)} training and {len(val)} val photos are too few to fit an OOD detector: take 2 and 1."
        )
    ends = np.cumsum(widths)
    parts = [np.arange(ends[i] - widths[i], ends[i]) for i in map(LAYER_NAMES.index, layers)]
    columns = np.concatenate(parts)
    used = len(columns)
    train, val = np.asarray(train[:, columns], dtype=np.float64), np.asarray(val)
    if not (np.isfinite(train).all() and np.isfinite(val[:, columns]).all()):
        raise GarbageError("The network's features are not all numbers: train it again.")
    mean = train.mean(axis=0)
    sizes = [len(part) for part in parts]
    totals = [np.sqrt(part.sum()) or 1.0 for part in np.split(train.var(axis=0), np.cumsum(sizes)[:-1])]
    scale = np.repeat(totals, sizes)
    _, lengths, directions = np.linalg.svd((train - mean) / scale, full_matrices=False)
    values = lengths**2 / len(train)
    count = min(COMPONENTS, used - 1, int((values > 1e-9 * values[0]).sum()))
    variances, directions = values[:count], directions[:count].T
    rest = max(values[count:].sum() / (used - count), 1e-12)
    # Stored as float16, so the val photos are measured with what will be read back.
    directions = directions.astype(np.float16).astype(np.float32)
    arrays = (
        columns.astype(np.int32),
        mean.astype(np.float32),
        scale.astype(np.float32),
        directions,
        variances.astype(np.float32),
    )
    draft = OODDetector(*arrays, float(rest), np.empty(0, np.float32), weights_sha256, level)
    return OODDetector(*arrays, float(rest), np.sort(draft.distance(val).astype(np.float32)), weights_sha256, level)


def save(detector: OODDetector, run: Run) -> Path:
    """Writes a detector into the folder of its run, atomically. Returns the path."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        columns=detector.columns,
        mean=detector.mean,
        scale=detector.scale,
        directions=detector.directions.astype(np.float16),
        variances=detector.variances,
        rest=np.float64(detector.rest),
        val_distances=detector.val_distances,
        level=np.float64(detector.level),
        weights_sha256=np.array(detector.weights_sha256),
    )
    return write_bytes(buffer.getvalue(), run.path / OOD_FILE)


def load(run: Run) -> OODDetector | None:
    """Reads the detector of a run.

    Returns:
        The detector, or None if the run has none for its present weights. A file that was fitted to other weights, or
        is damaged, is passed over with a warning in the log: photos are classified without detection.
    """
    path = run.ood_path
    if not path.is_file():
        return None
    try:
        detector = _read(path)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        _LOG.warning("%s cannot be read (%s), so no photo is called out of distribution: %s", path, error, _again(run))
        return None
    if detector.weights_sha256 != run.weights_sha256:
        _LOG.warning("%s was fitted to other weights, so no photo is called out of distribution: %s", path, _again(run))
        return None
    return detector


def _again(run: Run) -> str:
    return f"make it anew with `python -m garbage_core ood {run.name}`."


def _read(path: Path) -> OODDetector:
    """Reads and checks a file; what is wrong with it ends in one of the exceptions that `load` expects."""
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            raise ValueError("it is too large")
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    mean, scale, directions, variances, distances = (np.asarray(arrays[name], np.float32) for name in _ARRAYS)
    columns = np.asarray(arrays["columns"], dtype=np.int32)
    rest, level = float(arrays["rest"]), float(arrays["level"])
    shapes = columns.shape == scale.shape == mean.shape and directions.shape == (*mean.shape, *variances.shape)
    if not shapes or mean.ndim != 1 or distances.ndim != 1 or not len(distances):
        raise ValueError("its arrays do not fit together")
    numbers = all(np.isfinite(part).all() for part in (mean, scale, directions, variances, distances))
    numbers = numbers and 0 <= level < 1
    positive = min(rest, *scale, *variances) > 0 <= columns.min(initial=0)
    if not (numbers and positive and np.diff(distances).min(initial=0) >= 0):
        raise ValueError("its numbers are out of range")
    weights = str(arrays["weights_sha256"])
    return OODDetector(columns, mean, scale, directions, variances, rest, distances, weights, level)
