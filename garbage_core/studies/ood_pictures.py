"""The pictures that an OOD detector is fitted to and measured on, and a network's features of them.

In distribution is waste: the data set's photos and those of extra sets, as they are, altered as another camera, light
and hand would have shown them, and on drawn backgrounds. Out of distribution are an extra set's things of other kinds
(labels `other-*`), the photos of a folder or an archive, drawn pictures, and empty scenes: a ground with nothing on it.

Photos keep the split of their set. Of the photos of other things and the drawn pictures one half, by a hash of their
names, is for testing; of the other half of the photos a third is for val. A weak set is for training alone, and of its
hints those that may name any of the classes or none (`AMBIGUOUS`) are left out.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from garbage_core.data.dataset import Dataset
from garbage_core.data.file_types import PHOTO_EXTENSIONS
from garbage_core.data.images import MAX_BYTES, decode_image, load_photo, prepare_photo
from garbage_core.data.photo_sets import MAIN_SET, OTHER, ExtraSet
from garbage_core.data.sources import read_file
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.studies.ood_methods import (
    ALTERED,
    OTHER_PHOTO,
    PLACED,
    THINGS,
    THINGS_ON_BACKGROUND,
    WASTE,
    WASTE_ON_BACKGROUND,
    PictureFeatures,
)
from garbage_core.synthetic.foreground import draw_plate, draw_surface, extract_foreground, placed, put_on
from garbage_core.synthetic.pictures import KINDS, altered, drawn
from garbage_core.training.backgrounds import draw_background
from garbage_core.utils.system import in_batches, map_photos

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Classifier

BATCH = 32  # pictures in memory at once
NUMBER_DRAWN = 100  # pictures of each kind
AMBIGUOUS = ("package", "foam", "end of vihicle")  # hints of a weak set, as they are spelled there
EVERY_SECOND, EVERY_THIRD = 2, 3  # photo of the data set, of an extra set, is put on a ground: these take longest
FIRST_SEED = {"test": 0, "train": 10_000, "val": 20_000}  # of altered photos
EMPTY: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "surface": draw_surface,
    "pattern": draw_background,
    "dark plate": draw_plate,
}
DRAWN = (*KINDS, *EMPTY)
_MASKED = 150  # shorter side in pixels from which a mask is looked for at half the size, in a quarter of the time


class Picture(NamedTuple):
    """A picture that is given to the network.

    Attributes:
        set: Name of the set it is from; "others" for photos of a folder or an archive, "drawn" for drawn pictures.
        kind: Kind as in `ood_methods.PictureFeatures.kinds`.
        split: `train`, `val` or `test`.
        name: Name of the file, or the kind and seed of a drawn one.
        label: Label as its set has it; empty if there is none.
        prepare: Function that returns the network's input, uint8 (h, w, 3); None if no foreground was found.
    """

    set: str
    kind: str
    split: str
    name: str
    label: str
    prepare: Callable[[], np.ndarray | None]


def compute_features(
    run: Run,
    dataset: Dataset,
    classifier: "Classifier",
    extras: Sequence[ExtraSet] = (),
    others: str | Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
    expect: Callable[[int], None] = lambda number: None,
) -> PictureFeatures:
    """Computes a network's features of waste, altered waste and OOD pictures.

    Args:
        run: Run whose network it is.
        dataset: Data set it was trained on.
        classifier: Classifier of that run, in any runtime.
        extras: Extra sets of photos, whether or not the run was trained on them.
        others: Folder or zip archive with photos of anything but waste, or None.
        progress: Function called after every batch with the number of pictures done.
        expect: Function called once with the number of all pictures.

    Raises:
        GarbageError: A photo is missing or damaged, or the others cannot be read.
    """
    pictures = list(list_pictures(run, dataset, classifier.size, extras, others))
    expect(len(pictures))
    kept, logits, features = [], [], []
    prepared = map_photos(lambda picture: picture.prepare(), pictures, ahead=2 * BATCH)
    for batch in in_batches(zip(pictures, prepared, strict=True), BATCH):
        kept += [picture for picture, photo in batch if photo is not None]
        found = classifier.outputs([photo for _, photo in batch if photo is not None])
        logits.append(found.logits)
        features.append(found.features)
        progress(len(batch))
    return PictureFeatures(
        sets=np.array([picture.set for picture in kept]),
        kinds=np.array([picture.kind for picture in kept]),
        splits=np.array([picture.split for picture in kept]),
        names=np.array([picture.name for picture in kept]),
        labels=np.array([run.classes.index(p.label) if p.label in run.classes else -1 for p in kept]),
        features=np.concatenate(features),
        widths=classifier.feature_widths,
        logits=np.concatenate(logits),
    )


def list_pictures(
    run: Run,
    dataset: Dataset,
    size: tuple[int, int],
    extras: Sequence[ExtraSet] = (),
    others: str | Path | None = None,
) -> Iterator[Picture]:
    """Yields all pictures; arguments as `compute_features`, but `size`: height and width of prepared photos."""
    own = run.predictions
    for file, split, label in own[["file", "split", "label"]].itertuples(index=False):
        yield Picture(MAIN_SET, WASTE, split, file, label, partial(_photo, dataset, file, size))
    for split, first in FIRST_SEED.items():
        rows = own[own["split"] == split]
        for seed, (file, label) in enumerate(rows[["file", "label"]].itertuples(index=False), first):
            if split == "train" and seed % 2:  # that is enough
                continue
            yield Picture(MAIN_SET, ALTERED, split, file, label, partial(_altered, dataset, file, size, seed))
    for seed, (file, split, label) in enumerate(own[["file", "split", "label"]].itertuples(index=False)):
        if split != "test" and seed % EVERY_SECOND == 0:
            prepare = partial(_on_background, dataset, file, size, seed)
            yield Picture(MAIN_SET, WASTE_ON_BACKGROUND, split, file, label, prepare)
    for seed, (file, label) in enumerate(own.loc[own["split"] == "test", ["file", "label"]].itertuples(index=False)):
        yield Picture(MAIN_SET, PLACED, "test", file, label, partial(_placed, dataset, file, size, seed))
    for extra in extras:
        yield from _extra_pictures(extra, size)
    yield from _drawn_pictures(size)
    if others:
        yield from _other_photos(Path(others), size)


def half(name: str) -> str:
    """Returns which half an OOD picture belongs to: `develop` or `report`, by a hash of its name."""
    return ("develop", "report")[_digest(name)[0] % 2]


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _extra_pictures(extra: ExtraSet, size: tuple[int, int]) -> Iterator[Picture]:
    ambiguous = [OTHER + hint for hint in AMBIGUOUS] if extra.weak else []
    photos = extra.photos[~extra.photos["label"].isin(ambiguous)]
    for file, split, label in photos[["file", "split", "label"]].itertuples(index=False):
        kind = THINGS if label.startswith(OTHER) else WASTE
        yield Picture(extra.name, kind, split, file, label, partial(_photo, extra.dataset, file, size))
    for seed, (file, label) in enumerate(
        photos.loc[photos["split"] == "train", ["file", "label"]].itertuples(index=False)
    ):
        if seed % EVERY_THIRD == 0:
            kind = THINGS_ON_BACKGROUND if label.startswith(OTHER) else WASTE_ON_BACKGROUND
            prepare = partial(_on_background, extra.dataset, file, size, seed)
            yield Picture(extra.name, kind, "train", file, label, prepare)


def _photo(dataset: Dataset, file: str, size: tuple[int, int]) -> np.ndarray:
    return load_photo(dataset.read_bytes(file), *size, file)


def _altered(dataset: Dataset, file: str, size: tuple[int, int], seed: int) -> np.ndarray:
    return prepare_photo(altered(decode_image(dataset.read_bytes(file), file), seed), *size)


def _on_background(dataset: Dataset, file: str, size: tuple[int, int], seed: int) -> np.ndarray | None:
    """Puts a thing on one of the grounds that are also shown empty, so that no ground speaks for or against waste."""
    photo = _photo(dataset, file, size)
    step = 2 if min(photo.shape[:2]) >= _MASKED else 1
    mask = extract_foreground(np.ascontiguousarray(photo[::step, ::step]))
    if mask is None:
        return None
    rng = np.random.default_rng([78, seed])
    draw = tuple(EMPTY.values())[rng.integers(len(EMPTY))]
    return put_on(photo, mask.repeat(step, 0).repeat(step, 1), draw(rng, *photo.shape[:2]), rng)


def _placed(dataset: Dataset, file: str, size: tuple[int, int], seed: int) -> np.ndarray | None:
    picture = placed(decode_image(dataset.read_bytes(file), file), seed)
    return None if picture is None else prepare_photo(picture, *size)


def _drawn_pictures(size: tuple[int, int]) -> Iterator[Picture]:
    def prepare(kind: str, seed: int) -> np.ndarray:
        if kind in EMPTY:
            height, width = size if seed % 2 else size[::-1]
            return EMPTY[kind](np.random.default_rng([79, tuple(EMPTY).index(kind), seed]), height, width)
        return prepare_photo(drawn(kind, seed), *size)

    for kind in DRAWN:
        for seed in range(NUMBER_DRAWN):
            name = f"{kind}{seed}"
            split = {"develop": "train", "report": "test"}[half(name)]
            yield Picture("drawn", kind, split, name, "", partial(prepare, kind, seed))


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
        split = "test" if half(name) == "report" else "val" if _digest(name)[1] % 3 == 0 else "train"
        yield Picture("others", OTHER_PHOTO, split, name, "", partial(prepare, name))


def _read_member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as opened, opened.open(name) as member:
        return member.read(MAX_BYTES + 1)
