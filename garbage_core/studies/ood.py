"""Fits a run's OOD detector, and measures it and other methods of out-of-distribution detection.

    python -m garbage_core ood transfer --others not-waste.zip --compare models/studies/novelty.csv

Out of distribution are the photos of a folder or an archive that the command is given, and pictures that
`synthetic.pictures` draws. Half of them, by a hash of their names, served to choose the method; figures are reported
from the other half, against the test photos. The table holds both halves, every method of `METHODS` and several levels,
so that the choice can be checked.

The detector is fitted to the training photos as they are and altered as another camera, light and hand would have shown
them, and its threshold is set on the val photos in the same way: the data set is of one camera on one table, and its
own photos alone would have every other phone's refused. Other backgrounds are among them where the network was trained
with background replacement (`background_replacement` of a stage), from drawn backgrounds. Other networks are seldom
right there, and then it is better to refuse the photo: the table says how often (`right`), on wood, tiles, cloth and
stone.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from garbage_core.data.dataset import Dataset
from garbage_core.data.file_types import PHOTO_EXTENSIONS
from garbage_core.data.images import MAX_BYTES, decode_image, load_photo, prepare_photo
from garbage_core.data.sources import read_file
from garbage_core.errors import GarbageError
from garbage_core.inference.ood_detector import LEVEL, OODDetector, fit
from garbage_core.runs.run import Run
from garbage_core.studies.ood_methods import CHOSEN, FITTED, METHODS, PictureFeatures
from garbage_core.synthetic.foreground import on_background, placed
from garbage_core.synthetic.pictures import KINDS, altered, drawn
from garbage_core.training.backgrounds import draw_background
from garbage_core.utils.system import in_batches, map_photos

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Classifier

BATCH = 32  # pictures in memory at once
DRAWN = 100  # pictures of each kind
OTHERS = "photo"  # kind of the photos of the folder or archive
ALTERED = "altered waste"  # test photos that another camera might have taken: these should not be refused
ALTERED_VAL = "altered val"  # the same of the val photos, which set the threshold; other seeds, other changes
ALTERED_TRAIN = FITTED[1]
PLACED = "placed waste"  # test photos on another background: whether to refuse them depends on the prediction
BACKGROUND_TRAIN, BACKGROUND_VAL = FITTED[2], "val on other backgrounds"  # of every second photo: that is enough
COMPARED = ("val", ALTERED_VAL, BACKGROUND_VAL)
FIRST_SEED = {ALTERED: 0, ALTERED_TRAIN: 10_000, ALTERED_VAL: 20_000}
LEVELS = tuple(sorted({0.01, 0.02, 0.05, 0.1, LEVEL}))  # that the table compares
HALVES = {"develop": "val", "report": "test"}  # half of the OOD pictures -> photos they are compared with
COLUMNS = (
    "run",
    "weights",
    "method",
    "layers",
    "level",
    "kept",
    "half",
    "kind",
    "pictures",
    "auroc",
    "let_through_at_95",
    "let_through",
    "right",
    "val_refused",
    "test_refused",
)

_OWN = ("train", "val", "test", *FIRST_SEED, PLACED, BACKGROUND_TRAIN, BACKGROUND_VAL)


class Picture(NamedTuple):
    """A picture that is given to the network.

    Attributes:
        kind: Kind as in `ood_methods.PictureFeatures.kinds`.
        name: Name of the file, or the kind and seed of a drawn one.
        prepare: Function that returns the network's input, uint8 (h, w, 3); None if no foreground was found.
    """

    kind: str
    name: str
    prepare: Callable[[], np.ndarray | None]


def compute_features(
    run: Run,
    dataset: Dataset,
    classifier: "Classifier",
    others: str | Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
    expect: Callable[[int], None] = lambda number: None,
) -> PictureFeatures:
    """Computes a network's features of its own photos, altered ones and OOD pictures.

    Args:
        run: Run whose network it is.
        dataset: Data set it was trained on.
        classifier: Classifier of that run, in Keras.
        others: Folder or zip archive with photos of anything but waste, or None.
        progress: Function called after every batch with the number of pictures done.
        expect: Function called once with the number of all pictures.

    Raises:
        GarbageError: A photo of the run is missing or damaged, or the others cannot be read.
    """
    size = classifier.size
    pictures = list(_photos_of(run, dataset, ("train", "val", "test"), size))
    pictures += [picture for kind in FIRST_SEED for picture in _altered_photos(run, dataset, kind, size)]
    if any(stage.background_replacement for stage in run.config.stages):
        pictures += _photos_on_backgrounds(run, dataset, size)
    pictures += [
        *_placed_photos(run, dataset, size),
        *_drawn_pictures(size),
        *(_other_photos(Path(others), size) if others else ()),
    ]
    expect(len(pictures))
    pictures, features = _features(classifier, pictures, progress)
    labels: dict[str, str] = dict(run.predictions[["file", "label"]].itertuples(index=False))
    weights, bias = (np.asarray(part, np.float32) for part in classifier.network.get_layer("predictions").get_weights())
    return PictureFeatures(
        kinds=np.array([picture.kind for picture in pictures]),
        names=np.array([picture.name for picture in pictures]),
        labels=np.array([run.classes.index(labels[p.name]) if p.kind in _OWN else -1 for p in pictures]),
        features=features,
        widths=classifier.feature_widths,
        logits=features[:, -len(weights) :] @ weights + bias,  # as the last layer computes them from what is pooled
        head=(weights, bias),
    )


def fit_detector(pictures: PictureFeatures, run: Run) -> OODDetector:
    """Fits a run's detector to the features of its pictures; `ood_detector.save` writes it."""
    train, val = (pictures.features[np.isin(pictures.kinds, wanted)] for wanted in (FITTED, COMPARED))
    return fit(train, val, pictures.widths, run.weights_sha256 or "")


