"""Checks that an exported network predicts as the network that it was made from does.

Both classify the same photos: those of val, which the export's ranges were not measured on, and generated pictures of
several shapes, which show that the exported graph takes any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from garbage_core.data.images import load_photo
from garbage_core.data.photo_sets import MAIN_SET, ExtraSet
from garbage_core.errors import GarbageError
from garbage_core.inference.engine import Runner, network_probabilities
from garbage_core.runs.run import Run
from garbage_core.utils.system import map_photos

if TYPE_CHECKING:
    import keras

    from garbage_core.data.dataset import Dataset

MAX_DIFFERENCE = 1e-3  # of any probability, for float32
MAX_POINTS_LOST = 0.5  # of the accuracy on val, in percentage points, for int8
GENERATED = 6  # pictures of other shapes that every export classifies, too


@dataclass(frozen=True)
class Check:
    """How an exported network's predictions compare with the network's.

    Attributes:
        photos: Number of photos that both classified.
        source: `"val"`, `"val of <set>"` for an extra set, or `"generated"` pictures.
        max_probability_difference: Largest difference of any class's probability on any photo.
        agreement: Share of photos with the same predicted class.
        accuracy: Accuracy of the network; None for generated pictures, which have no true class.
        accuracy_exported: Accuracy of the exported one.
        points_lost: Difference of the two in percentage points; negative if the exported one is better.
    """

    photos: int
    source: str
    max_probability_difference: float
    agreement: float
    accuracy: float | None = None
    accuracy_exported: float | None = None
    points_lost: float | None = None


def check_export(
    network: "keras.Model",
    exported: Runner,
    run: Run,
    dataset: "Dataset | None",
    size: tuple[int, int],
    extras: Sequence[ExtraSet] = (),
) -> dict[str, Check]:
    """Compares an exported network's predictions with the network's.

    It does so on `"generated"` pictures of several shapes around `size`, height and width; on the run's `"val"` photos,
    if there is a data set with them on this machine; and on `"val of <set>"` of each extra set in `extras`.
    """
    checks = {"generated": compare(network, exported, generated_pictures(size), None, "generated")}
    if dataset is not None:
        photos, labels = split_photos(run, dataset, "val", size)
        checks["val"] = compare(network, exported, photos, labels, "val")
    for extra in extras:
        photos, labels = split_photos(run, extra.dataset, "val", size, name=extra.name)
        checks[f"val of {extra.name}"] = compare(network, exported, photos, labels, f"val of {extra.name}")
    return checks


def compare(
    network: "keras.Model", exported: Runner, photos: Sequence[np.ndarray], labels: np.ndarray | None, source: str
) -> Check:
    """Compares the uncalibrated probabilities of two networks on prepared photos; `labels` are class numbers (N,)."""
    ours = network_probabilities(network, photos, batch_size=8)
    theirs = exported.predict(photos, batch_size=8)[0]
    if not np.isfinite(theirs).all():
        raise GarbageError("The exported network gives probabilities that are not numbers: try another format.")
    difference = float(np.abs(ours - theirs).max())
    agreement = float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())
    if labels is None:
        return Check(len(photos), source, difference, agreement)
    accuracy, exported_accuracy = (float((p.argmax(axis=1) == labels).mean()) for p in (ours, theirs))
    lost = 100 * (accuracy - exported_accuracy)
    return Check(len(photos), source, difference, agreement, accuracy, exported_accuracy, lost)


def refuse_if_different(checks: dict[str, Check], precision: str) -> None:
    """Raises GarbageError if an exported network is not as good as the one that it was made from."""
    if precision == "float32":
        worst = max(check.max_probability_difference for check in checks.values())
        if worst > MAX_DIFFERENCE:
            raise GarbageError(
                f"The exported network is off by up to {worst:.2g} in a probability, more than {MAX_DIFFERENCE:g}; "
                "it was not written: try another format."
            )
        return
    worst_check = max(checks.values(), key=lambda check: check.points_lost or 0.0)
    if (lost := worst_check.points_lost or 0.0) > MAX_POINTS_LOST:
        _, of, name = worst_check.source.partition(" of ")
        raise GarbageError(
            f"The int8 network loses {lost:.2f} points of accuracy on {worst_check.photos} val photos{of}{name}, more "
            f"than {MAX_POINTS_LOST}; it was not written: try another format, or export without --int8."
        )


def generated_pictures(size: tuple[int, int], count: int = GENERATED) -> list[np.ndarray]:
    """Returns pictures of colored blocks, uint8 (h, w, 3): across, upright and square in turn, always the same."""
    height, width = size
    side = 16 * max(1, round((height * width) ** 0.5 / 16))
    shapes = [(height, width), (width, height), (side, side)]
    pictures = []
    for number in range(count):
        h, w = shapes[number % 3]
        blocks = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        pictures.append(np.asarray(Image.fromarray(blocks).resize((w, h), Image.Resampling.BILINEAR)))
    return pictures


def split_photos(
    run: Run,
    dataset: "Dataset",
    split: str,
    size: tuple[int, int],
    count: int | None = None,
    name: str = MAIN_SET,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Returns prepared photos of a split of a set, all or `count` drawn at random, and their class numbers."""
    rows = run.predictions_of(name)
    rows = rows[rows["split"] == split]
    if rows.empty:
        raise GarbageError(f"The run {run.name!r} has no {split} photos to export with: train it again.")
    if count is not None and len(rows) > count:
        rows = rows.sample(count, random_state=0)
    photos = map_photos(lambda file: load_photo(dataset.read_bytes(file), *size, file), rows["file"])
    return list(photos), rows["label"].map(run.classes.index).to_numpy()
