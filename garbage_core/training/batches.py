"""From files to batches: photos decoded once, features of a frozen network computed once, random numbers per step.

Everything random in a batch is decided by (seed, stage, epoch, step), never by how many numbers were drawn before: a
training that is resumed meets the same batches as one that was never stopped.
"""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from garbage_core.data.dataset import HasPhotos, read_photos
from garbage_core.training import augmentation as augment
from garbage_core.training import devices
from garbage_core.training import distributed as machines
from garbage_core.training.augmentation import Augmentation
from garbage_core.training.imbalance import epoch_order
from garbage_core.utils.files import mapped_array, write_text

_CACHE_STREAM, _ORDER_STREAM, _BATCH_STREAM = 1, 2, 3  # keep the random numbers of different purposes apart


class Source(Protocol):
    """Rows that batches are made of."""

    shape: tuple[int, int, int]

    def __len__(self) -> int: ...

    def rows(self, indices: np.ndarray, rng: np.random.Generator, part: slice = slice(None)) -> np.ndarray:
        """Returns the rows of a part of these indices, shape (len(indices[part]), *shape).

        A part has the rows that it would have if all were asked for.
        """
        ...


class TrainingPhotos:
    """Training photos of one size as uint8: held in memory if they fit, else decoded whenever they are needed."""

    def __init__(self, dataset: HasPhotos, files: Sequence[str], height: int, width: int, cache_gb: float) -> None:
        """Makes the source, decoding the photos now if they take at most `cache_gb` gigabytes."""
        self._read = lambda names: read_photos(dataset, names, height, width)
        self.files = np.asarray(files, dtype=object)
        self.shape = (height, width, 3)
        fits = len(files) * height * width * 3 <= cache_gb * 1e9
        self._photos = self._read(list(files)) if fits else None

    def __len__(self) -> int:
        return len(self.files)

    def rows(
        self, indices: np.ndarray, rng: np.random.Generator | None = None, part: slice = slice(None)
    ) -> np.ndarray:
        """Returns photos, uint8 (n, height, width, 3)."""
        indices = indices[part]
        return self._read(list(self.files[indices])) if self._photos is None else self._photos[indices]


class FeatureSource:
    """Output of a network's frozen part for several augmented passes over the photos, kept in a file as float16."""

    def __init__(self, passes: np.ndarray) -> None:
        """Takes an array of shape (passes, photos, rows, columns, channels), or (passes, photos, channels)."""
        self.passes = passes
        self.shape = passes.shape[2:]

    def __len__(self) -> int:
        return self.passes.shape[1]

    def rows(self, indices: np.ndarray, rng: np.random.Generator, part: slice = slice(None)) -> np.ndarray:
        """Returns for each photo the features of one of its passes, float16."""
        return self.passes[rng.integers(len(self.passes), size=len(indices))[part], indices[part]]