def half(name: str) -> str:
    """Returns which half an OOD picture belongs to: `develop` or `report`, by a hash of its name."""
    return tuple(HALVES)[hashlib.sha256(name.encode()).digest()[0] % 2]


def compare_methods(
    pictures: PictureFeatures, run: Run, progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """Measures every method of `METHODS` at each of `LEVELS`; returns a table with `COLUMNS`, see `measure`."""
    tables = []
    for method, layers, function in METHODS:
        scores = function(pictures, layers)
        for level in LEVELS:
            chosen = (method, layers) == CHOSEN and level == LEVEL
            table = measure(pictures, scores, level)
            tables.append(table.assign(method=method, layers=layers or "logits", level=level, kept=chosen))
        progress(1)
    table = pd.concat(tables).assign(run=run.name, weights=str(run.weights_sha256)[:12])
    return table[list(COLUMNS)].reset_index(drop=True)


def measure(pictures: PictureFeatures, scores: np.ndarray, level: float) -> pd.DataFrame:
    """Measures how well scores separate OOD pictures from the data set's photos.

    Args:
        pictures: Features of N pictures.
        scores: OOD scores, the higher the farther from the training photos, (N,).
        level: Share of the val photos, as they are and altered, that may be refused.

    Returns:
        One row per half and kind: `half`; `kind`; `pictures`; `auroc`, the chance that an OOD picture scores higher
        than one of the photos the half is compared with (see `HALVES`); `let_through_at_95`, the share of the OOD
        pictures accepted where 95 % of those photos are; `let_through`, the same at the level's threshold, and what
        it refuses of the val and test photos as they are: `val_refused`, `test_refused`. And `right`, the share of
        waste that is predicted correctly, accepted or not; NaN where there is no waste.
    """
    from sklearn.metrics import roc_auc_score

    scores = np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=np.finfo(np.float64).max)
    val = np.sort(scores[np.isin(pictures.kinds, COMPARED)])
    # As `OODDetector.ood_p_value`: a picture is refused if fewer than this share of val photos have its score or more.
    ood_p_value = (1 + len(val) - np.searchsorted(val, scores)) / (1 + len(val))
    refused = ood_p_value < level
    right = pictures.logits.argmax(axis=1) == pictures.labels
    halves = np.array([half(name) for name in pictures.names])
    rows = []
    for part, split in HALVES.items():
        own = scores[pictures.kinds == split]
        for kind in (OTHERS, *KINDS, ALTERED, PLACED):
            chosen = (pictures.kinds == kind) & (halves == part)
            if not chosen.any():
                continue
            truth = np.repeat([0, 1], [len(own), chosen.sum()])
            rows.append(
                {
                    "half": part,
                    "kind": kind,
                    "pictures": int(chosen.sum()),
                    "auroc": roc_auc_score(truth, np.concatenate([own, scores[chosen]])),
                    "let_through_at_95": float((scores[chosen] <= np.quantile(own, 0.95)).mean()),
                    "let_through": float(1 - refused[chosen].mean()),
                    "right": float(right[chosen].mean()) if kind in _OWN else float("nan"),
                    "val_refused": float(refused[pictures.kinds == "val"].mean()),
                    "test_refused": float(refused[pictures.kinds == "test"].mean()),
                }
            )
    return pd.DataFrame(rows)


