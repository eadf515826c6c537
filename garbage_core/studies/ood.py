"""Fitting a run's detector of strange photos, and measuring it and its rivals.

    python -m garbage_core novelty transfer --others not-waste.zip --compare models/studies/novelty.csv

Strange are the photos of a folder or an archive that the command is given, and pictures that `made_up` draws. Half of
them, by a hash of their names, were there to choose the method; figures are reported from the other half, against the
test photos. The table holds both halves, every method of `METHODS` and several levels, so that the choice can be looked
into.

The detector learns the training photos as they are and altered as another camera, light and hand would have shown them,
and how strange is too strange is decided on the val photos in the same way: the data set is of one camera on one table,
and its own photos alone would have every other phone's refused. What the same things look like on other grounds it
learns where the network has learned it too (a stage's `background_replacement`), from drawn grounds. Other networks
are seldom right there, and then it is better refused: the table says how often (`right`), on wood, tiles, cloth and
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
from garbage_core.studies.ood_methods import KEPT, LEARNED, METHODS, Seen
from garbage_core.synthetic.foreground import on_background
from garbage_core.synthetic.pictures import KINDS, altered, drawn
from garbage_core.synthetic.surfaces import placed
from garbage_core.training.backgrounds import draw_background
from garbage_core.utils.parallel import in_batches, map_photos

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Classifier

BATCH = 32  # pictures in memory at once
DRAWN = 100  # pictures of each kind
OTHERS = "photo"  # kind of the photos that the command is given
ALTERED = "altered waste"  # test photos that another camera might have taken: these should not be refused
ALTERED_VAL = (
    "altered val"  # the same of the val photos, which decide what is too strange; other numbers, other changes
)
ALTERED_TRAIN = LEARNED[1]
PLACED = "placed waste"  # test photos with the thing on another ground: here it depends on whether the network is right
BACKGROUND_TRAIN, BACKGROUND_VAL = LEARNED[2], "val on other grounds"  # of every second photo: that is enough
COMPARED = ("val", ALTERED_VAL, BACKGROUND_VAL)
FIRST_SEED = {ALTERED: 0, ALTERED_TRAIN: 10_000, ALTERED_VAL: 20_000}
LEVELS = tuple(sorted({0.01, 0.02, 0.05, 0.1, LEVEL}))  # that the table compares
HALVES = {"develop": "val", "report": "test"}  # half of the strange pictures -> photos they are compared with
COLUMNS = (
    *("run", "weights", "method", "layers", "level", "kept", "half", "kind", "pictures"),
    *("auroc", "let_through_at_95", "let_through", "right", "val_refused", "test_refused"),
)

_OWN = ("train", "val", "test", *FIRST_SEED, PLACED, BACKGROUND_TRAIN, BACKGROUND_VAL)


class Picture(NamedTuple):
    """A picture to look at.

    Attributes:
        kind: As in `novelty_methods.Seen.kinds`.
        name: Of the file, or the kind and number of a drawn one.
        prepare: Returns what the network sees, uint8 (h, w, 3); None if there is no such picture after all.
    """

    kind: str
    name: str
    prepare: Callable[[], np.ndarray | None]


def look_at_all(
    run: Run,
    dataset: Dataset,
    classifier: "Classifier",
    others: str | Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
    expect: Callable[[int], None] = lambda number: None,
) -> Seen:
    """Runs a network over its own photos, altered ones and strange ones.

    Args:
        run: The run.
        dataset: The data set it was trained on.
        classifier: Of that run, answered by Keras.
        others: A folder or zip archive with photos of anything but waste; None goes without.
        progress: Called after every batch with the number of pictures done.
        expect: Called once with the number of all pictures.

    Raises:
        GarbageError: If a photo of the run is missing or damaged, or the others cannot be read.
    """
    size = classifier.size
    pictures = list(_own_photos(run, dataset, ("train", "val", "test"), size))
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
    labels = dict(run.predictions[["file", "label"]].itertuples(index=False))
    weights, bias = (np.asarray(part, np.float32) for part in classifier.network.get_layer("predictions").get_weights())
    return Seen(
        kinds=np.array([picture.kind for picture in pictures]),
        names=np.array([picture.name for picture in pictures]),
        labels=np.array([run.classes.index(labels[p.name]) if p.kind in _OWN else -1 for p in pictures]),
        features=features,
        widths=classifier.feature_widths,
        logits=features[:, -len(weights) :] @ weights + bias,  # as the last layer computes them from what is pooled
        head=(weights, bias),
    )


def fit_seen(seen: Seen, run: Run) -> OODDetector:
    """Fits a run's detector on what its network saw; `novelty.save` keeps it."""
    train, val = (seen.features[np.isin(seen.kinds, wanted)] for wanted in (LEARNED, COMPARED))
    return fit(train, val, seen.widths, run.weights_sha256)