def cache_features(
    frozen: keras.Model,
    photos: TrainingPhotos,
    augmentation: Augmentation,
    passes: int,
    seed: int,
    path: Path,
    progress: Callable[[int], object] = lambda done: None,
    batch_size: int = 32,
    stream: int = _CACHE_STREAM,
) -> FeatureSource:
    """Runs the frozen part of a network over augmented photos, or goes on where an earlier call stopped.

    Args:
        frozen: Model from photos to features.
        photos: The photos.
        augmentation: What happens to them; mixing is left out, it is done on the features.
        passes: Number of augmented copies of each photo.
        seed: Decides the augmentation.
        path: File of the features, ending in `.npy`; a file beside it counts the finished batches.
        progress: Called with the number of photos done in each batch.
        batch_size: Photos per batch.
        stream: Keeps its random numbers apart from those of other purposes; the same gives the same copies.

    Returns:
        The features, mapped from the file: they may be larger than memory.
    """
    counter = path.with_suffix(".done")
    shape = (passes, len(photos), *frozen.output.shape[1:])
    if None in shape:
        probe = frozen(np.zeros((1, *photos.shape), "float32"))
        shape = (passes, len(photos), *probe.shape[1:])
    work = list(itertools.product(range(passes), range(0, len(photos), batch_size)))
    done = int(counter.read_text()) if counter.is_file() and path.is_file() else 0
    features = np.lib.format.open_memmap(path, "r+") if done else mapped_array(path, shape)
    augmentation = augmentation.without_mixing()
    augmented = Augmented(augmentation, photos.shape)
    run = keras.Model(augmented.inputs, frozen(augmented.output))
    for number, (copy, start) in enumerate(work):
        indices = np.arange(start, min(start + batch_size, len(photos)))
        if number >= done:
            rng = np.random.default_rng([seed, stream, copy, start])
            values = augment.draw(augmentation, rng, len(indices), *photos.shape[:2])
            inputs = {"rows": photos.rows(indices), **values}
            features[copy, indices] = infer(run, inputs)
            if number % 20 == 19 or number == len(work) - 1:
                features.flush()
                write_text(str(number + 1), counter)
        progress(len(indices))
    return FeatureSource(features)


class Augmented:
    """The front of a training model: inputs for rows and drawn values, and the augmented rows."""

    def __init__(self, augmentation: Augmentation, shape: tuple[int, ...]) -> None:
        """Makes symbolic inputs for an augmentation of rows of this shape."""
        # Pooled features have no places that a box could cut out: they are not mixed.
        drawn = augment.draw(augmentation, np.random.default_rng(0), 2, 8, 8) if len(shape) == 3 else {}
        values = {name: keras.Input(value.shape[1:], name=name) for name, value in drawn.items()}
        rows = keras.Input(shape, name="rows", dtype="uint8" if shape[-1] == 3 else "float16")
        self.inputs = {"rows": rows, **values}
        self.output = augment.apply(rows, values)


class Batches(keras.utils.PyDataset):
    """The batches of a training stage, for `keras.Model.fit`, which also needs the callback from `follow`.

    Batches are asked for by number, so that none is lost where Keras takes some in advance and throws them away, as it
    does with a generator on several devices.

    Attributes:
        epoch: Epoch whose batches it gives, from 0.
        part: Which rows of each batch it gives: all, or on one of several machines its own. They are drawn as if all
            were given.
    """

    def __init__(
        self,
        source: Source,
        labels: np.ndarray,
        augmentation: Augmentation,
        *,
        num_classes: int,
        batch_size: int,
        steps: int,
        strategy: str,
        class_weights: np.ndarray | None,
        seed: Sequence[int],
        passes: int = 1,
        shards: int = 1,
        members: np.ndarray | None = None,
        shares: np.ndarray | None = None,
    ) -> None:
        """Describes the batches.

        Args:
            source: Photos or features.
            labels: Label index of each of the N rows of the source.
            augmentation: What happens to them.
            num_classes: Number of classes C.
            batch_size: Rows per batch, N.
            steps: Batches per epoch; what an epoch's order leaves over is dropped.
            strategy: Imbalance strategy; decides the order.
            class_weights: What each class weighs in the loss, shape (C,), or None.
            seed: Numbers that decide everything random.
            passes: How often an epoch goes through the rows.
            shards: Number of devices each batch is dealt out to.
            members: Which classes each of the L labels may mean, float32 (L, C), see `label_members`; None where the
                labels are the classes.
            shares: How often a pass shows each row, shape (N,); None for once.
        """
        super().__init__()
        self.source, self.labels, self.augmentation = source, labels, augmentation
        self.batch_size, self.steps, self.strategy, self.passes = batch_size, steps, strategy, passes
        self.class_weights, self.seed, self.shards = class_weights, tuple(seed), shards
        self.part = machines.part(batch_size)
        self.members = np.eye(num_classes, dtype="float32") if members is None else members
        self.epoch = 0
        self.shares = np.ones(len(labels)) if shares is None else shares
        if class_weights is not None:  # a partial label weighs what its classes do on average
            self._weights = self.members @ class_weights / self.members.sum(axis=1)
        self._ordered: tuple[int, np.ndarray] = (-1, np.empty(0, int))  # an epoch and the order of its rows
        self._one_hot = np.eye(len(self.members), dtype="float32")

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple:
        """Returns inputs of an `Augmented` model, labels of shape (N, L), and, with class weights, weights (N,)."""
        rng = np.random.default_rng([*self.seed, _BATCH_STREAM, self.epoch, step])
        indices = self._order(self.epoch)[step * self.batch_size : (step + 1) * self.batch_size]
        shape, values = self.source.shape, {}
        if len(shape) == 3:
            values = augment.draw(self.augmentation, rng, len(indices), *shape[:2])
        labels = self._one_hot[self.labels[indices]]
        targets = augment.mix_labels(labels, values, self.shards).astype("float32")
        part = self.part
        inputs = {"rows": self.source.rows(indices, rng, part), **{name: value[part] for name, value in values.items()}}
        if self.class_weights is None:
            return inputs, targets[part]
        return inputs, targets[part], (targets @ self._weights).astype("float32")[part]

    def follow(self) -> keras.callbacks.Callback:
        """Returns a callback that makes every epoch of a training have its own batches."""
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(self, "epoch", epoch))

    def _order(self, epoch: int) -> np.ndarray:
        if self._ordered[0] != epoch:
            rng = np.random.default_rng([*self.seed, _ORDER_STREAM, epoch])
            parts = []
            for _ in range(self.passes):
                rows = rows_of_epoch(self.shares, rng)
                parts.append(rows[epoch_order(self.strategy, self.labels[rows], rng)])
            self._ordered = epoch, np.concatenate(parts)
        return self._ordered[1]