# The pictures


def _photos_of(run: Run, dataset: Dataset, splits: Sequence[str], size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(file: str) -> np.ndarray:
        return load_photo(dataset.read_bytes(file), *size, file)

    for split, file in run.predictions[["split", "file"]].itertuples(index=False):
        if split in splits:
            yield Picture(split, file, partial(prepare, file))


def _altered_photos(run: Run, dataset: Dataset, kind: str, size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(file: str, seed: int) -> np.ndarray:
        return prepare_photo(altered(decode_image(dataset.read_bytes(file), file), seed), *size)

    split = {ALTERED: "test", ALTERED_TRAIN: "train", ALTERED_VAL: "val"}[kind]
    for seed, photo in enumerate(_photos_of(run, dataset, (split,), size), FIRST_SEED[kind]):
        yield Picture(kind, photo.name, partial(prepare, photo.name, seed))


def _photos_on_backgrounds(run: Run, dataset: Dataset, size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(file: str, seed: int) -> np.ndarray | None:
        photo = decode_image(dataset.read_bytes(file), file)
        picture = on_background(photo, draw_background, np.random.default_rng([78, seed]))
        return None if picture is None else prepare_photo(picture, *size)

    for kind, split in ((BACKGROUND_TRAIN, "train"), (BACKGROUND_VAL, "val")):
        for seed, photo in enumerate(_photos_of(run, dataset, (split,), size)):
            if seed % 2 == 0:
                yield Picture(kind, photo.name, partial(prepare, photo.name, seed))


def _placed_photos(run: Run, dataset: Dataset, size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(file: str, seed: int) -> np.ndarray | None:
        picture = placed(decode_image(dataset.read_bytes(file), file), seed)
        return None if picture is None else prepare_photo(picture, *size)

    for seed, photo in enumerate(_photos_of(run, dataset, ("test",), size)):
        yield Picture(PLACED, photo.name, partial(prepare, photo.name, seed))


def _drawn_pictures(size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(kind: str, seed: int) -> np.ndarray:
        return prepare_photo(drawn(kind, seed), *size)

    for kind in KINDS:
        for seed in range(DRAWN):
            yield Picture(kind, f"{kind}{seed}", partial(prepare, kind, seed))


def _other_photos(place: Path, size: tuple[int, int]) -> Iterator[Picture]:
    """Yields the photos at any depth of a folder or zip archive. Raises GarbageError if there are none."""
    archived = not place.is_dir()
    if archived and not zipfile.is_zipfile(place):
        raise GarbageError(f"There is no folder or zip archive {str(place)!r}: name one with photos of other things.")
    if archived:
        with zipfile.ZipFile(place) as archive:
            names = archive.namelist()
    else:
        names = [path.relative_to(place).as_posix() for path in place.rglob("*")]
    photos = sorted(name for name in names if name.rpartition(".")[2].lower() in PHOTO_EXTENSIONS)
    if not photos:
        raise GarbageError(f"There is no photo in {str(place)!r}: name a folder or zip archive with photos.")

    def prepare(name: str) -> np.ndarray:
        return load_photo(_read_member(place, name) if archived else read_file(place / name), *size, name)

    for name in photos:
        yield Picture(OTHERS, name, partial(prepare, name))


def _read_member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as opened, opened.open(name) as member:
        return member.read(MAX_BYTES + 1)


def _features(
    classifier: "Classifier", pictures: Sequence[Picture], progress: Callable[[int], None]
) -> tuple[list[Picture], np.ndarray]:
    """Returns the pictures that could be prepared, and their features; in threads and a batch at a time."""
    prepared_pictures, parts = [], []
    prepared = map_photos(lambda picture: picture.prepare(), pictures, ahead=2 * BATCH)
    for batch in in_batches(zip(pictures, prepared, strict=True), BATCH):
        prepared_pictures += [picture for picture, photo in batch if photo is not None]
        parts.append(classifier.features([photo for _, photo in batch if photo is not None]))
        progress(len(batch))
    return prepared_pictures, np.concatenate(parts)
