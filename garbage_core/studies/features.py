"""Features for the studies: every photo through conv1 to conv4 once, and the pooled features that follow from them.

The studies train hundreds of heads, so what lies below the head must not cost anything: the network is the transfer
recipe's before its first epoch, conv1 to conv4 with ImageNet weights and a conv5 that hands them on
(`networks.resnet.pass_through`). Its feature maps are computed once and stored in files, about 100 kB a photo and
pass. What lies above them is two batch norms and the pooling, computed anew for the photos that a head may learn from.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from garbage_core.data.dataset import Dataset, cache_dir
from garbage_core.networks.resnet import RESNET50_STACKS, build_resnet, split_network
from garbage_core.networks.weights import load_starting_weights
from garbage_core.training import augmentation as augment
from garbage_core.training.batches import FeatureSource, TrainingPhotos, cache_features
from garbage_core.utils.files import file_sha256

_ROWS = 256  # feature maps per step, 50 MB as float32

Rows = tuple[np.ndarray, Sequence[int]]  # feature maps, and which of them
Moments = tuple[np.ndarray, np.ndarray]  # mean and variance of every channel
Averages = tuple[Moments, Moments]  # at the first batch norm, and at the second


@dataclass(frozen=True)
class FeatureRecipe:
    """How the features are made.

    Attributes:
        weights: `imagenet`, or a weights file with conv1 to conv4, as for `load_starting_weights`; None for a random
            network, which only tests want.
        height: Height of the photos in pixels.
        width: Width of the photos in pixels. 256 by 192 has the shape of TrashNet's photos, gives maps of whole numbers
            (8 by 6), and costs two thirds of the transfer recipe's 320 by 240.
        passes: Number of augmented copies of each training photo, besides the photo as it is.
        augmentation: Pipeline of the copies; the transfer recipe's.
        seed: Decides the augmentation.
        filters: Filters of the first stack's bottlenecks; 64 is ResNet-50.
        blocks: Blocks of the four stacks.
    """

    weights: str | None = "imagenet"
    height: int = 192
    width: int = 256
    passes: int = 4
    augmentation: str = "standard"
    seed: int = 0
    filters: int = 64
    blocks: tuple[int, ...] = RESNET50_STACKS


class FeatureMaker:
    """Makes pooled features of a data set's photos.

    Args:
        dataset: Source of the photos.
        recipe: How the features are made.
        folder: Where feature maps are stored; None takes the user's cache. They may be deleted at any time.

    Raises:
        GarbageError: The starting weights cannot be loaded, or the augmentation is unknown.
    """

    def __init__(self, dataset: Dataset, recipe: FeatureRecipe, folder: str | Path | None = None) -> None:
        self.dataset, self.recipe = dataset, recipe
        self.augmentation = augment.pipeline(recipe.augmentation)
        self.folder = Path(folder) if folder else cache_dir() / "studies"
        keras.utils.set_random_seed(recipe.seed)
        network = build_resnet("v2", len(dataset.classes), recipe.blocks, recipe.filters)
        load_starting_weights(network, recipe.weights)
        self._frozen, _ = split_network(network, "conv5")
        self._epsilon = network.get_layer("post_bn").epsilon

    @cached_property
    def plain(self) -> FeatureSource:
        """Feature maps of all photos as they are, one pass, in the order of `dataset.photos`."""
        return self._maps("plain", self.dataset.photos["file"].tolist(), augment.Augmentation(), 1)

    def averages(self, files: list[str], augmented: bool = False) -> Averages:
        """Returns mean and variance of every channel at the two batch norms, for `pooled`.

        They are those over all feature maps, and not a trace of the last batches (Wu and Johnson 2021,
        arXiv:2105.07576, section 3.2, "PreciseBN").

        Args:
            files: The photos that a head may learn from.
            augmented: Count their augmented copies too.

        Returns:
            Those at `conv5_block1_preact_bn`, and those of the first half of the channels at `post_bn`; the other half
            has the same variances, and the means with their signs changed.
        """
        basis = self._rows(files, augmented)
        first = _moments(basis, lambda maps: maps)
        return first, _moments(basis, lambda maps: self._rectified(maps, first))

    def pooled(self, files: list[str], averages: Averages, augmented: bool = False) -> np.ndarray:
        """Returns pooled features of N photos, normalized by what `averages` returned, and of their augmented copies.

        They are float32 of shape (1, N, channels), or (1 + passes, N, channels), the photos as they are first.
        """
        passes = [[self._pool(maps, *averages) for maps in _parts(*rows)] for rows in self._rows(files, augmented)]
        return np.stack([np.concatenate(parts) for parts in passes])

    def changed(self, files: list[str], augmentation: augment.Augmentation, averages: Averages) -> np.ndarray:
        """Returns pooled features of one changed copy of each of N photos, float32 of shape (N, channels).

        Args:
            files: The photos.
            augmentation: How they are changed, without mixing.
            averages: From `averages`.
        """
        ranges = {name: value for name, value in asdict(augmentation).items() if value}
        copy = self._maps(
            ", ".join(ranges) or "plain", files, augmentation, 1, {"ranges": ranges, "seed": self.recipe.seed}
        ).passes[0]
        parts = [self._pool(maps, *averages) for maps in _parts(copy, list(range(len(files))))]
        return np.concatenate(parts)

    def _rows(self, files: list[str], augmented: bool) -> list[Rows]:
        """Returns where the feature maps of photos lie, one entry for each pass."""
        place = {file: row for row, file in enumerate(self.dataset.photos["file"])}
        rows: list[Rows] = [(self.plain.passes[0], [place[file] for file in files])]
        if augmented:
            copies = self._maps("augmented", files, self.augmentation, self.recipe.passes).passes
            rows += [(copy, list(range(len(files)))) for copy in copies]
        return rows

    def _rectified(self, maps: np.ndarray, moments: Moments):
        """Normalizes feature maps and cuts off what lies below the mean."""
        mean, variance = moments
        return keras.ops.relu((maps - mean) / np.sqrt(variance + self._epsilon))

    def _pool(self, maps: np.ndarray, first: Moments, second: Moments) -> np.ndarray:
        """Takes feature maps the rest of the way: conv5 hands on each channel and its negative, see `pass_through`."""
        mean, variance = second
        handed_on = (self._rectified(maps, first) - mean) / np.sqrt(variance + self._epsilon)
        halves = [keras.ops.mean(keras.ops.relu(sign * handed_on), axis=(1, 2)) for sign in (1, -1)]
        return keras.ops.convert_to_numpy(keras.ops.concatenate(halves, axis=-1))

    def _maps(
        self,
        name: str,
        files: list[str],
        augmentation: augment.Augmentation,
        passes: int,
        more: dict[str, object] | None = None,
    ) -> FeatureSource:
        """Returns feature maps from their file, computing what is missing; `more` tells this file from others."""
        values = asdict(self.recipe) | {"weights": self._digest, "photos": self.dataset.fingerprint, "files": files}
        if passes == 1:  # one file serves every recipe that differs only in its augmented copies
            values |= dict.fromkeys(("passes", "augmentation", "seed")) | (more or {})
        key = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        recipe = self.recipe
        photos = TrainingPhotos(self.dataset, files, recipe.height, recipe.width, 0)  # read only where maps are missing
        with tqdm(total=passes * len(files), desc=f"features, {name}", unit="photo") as bar:
            path = self.folder / f"conv4-{key}.npy"
            return cache_features(self._frozen, photos, augmentation, passes, recipe.seed, path, bar.update)

    @cached_property
    def _digest(self) -> str | None:
        """What tells these starting weights from others."""
        path = Path(self.recipe.weights or "")
        return file_sha256(path) if path.is_file() else self.recipe.weights


def _parts(maps: np.ndarray, rows: Sequence[int]) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _ROWS):
        yield maps[rows[start : start + _ROWS]].astype("float32")


def _moments(basis: Sequence[Rows], change: Callable) -> Moments:
    """Returns mean and variance of each channel of changed feature maps, float32 of shape (channels,)."""
    count, total, squares = 0, np.float64(0), np.float64(0)
    for part in basis:
        for maps in _parts(*part):
            moments = keras.ops.moments(change(maps), axes=(0, 1, 2))
            mean, variance = (keras.ops.convert_to_numpy(moment).astype("float64") for moment in moments)
            count += len(maps)
            total, squares = total + len(maps) * mean, squares + len(maps) * (variance + mean**2)
    mean = total / count
    return mean.astype("float32"), np.maximum(squares / count - mean**2, 0).astype("float32")