def half(name: str) -> str:
    """Says which half a strange picture belongs to: `develop` or `report`, by a hash of its name."""
    return tuple(HALVES)[hashlib.sha256(name.encode()).digest()[0] % 2]


def compare_methods(seen: Seen, run: Run, progress: Callable[[int], None] = lambda done: None) -> pd.DataFrame:
    """Measures every method of `METHODS` at each of `LEVELS`; returns a table with `COLUMNS`, see `measure`."""
    tables = []
    for method, layers, function in METHODS:
        scores = function(seen, layers)
        for level in LEVELS:
            kept = (method, layers) == KEPT and level == LEVEL
            table = measure(seen, scores, level)
            tables.append(table.assign(method=method, layers=layers or "logits", level=level, kept=kept))
        progress(1)
    table = pd.concat(tables).assign(run=run.name, weights=run.weights_sha256[:12])
    return table[list(COLUMNS)].reset_index(drop=True)


def measure(seen: Seen, scores: np.ndarray, level: float) -> pd.DataFrame:
    """Says how well scores tell strange pictures.

    Args:
        seen: The pictures.
        scores: The higher the stranger, (N,).
        level: Share of the val photos, as they are and altered, that may be refused.

    Returns:
        One row per half and kind: `half`; `kind`; `pictures`; `auroc`, the chance that a strange picture scores higher
        than one of the photos the half is compared with (see `HALVES`); `let_through_at_95`, the share of the strange
        that is let through where 95 % of those photos are; `let_through`, the same at the level's threshold, and what
        it refuses of the val and test photos as they are: `val_refused`, `test_refused`. And `right`, the share of
        waste that the network takes for what it is, let through or not; NaN where there is no waste.
    """
    from sklearn.metrics import roc_auc_score

    scores = np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=np.finfo(np.float64).max)
    val = np.sort(scores[np.isin(seen.kinds, COMPARED)])
    # As `OODDetector.ood_p_value`: refused is what fewer than this share of val photos exceed or equal.
    ood_p_value = (1 + len(val) - np.searchsorted(val, scores)) / (1 + len(val))
    refused = ood_p_value < level
    right = seen.logits.argmax(axis=1) == seen.labels
    halves = np.array([half(name) for name in seen.names])
    rows = []
    for part, split in HALVES.items():
        own = scores[seen.kinds == split]
        for kind in (OTHERS, *KINDS, ALTERED, PLACED):
            chosen = (seen.kinds == kind) & (halves == part)
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
                    "val_refused": float(refused[seen.kinds == "val"].mean()),
                    "test_refused": float(refused[seen.kinds == "test"].mean()),
                }
            )
    return pd.DataFrame(rows)


# Inside


def _own_photos(run: Run, dataset: Dataset, splits: Sequence[str], size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(file: str) -> np.ndarray:
        return load_photo(dataset.read_bytes(file), *size, file)

    for split, file in run.predictions[["split", "file"]].itertuples(index=False):
        if split in splits:
            yield Picture(split, file, partial(prepare, file))


def _altered_photos(run: Run, dataset: Dataset, kind: str, size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(file: str, seed: int) -> np.ndarray:
        return prepare_photo(altered(decode_image(dataset.read_bytes(file), file), seed), *size)

    split = {ALTERED: "test", ALTERED_TRAIN: "train", ALTERED_VAL: "val"}[kind]
    for seed, photo in enumerate(_own_photos(run, dataset, (split,), size), FIRST_SEED[kind]):
        yield Picture(kind, photo.name, partial(prepare, photo.name, seed))


def _photos_on_backgrounds(run: Run, dataset: Dataset, size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(file: str, seed: int) -> np.ndarray | None:
        photo = decode_image(dataset.read_bytes(file), file)
        picture = on_background(photo, draw_background, np.random.default_rng([78, seed]))
        return None if picture is None else prepare_photo(picture, *size)

    for kind, split in ((BACKGROUND_TRAIN, "train"), (BACKGROUND_VAL, "val")):
        for seed, photo in enumerate(_own_photos(run, dataset, (split,), size)):
            if seed % 2 == 0:
                yield Picture(kind, photo.name, partial(prepare, photo.name, seed))


def _placed_photos(run: Run, dataset: Dataset, size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(file: str, seed: int) -> np.ndarray | None:
        picture = placed(decode_image(dataset.read_bytes(file), file), seed)
        return None if picture is None else prepare_photo(picture, *size)

    for seed, photo in enumerate(_own_photos(run, dataset, ("test",), size)):
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
    """Returns the pictures that there are, and their features; prepared in threads and a batch at a time."""
    kept, parts = [], []
    prepared = map_photos(lambda picture: picture.prepare(), pictures, ahead=2 * BATCH)
    for batch in in_batches(zip(pictures, prepared, strict=True), BATCH):
        kept += [picture for picture, photo in batch if photo is not None]
        parts.append(classifier.features([photo for _, photo in batch if photo is not None]))
        progress(len(batch))
    return kept, np.concatenate(parts)
