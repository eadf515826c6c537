"""The OOD detector tells photos of something else than the classes by their features (out-of-distribution detection).

    detector = fit(train_features, val_features, classifier.feature_widths, run.weights_sha256, head=head)
    detector.judge(features)        # a Judgment per photo
    save(detector, run)             # models/<name>/ood.npz
    load(run)                       # None where there is no such file for these weights

One of other photos than the run's own lies below the first digits of their fingerprint (`garbage_core.runs.results`).

It has two opinions. The head (`ood_head`) has learned what is waste and what is not, and says "Not one of the six
materials I know". The distance from the training photos knows waste alone, and says "I have not seen many things like
this". Features are those of `engine.Outputs`: they come with the prediction, so detection costs a small matrix product.
Which of the known methods are used here, and why, is measured by `garbage_core.studies.ood`.

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
from typing import NamedTuple

import numpy as np

from garbage_core.errors import GarbageError
from garbage_core.inference.ood_head import OODHead, equal_shares, weighted_p_values
from garbage_core.runs.run import OOD_FILE, Run
from garbage_core.utils.files import write_bytes

LEVEL = 0.05  # share of the val photos of waste, mean over the sets, that each of the two opinions may be wrong about
NOT_KNOWN = "Not one of the {} I know"  # what the head says
FAR = "I have not seen many things like this"  # what the distance says
LAYERS = ("conv4",)  # of `LAYER_NAMES`; each gets the same weight, whatever its range
COMPONENTS = 64  # directions with a variance of their own; 32 to 128 do equally well
LAYER_NAMES = ("conv3", "conv4", "conv5")  # where the parts of `Outputs.features` come from, in a ResNet-50
MAX_BYTES = 16 * 2**20  # of a file's content; more was not written by `save`

_ARRAYS = ("mean", "scale", "directions", "variances", "val_distances")
_HEAD = "head_"  # before the names of the head's arrays in the file
_LOG = logging.getLogger(__name__)


class Judgment(NamedTuple):
    """What a detector finds about one photo.

    Attributes:
        ood_p_value: Share of the val photos of waste that the head finds at least as unlike waste, above 0 to 1; None
            without a head.
        is_ood: Whether the head says that the photo shows none of the classes.
        far_p_value: Share of the val photos of waste at least as far from the training photos, above 0 to 1.
        is_far: Whether the photo is far from the training photos.
    """

    ood_p_value: float | None
    is_ood: bool
    far_p_value: float
    is_far: bool


def verdict(is_ood: bool, is_far: bool, number_of_classes: int) -> str | None:
    """Returns what a detector says about a photo: the head's sentence, else the distance's, or None for neither."""
    if is_ood:
        return NOT_KNOWN.format("six materials" if number_of_classes == 6 else f"{number_of_classes} classes")
    return FAR if is_far else None


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
        level: P-value below which a photo is out of distribution, or far.
        val_shares: What each of the val distances counts, float32 (M,), together 1.
        head: The head; None in files of earlier versions.
    """

    columns: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)
    directions: np.ndarray = field(repr=False)
    variances: np.ndarray = field(repr=False)
    rest: float
    val_distances: np.ndarray = field(repr=False)
    weights_sha256: str
    level: float
    val_shares: np.ndarray = field(repr=False)
    head: OODHead | None = None

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Returns the squared Mahalanobis distance, divided by D, float64 (N,), of all features of N photos."""
        centered = (features[:, self.columns].astype(np.float64) - self.mean) / self.scale
        along = centered @ self.directions
        beside = np.maximum((centered**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        return ((along**2 / self.variances).sum(axis=1) + beside / self.rest) / len(self.mean)

    def far_p_value(self, features: np.ndarray) -> np.ndarray:
        """Returns the share of val photos at least as far out, counting the photo itself: float64 (N,), above 0 to 1.

        Not a number among the features counts as the largest distance.
        """
        return weighted_p_values(self.distance(features), self.val_distances, self.val_shares)

    def judge(self, features: np.ndarray) -> list[Judgment]:
        """Returns what the head and the distance say about N photos, from all their features, (N, channels)."""
        far = self.far_p_value(features).tolist()
        if self.head is None:
            return [Judgment(None, False, p_value, p_value < self.level) for p_value in far]
        ood = self.head.ood_p_value(features).tolist()
        return [Judgment(p, p < self.level, q, q < self.level) for p, q in zip(ood, far, strict=True)]


def layer_columns(widths: Sequence[int], layers: Sequence[str]) -> list[np.ndarray]:
    """Returns the places of the features of each layer, of `LAYER_NAMES`, given the number of features of each."""
    ends = np.cumsum(widths)
    return [np.arange(ends[i] - widths[i], ends[i]) for i in map(LAYER_NAMES.index, layers)]


def fit(
    train: np.ndarray,
    val: np.ndarray,
    widths: Sequence[int],
    weights_sha256: str,
    layers: Sequence[str] = LAYERS,
    level: float = LEVEL,
    val_sets: np.ndarray | None = None,
    head: OODHead | None = None,
) -> OODDetector:
    """Fits the distance of a detector, and gives it its head.

    Args:
        train: Features of the training photos, (N, D), as in `engine.Outputs`.
        val: Features of the val photos, as they are and altered, (M, D): photos the network has not learned from.
        widths: Number of features of each of `LAYER_NAMES`, in order.
        weights_sha256: SHA-256 of the network's file.
        layers: Names of the layers to use, of `LAYER_NAMES`; each gets the same weight, whatever its features' range.
        level: Share of val photos that may be called out of distribution, or far, 0 to below 1.
        val_sets: Name of each val photo's set, (M,): each counts the same. None for one set.
        head: The head, see `ood_head.fit_head`.

    Raises:
        GarbageError: If there are fewer than two photos to learn from or none to compare with, or the features are not
            all numbers.
    """
    if len(train) < 2 or not len(val):
        raise GarbageError(
            f"{len(train)} training and {len(val)} val photos are too few to fit an OOD detector: take 2 and 1."
        )
    parts = layer_columns(widths, layers)
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
    rest, shares = float(rest), equal_shares(np.zeros(len(val)) if val_sets is None else val_sets).astype(np.float32)
    draft = OODDetector(*arrays, rest, np.empty(0, np.float32), weights_sha256, level, shares)
    distances = draft.distance(val).astype(np.float32)
    order = np.argsort(distances, kind="stable")
    return OODDetector(*arrays, rest, distances[order], weights_sha256, level, shares[order], head)


def path_of(run: Run, fingerprint: str | None = None) -> Path:
    """Returns where a run's detector for the photos of a fingerprint lies, there or not; without one, for its own."""
    own = run.info.get("data_fingerprint")
    is_own = not fingerprint or fingerprint == own or own is None  # runs of earlier versions do not say
    return run.path / OOD_FILE if is_own else run.path / str(fingerprint)[:16] / OOD_FILE


