"""What the slices of page Evaluation need: how large the object is, and predictions without the white board.

    models/studies/objects.csv     one row per photo: file, object (share of the photo, empty where no mask was found)
    models/studies/replaced.csv    one row per run and test photo whose background was replaced: run, weights, file,
                                   split, label, p_<class>...

    python -m garbage_core study slices

makes both from the photos and the networks of the runs.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from garbage_core.data.dataset import Dataset
from garbage_core.data.images import decode_image, prepare_photo
from garbage_core.inference.classifier import Classifier
from garbage_core.runs.predictions import probability_columns
from garbage_core.runs.run import Run
from garbage_core.synthetic.foreground import extract_foreground, placed
from garbage_core.utils.system import in_batches, map_photos

BATCH = 16  # pictures in memory at once


def measure_objects(dataset: Dataset, progress: Callable[[], object] = lambda: None) -> pd.DataFrame:
    """Measures which share of each photo its object covers.

    Args:
        dataset: Photos on a plain background.
        progress: Called after each photo.

    Returns:
        Columns `file` and `object` (0..1, NaN where `extract_foreground` finds no mask).

    Raises:
        GarbageError: A photo cannot be read.
    """

    def covered(file: str) -> float:
        mask = extract_foreground(decode_image(dataset.read_bytes(file), file))
        return np.nan if mask is None else round(float(mask.mean()), 3)

    files = dataset.photos["file"].tolist()
    return pd.DataFrame({"file": files, "object": list(map_photos(covered, files, lambda _: progress()))})


def predict_replaced(
    dataset: Dataset, runs: Sequence[Run], split: str = "test", progress: Callable[[int], object] = lambda done: None
) -> pd.DataFrame:
    """Predicts photos whose background was replaced by wood, tiles, cloth or stone, the same for all runs.

    Args:
        dataset: Photos on a plain background.
        runs: Runs with the same classes, whose networks are there.
        split: Which photos.
        progress: Called with the number of photos that are done.

    Returns:
        Columns `run`, `weights` (first 12 digits of the SHA-256), `file`, `split`, `label`, and an uncalibrated
        `p_<class>` for every class; photos without a foreground mask are left out.

    Raises:
        GarbageError: A photo or a network cannot be read.
    """
    known = runs[0].predictions
    photos = known[(known["split"] == split) & known["file"].isin(dataset.photos["file"])].reset_index(drop=True)
    classifiers = [Classifier.from_run(run) for run in runs]
    pictures = map_photos(partial(_replaced, dataset), list(enumerate(photos["file"])))
    rows = []
    for batch in in_batches(enumerate(pictures), BATCH):
        found = [(place, picture) for place, picture in batch if picture is not None]
        for run, classifier in zip(runs, classifiers, strict=True):
            if not found:
                continue
            prepared = [prepare_photo(picture, *classifier.size) for _, picture in found]
            probabilities = classifier.probabilities(prepared, calibrated=False)
            for (place, _), row in zip(found, probabilities, strict=True):
                photo = photos.loc[[place], ["file", "split", "label"]].to_numpy()[0]
                rows.append([run.name, str(run.weights_sha256)[:12], *photo, *row.round(6)])
        progress(batch[-1][0] + 1)
    columns = ["run", "weights", "file", "split", "label", *probability_columns(runs[0].classes)]
    return pd.DataFrame(rows, columns=columns)


def _replaced(dataset: Dataset, numbered: tuple[int, str]) -> np.ndarray | None:
    """Returns a photo on a surface that follows from its number, in its own size; None without a mask."""
    seed, file = numbered
    return placed(decode_image(dataset.read_bytes(file), file), seed)
