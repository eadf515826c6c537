"""A run's predictions for whole sets of photos, as `predictions.csv` keeps them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from garbage_core.data.dataset import Dataset, HasPhotos
from garbage_core.data.images import load_photo
from garbage_core.data.layouts import same_name
from garbage_core.data.photo_sets import MAIN_SET, ExtraSet
from garbage_core.data.splits import SPLITS, default_protocol, split_dataset
from garbage_core.errors import GarbageError
from garbage_core.inference.engine import network_probabilities
from garbage_core.runs.predictions import PREDICTIONS_FILE, probability_columns, read_predictions, write_predictions
from garbage_core.runs.run import Run, load_run
from garbage_core.utils.system import map_photos
from garbage_core.utils.text import count, printable

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
        GarbageError: If the run's network is missing or is not the recorded one, or if its table has a set of this
            name that is of other photos.
    """
    from garbage_core.networks.weights import load_network

    path = run.path / PREDICTIONS_FILE
    earlier = read_predictions(path, run.classes)
    _check_is_its_set(run, extra, earlier)
    network = load_network(run.model_path, run.weights_sha256)
    rows = extra.photos[extra.photos["split"] != "train"].assign(set=extra.name)
    found = predict_photos(network, rows, extra.dataset, run.classes, *run.photo_size, progress=progress)
    found["file"] = extra.name + ":" + found["file"]
    write_predictions(pd.concat([earlier[earlier["set"] != extra.name], found], ignore_index=True), path)
    return load_run(run.name, run.path.parent)


def _check_is_its_set(run: Run, extra: ExtraSet, earlier: pd.DataFrame) -> None:
    """Raises GarbageError if the run has predictions of other photos under the name of a set."""
    files = extra.name + ":" + extra.photos["file"]
    known = earlier.loc[earlier["set"] == extra.name, "file"]
    if extra.name == MAIN_SET or (len(known) and not known.isin(files).any()):
        raise GarbageError(
            f"The run {run.name!r} has predictions of other photos under the name {extra.name!r}: rename the folder or "
            "archive."
        )


def own_photos(run: Run, dataset: Dataset, split: str | None) -> tuple[pd.DataFrame, str, str]:
    """Chooses which of the user's own photos a run is scored on.

    Args:
        run: The run.
        dataset: The photos. Names of folders that differ from a class in case or Unicode form only stand for it.
        split: Split to take; None takes `test` if the photos came split, else all of them.

    Returns:
        Columns file, label, split and set of the photos, those of other classes included; the name of the split, or
        "all"; and who has split them.

    Raises:
        GarbageError: The run was trained on these very photos, none is of its classes, or there is no such split.
    """
    trained = [("--set trashnet", run.info.get("data_fingerprint"))]
    trained += [(f"--set {extra['name']}", extra.get("fingerprint")) for extra in run.info.get("extra_sets") or []]
    for option, fingerprint in trained:
        if fingerprint == dataset.fingerprint:
            raise GarbageError(
                f"The run {run.name!r} was trained on these very photos: show its predictions for those that it was "
                f"not trained on with {option} in place of --data-dir."
            )
    if split is None and (dataset.official or "test" in dataset.splits.values()):
        split = "test"
    photos, protocol = dataset.photos, default_protocol(dataset)
    if split in dataset.splits.values():
        photos = photos.assign(split=photos["file"].map(dataset.splits))
    elif split:
        photos = split_dataset(dataset, protocol)
    if split:
        photos = photos[photos["split"] == split]
    labels = _named_like_its_classes(run, photos["label"])
    if not set(labels) & set(run.classes):
        raise GarbageError(
            f"None of the folders of {dataset.source} ({', '.join(map(printable, sorted(set(labels))[:10]))}) is a "
            f"class of {run.name!r}: name them like its classes, {', '.join(run.classes)}."
        )
    # `predict_photos` sorts by split and set, of which there is one here.
    table = photos[["file"]].assign(label=labels, split=split or "test", set=dataset.source.name)
    return table, split or "all", protocol if split else "no"


def _named_like_its_classes(run: Run, labels: pd.Series) -> list[str]:
    names = {same_name(label): label for label in run.classes}
    return [label if label in run.classes else names.get(same_name(label), label) for label in labels]


def on_other_photos(run: Run, dataset: Dataset) -> "ScoredRun":
    """Returns a run with other photos in place of its own, in their splits, and without predictions.

    Args:
        run: The run.
        dataset: The photos; folders that are none of the run's classes are left out.

    Raises:
        GarbageError: A split has no photo of the run's classes.
    """
    protocol = default_protocol(dataset)
    photos = split_dataset(dataset, protocol)
    photos = photos.assign(label=_named_like_its_classes(run, photos["label"]))
    photos = photos[photos["label"].isin(run.classes)].reset_index(drop=True)
    if missing := [split for split in SPLITS if split not in set(photos["split"])]:
        raise GarbageError(
            f"{dataset.source} has no {missing[0]} photos of the classes of {run.name!r} ({', '.join(run.classes)}): "
            "name its folders like these, with at least 4 photos each."
        )
    return scored_run(run, dataset, photos, protocol)


def not_its_classes(run: Run, photos: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns `file` and `reason` of each class of some photos that a run does not know, which are left out."""
    others = photos.loc[~photos["label"].isin(run.classes), "label"].value_counts().sort_index()
    return [
        {"file": f"{label}/", "reason": f"is no class of {run.name}: {count(int(number), 'photo')} left out"}
        for label, number in others.items()
    ]


@dataclass(frozen=True, eq=False)
class ScoredRun(Run):
    """A run with predictions for photos that it was not trained on, in place of those for its own.

    Attributes:
        found: Its predictions, as `Run.predictions`.
    """

    found: pd.DataFrame = field(repr=False)

    @cached_property
    def _all_predictions(self) -> pd.DataFrame:
        return self.found.assign(set=MAIN_SET)


def scored_run(run: Run, dataset: Dataset, found: pd.DataFrame, protocol: str) -> ScoredRun:
    """Returns a run whose results are those on other photos.

    Args:
        run: The run, whose network made the predictions.
        dataset: The photos.
        found: Columns file, split, label and an uncalibrated p_<class> for each class.
        protocol: Who has split them, as from `own_photos`.
    """
    counts = pd.crosstab(found["split"], found["label"])
    splits = {str(split): {str(k): int(n) for k, n in row.items()} for split, row in counts.to_dict("index").items()}
    changed = {"data_fingerprint": dataset.fingerprint, "protocol": protocol, "splits": splits, "extra_sets": []}
    return ScoredRun(run.path, run.info | changed, found)