def save(detector: OODDetector, run: Run, fingerprint: str = "") -> Path:
    """Writes a detector that was fitted to photos of this fingerprint to its place (`path_of`); returns where."""
    head = {} if detector.head is None else {_HEAD + name: value for name, value in vars(detector.head).items()}
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
        val_shares=detector.val_shares,
        **head,
        level=np.float64(detector.level),
        weights_sha256=np.array(detector.weights_sha256),
        fingerprint=np.array(fingerprint),
    )
    return write_bytes(buffer.getvalue(), path_of(run, fingerprint))


def load(run: Run, fingerprint: str | None = None) -> OODDetector | None:
    """Reads the detector of a run.

    Args:
        run: The run.
        fingerprint: Of the photos that are spoken of; where none was fitted to these, the run's own is taken.

    Returns:
        The detector, or None if the run has none for its present weights. A file that was fitted to other weights, or
        is damaged, is passed over with a warning in the log: photos are classified without detection.
    """
    path = path_of(run, fingerprint)
    path = path if path.is_file() else run.ood_path
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
    shares = np.asarray(arrays.get("val_shares", np.full(len(distances), 1 / len(distances))), np.float32)
    numbers = all(np.isfinite(part).all() for part in (mean, scale, directions, variances, distances))
    numbers = numbers and 0 <= level < 1
    positive = min(rest, *scale, *variances) > 0 <= columns.min(initial=0)
    if not (numbers and positive and _are_scores(distances, shares)):
        raise ValueError("its numbers are out of range")
    weights = str(arrays["weights_sha256"])
    head = _read_head(arrays) if _HEAD + "weights" in arrays else None  # files of earlier versions have none
    return OODDetector(columns, mean, scale, directions, variances, rest, distances, weights, level, shares, head)


def _read_head(arrays: dict[str, np.ndarray]) -> OODHead:
    weights, scores, shares = (
        np.asarray(arrays[_HEAD + name], np.float32) for name in ("weights", "val_scores", "val_shares")
    )
    columns, bias = np.asarray(arrays[_HEAD + "columns"], dtype=np.int32), float(arrays[_HEAD + "bias"])
    fits = weights.ndim == 1 and columns.shape == weights.shape and columns.min(initial=0) >= 0
    if not (fits and np.isfinite([bias, *weights]).all() and _are_scores(scores, shares)):
        raise ValueError("its head's numbers are out of range")
    return OODHead(columns, weights, bias, scores, shares)


def _are_scores(scores: np.ndarray, shares: np.ndarray) -> bool:
    """Whether these are ascending scores of val photos, and shares that belong to them."""
    ascending = (
        scores.ndim == 1 and len(scores) > 0 and bool(np.isfinite(scores).all() and (np.diff(scores) >= 0).all())
    )
    return (
        ascending and shares.shape == scores.shape and bool((shares > 0).all()) and abs(float(shares.sum()) - 1) < 1e-3
    )
