"""Features for the studies: every photo through conv1 to conv4 once, and the pooled features that follow from them.

The studies train hundreds of heads, so what lies below the head must not cost anything: the network is the transfer
recipe's before its first epoch, conv1 to conv4 with ImageNet weights and a conv5 that hands them on
(`garbage_core.resnet.pass_through`). Its feature maps are computed once and kept in files, about 100 kB a photo and
pass; batch norms and pooling above them are computed anew for the photos that a head may learn from.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from garbage_core import augment
from garbage_core.dataset import Dataset, cache_dir
from garbage_core.files import file_sha256
from garbage_core.pipeline import FeatureSource, PhotoSource, cache_features
from garbage_core.resnet import RESNET50_STACKS, build_resnet, pass_through, split_network
from garbage_core.weights import load_starting_weights

# What the residual branches of conv5 add is nothing at first, so the way through it is its first shortcut.
_WAY = ("conv5_block1_preact_bn", "conv5_block1_preact_relu", "conv5_block1_0_conv")
_END = ("post_bn", "post_relu", "avg_pool")
_PHOTOS_GB = 4.0  # photos kept in memory, as in a training
_ROWS = 256  # feature maps per step, 100 MB as float32


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

    @property
    def source(self) -> str:
        """Name of the starting weights without the folder they lie in."""
        return Path(self.weights).name if self.weights else "random weights"


class FeatureMaker:
    """Makes pooled features of a data set's photos.

    Args:
        dataset: The data set.
        recipe: How they are made.
        folder: Where feature maps are kept; None takes the user's cache. They may be deleted at any time.

    Raises:
        GarbageError: The starting weights cannot be loaded, or the augmentation is unknown.
    """

    def __init__(self, dataset: Dataset, recipe: FeatureRecipe, folder: str | Path | None = None) -> None:
        self.dataset, self.recipe = dataset, recipe
        self.augmentation = augment.pipeline(recipe.augmentation)
        self.folder = Path(folder) if folder else cache_dir() / "studies"
        keras.utils.set_random_seed(recipe.seed)
        self._network = build_resnet("v2", len(dataset.classes), recipe.blocks, recipe.filters)
        load_starting_weights(self._network, recipe.weights)
        pass_through(self._network)
        self._frozen, _ = split_network(self._network, "conv5")

    @cached_property
    def plain(self) -> FeatureSource:
        """Feature maps of all photos as they are, one pass, in the order of `dataset.photos`."""
        return self._maps("plain", self.dataset.photos["file"].tolist(), augment.Augmentation(), 1)

    def pooled(self, files: list[str], learn: list[str], augmented: bool = False) -> np.ndarray:
        """Returns pooled features of photos.

        Args:
            files: The photos.
            learn: Photos whose features set the averages of the batch norms; those that a head may learn from.
            augmented: Give the augmented copies too; `files` and `learn` must then be the same photos.

        Returns:
            float32 of shape (1, N, channels), or (1 + passes, N, channels), the photos as they are first.
        """
        place = {file: row for row, file in enumerate(self.dataset.photos["file"])}
        rows, learnt = ([place[file] for file in names] for names in (files, learn))
        shown = [(self.plain.passes[0], rows)]
        basis = [(self.plain.passes[0], learnt)]
        if augmented:
            copies = self._maps("augmented", files, self.augmentation, self.recipe.passes).passes
            shown = basis = shown + [(copy, list(range(len(files)))) for copy in copies]
        pool = self._calibrated(basis)
        return np.stack([_through(pool, *part) for part in shown])

    def _calibrated(self, basis: list[tuple[np.ndarray, list[int]]]) -> keras.Model:
        """Returns the model from feature maps to pooled features, its batch norms set to the averages of `basis`.

        The averages are those over all of it, not a trace of the last batches (Wu and Johnson 2021, arXiv:2105.07576,
        section 3.2, "PreciseBN").
        """
        layers = {name: self._network.get_layer(name) for name in (*_WAY, *_END)}
        maps = x = keras.Input(self._frozen.output.shape[1:])
        for name in _WAY:
            x = layers[name](x)
        below = keras.Model(maps, x)
        for name in _END:
            x = layers[name](x)
        _set_averages(layers[_WAY[0]], None, basis)
        _set_averages(layers[_END[0]], below, basis)
        return keras.Model(maps, x)

    def _maps(self, name: str, files: list[str], augmentation: augment.Augmentation, passes: int) -> FeatureSource:
        """Returns feature maps from their file, computing what is missing."""
        values = asdict(self.recipe) | {"weights": self._digest, "photos": self.dataset.fingerprint, "files": files}
        if passes == 1:  # one file serves every recipe that differs only in its augmented copies
            values |= dict.fromkeys(("passes", "augmentation", "seed"))
        key = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        recipe = self.recipe
        photos = PhotoSource(self.dataset, files, recipe.height, recipe.width, _PHOTOS_GB)
        with tqdm(total=passes * len(files), desc=f"features, {name}", unit="photo") as bar:
            path = self.folder / f"conv4-{key}.npy"
            return cache_features(self._frozen, photos, augmentation, passes, recipe.seed, path, bar.update)

    @cached_property
    def _digest(self) -> str | None:
        """What tells these starting weights from others."""
        path = Path(self.recipe.weights or "")
        return file_sha256(path) if path.is_file() else self.recipe.weights


def _through(model: keras.Model, maps: np.ndarray, rows: list[int]) -> np.ndarray:
    """Returns a model's output for some rows of a file of feature maps."""
    return np.concatenate([keras.ops.convert_to_numpy(model(part)) for part in _parts(maps, rows)])


def _parts(maps: np.ndarray, rows: list[int]):
    for start in range(0, len(rows), _ROWS):
        yield maps[rows[start : start + _ROWS]].astype("float32")


def _set_averages(
    norm: keras.layers.BatchNormalization, below: keras.Model | None, basis: list[tuple[np.ndarray, list[int]]]
) -> None:
    """Gives a batch norm the mean and variance of what reaches it, and neither scale nor offset of its own."""
    count, total, squares = 0, 0.0, 0.0
    for maps, rows in basis:
        for part in _parts(maps, rows):
            moments = keras.ops.moments(part if below is None else below(part), axes=(0, 1, 2))
            mean, variance = (keras.ops.convert_to_numpy(moment).astype("float64") for moment in moments)
            count += len(part)
            total, squares = total + len(part) * mean, squares + len(part) * (variance + mean**2)
    mean = total / count
    norm.set_weights([np.ones_like(mean), np.zeros_like(mean), mean, np.maximum(squares / count - mean**2, 0)])
