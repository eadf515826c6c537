"""A run's predictions for whole sets of photos, as `predictions.csv` keeps them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from garbage_core.data.dataset import HasPhotos
from garbage_core.data.images import load_photo
from garbage_core.data.photo_sets import ExtraSet
from garbage_core.data.splits import SPLITS
from garbage_core.inference.engine import network_probabilities
from garbage_core.runs.predictions import PREDICTIONS_FILE, probability_columns, read_predictions, write_predictions
from garbage_core.runs.run import Run, load_run
from garbage_core.utils.system import map_photos

if TYPE_CHECKING:
    import keras


def predict_photos(
    network: "keras.Model",
    photos: pd.DataFrame,
    source: HasPhotos,
    classes: tuple[str, ...],
    height: int,
    width: int,
    progress: Callable[[int], object] = lambda done: None,
) -> pd.DataFrame:
    """Returns the rows of `predictions.csv` for some photos.

    Args:
        network: The network.
        photos: Columns file, split, label and set; photos whose label is none of the classes are left out.
        source: What the photos are read from.
        classes: Names of the network's classes, in order.
        height: Height in pixels that a photo of the usual shape gets, see `prepare_photo`.
        width: Its width.
        progress: Called with the number of photos done in each batch.

    Returns:
        Columns file, split, label, set, and one of probabilities per class, sorted by set, split and file.
    """
    photos = photos.loc[photos["label"].isin(classes), ["file", "split", "label", "set"]]
    order = {"split": SPLITS.index, "set": list(dict.fromkeys(photos["set"])).index}
    photos = photos.sort_values(["set", "split", "file"], key=lambda c: c.map(order[c.name]) if c.name in order else c)
    prepared = map_photos(lambda file: load_photo(source.read_bytes(file), height, width, file), photos["file"])
    probabilities = network_probabilities(network, prepared, progress=progress)
    columns = probability_columns(classes)
    return photos.reset_index(drop=True).join(pd.DataFrame(probabilities, columns=columns).round(6))


def score_extra_set(run: Run, extra: ExtraSet, progress: Callable[[int], object] = lambda done: None) -> Run:
    """Adds a run's predictions for the val and test photos of a set that it was not trained on to its file.

    Args:
        run: The run; its `predictions.csv` is replaced.
        extra: The set, with its own split.
        progress: Called with the number of photos done in each batch.

    Returns:
        The run, read anew.

    Raises:
        GarbageError: If the run's network is missing or is not the recorded one.
    """
    from garbage_core.networks.weights import load_network

    network = load_network(run.model_path, run.weights_sha256)
    rows = extra.photos[extra.photos["split"] != "train"].assign(set=extra.name)
    found = predict_photos(network, rows, extra.dataset, run.classes, *run.photo_size, progress=progress)
    found["file"] = extra.name + ":" + found["file"]
    path = run.path / PREDICTIONS_FILE
    earlier = read_predictions(path, run.classes)
    write_predictions(pd.concat([earlier[earlier["set"] != extra.name], found], ignore_index=True), path)
    return load_run(run.name, run.path.parent)