def rows_of_epoch(shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the rows that one pass shows, as many in every pass: each by its share, fractions by lot.

    Args:
        shares: How often each row is shown, shape (N,), above 0.
        rng: Source of randomness; not used where all shares are whole numbers.
    """
    rows = [np.repeat(np.arange(len(shares)), np.floor(shares).astype(int))]
    rest = shares - np.floor(shares)
    for fraction in np.unique(rest[rest > 0]):
        places = np.flatnonzero(rest == fraction)
        rows.append(rng.permutation(places)[: round(fraction * len(places))])
    return np.concatenate(rows)


def class_counts(labels: np.ndarray, members: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns how many photos of each class a pass shows, shape (C,); a partial label counts in parts."""
    counts = np.bincount(labels, weights=shares, minlength=len(members))
    return np.asarray(counts @ (members / members.sum(axis=1, keepdims=True)))


def infer(model: keras.Model, inputs: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
    """Returns a model's answers for one batch, on however many devices it is trained.

    Keras' own ways will not do there: `predict_on_batch` gives TensorFlow's devices the whole batch each and returns
    all their answers, and JAX refuses a batch that cannot be divided evenly. Several machines must call this together,
    with the same batch; each gets all answers.

    Args:
        model: The model.
        inputs: Array of shape (N, ...), or several by name.

    Returns:
        Array of shape (N, ...).
    """
    arrays = inputs if isinstance(inputs, dict) else {"": inputs}
    count = len(next(iter(arrays.values())))
    size = -(-count // devices.count()) * devices.count()
    filled = {name: np.concatenate([a, np.repeat(a[-1:], size - count, axis=0)]) for name, a in arrays.items()}
    machines.gather_predictions(model)
    part = machines.part(size)
    filled = {name: a[part] for name, a in filled.items()}
    rows = len(next(iter(filled.values())))
    return model.predict(filled if isinstance(inputs, dict) else filled[""], batch_size=rows, verbose=0)[:count]
