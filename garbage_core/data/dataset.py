"""TrashNet, or any folder of class folders: what is in it, what is wrong with it, and its photos as arrays.

    dataset = load_dataset("dataset-resized.zip")
    table = split_dataset(dataset)              # file, label, width, height, bytes, split
    photos = read_photos(dataset, table["file"], 240, 320)

Finding and reading files is `sources`, the splits are `splits`, the download is `download`; their public names can be
imported from here.
"""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from garbage_core.data.classes import CLASS_NAMES
from garbage_core.data.download import DOWNLOAD_URLS, download_dataset
from garbage_core.data.file_types import shown
from garbage_core.data.images import PhotoFile, fit_canvas, photo_size
from garbage_core.data.sources import PhotoSource, cache_dir, find_dataset, open_source
from garbage_core.data.splits import (
    PROTOCOLS,
    SPLITS,
    default_protocol,
    official_splits,
    split_counts,
    split_dataset,
    split_if_possible,
)
from garbage_core.errors import GarbageError
from garbage_core.utils.system import map_photos

__all__ = [
    "DOWNLOAD_URLS",
    "PROTOCOLS",
    "SPLITS",
    "Dataset",
    "cache_dir",
    "default_protocol",
    "download_dataset",
    "find_dataset",
    "load_dataset",
    "official_splits",
    "read_photos",
    "split_counts",
    "split_dataset",
    "split_if_possible",
]

OFFICIAL_SHARE = 0.95


@dataclass(frozen=True)
class Dataset:
    """A data set as it was found.

    Attributes:
        source: The folder or the zip archive.
        classes: Names of the classes, alphabetical.
        photos: One row per usable photo, sorted by name: file ("glass/glass1.jpg"), label, width and height (pixels,
            upright), bytes.
        problems: One row per file that is not usable, missing or in none of the authors' lists, and per file or folder
            that was read in a way to be known (merged twins, leaks, a split that was drawn): file, reason.
        fingerprint: SHA-256 over name, size and CRC-32 of every usable photo; the same for folder and archive.
        splits: Ready-made split of each photo ("train", "val" or "test") where folders say so; else empty.
        official: The files are those of the authors' lists: at least 95 % of the names in the lists are there, and at
            least 95 % of the files are in the lists. The few that differ are among the problems.
    """

    source: Path
    classes: tuple[str, ...]
    photos: pd.DataFrame
    problems: pd.DataFrame
    fingerprint: str
    official: bool
    splits: dict[str, str] = field(default_factory=dict)

    def read_bytes(self, file: str) -> bytes:
        """Reads a file of the data set; `GarbageError` if there is none of that name or it cannot be read."""
        return self._files.read(file)

    def counts(self) -> pd.Series:
        """Returns the number of photos per class, in the order of `classes`."""
        counts = self.photos["label"].value_counts().reindex(list(self.classes), fill_value=0)
        return counts.rename("photos")

    @cached_property
    def _files(self) -> PhotoSource:
        return open_source(self.source)


def load_dataset(data_dir: str | Path | None = None, verify: bool = True) -> Dataset:
    """Finds a data set and lists its photos. What cannot be used is reported and left out.

    Args:
        data_dir: Where it is; None looks in the places that `find_dataset` names.
        verify: Decode every photo, which finds damaged ones; without it only their beginnings are read.

    Returns:
        The data set.

    Raises:
        GarbageError: There is no data set, or it has less than two classes with usable photos.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name, color in (("can", "silver"), ("jar", "green")):
        ...     (folder / name).mkdir()
        ...     Image.new("RGB", (64, 48), color).save(folder / name / "1.jpg")
        >>> load_dataset(folder).classes
        ('can', 'jar')
    """
    source = open_source(find_dataset(data_dir))

    def inspect(file: str) -> tuple[str, int, int, int, int] | tuple[str, str]:
        try:
            data = source.read(file)
            return file, *photo_size(data, file, verify=verify), len(data), zlib.crc32(data)
        except GarbageError as error:
            return file, str(error).removeprefix(f"{shown(file)} ")

    found = list(map_photos(inspect, source.files))
    usable = [row for row in found if len(row) == 5]
    problems = [row for row in found if len(row) == 2]
    classes = sorted({source.labels[file] for file, *_ in usable})
    empty = sorted({source.labels[file] for file, _ in problems}.difference(classes))
    problems += source.notes
    problems += [(f"{name}/", "holds no usable photo, so the class is left out") for name in empty]
    if len(classes) < 2:
        raise GarbageError(
            f"{source.path} has usable photos of {len(classes)} class{'' if len(classes) == 1 else 'es'} only "
            f"({len(problems)} files cannot be used, first {problems[0][0]}: {problems[0][1].rstrip('.')}): name a "
            "folder with photos of at least two."
        )
    photos = pd.DataFrame([row[:4] for row in usable], columns=["file", "width", "height", "bytes"])
    photos.insert(1, "label", [source.labels[file] for file in photos["file"]])
    official, deviations = _compare_with_lists(set(source.files), set(photos["file"]), classes)
    splits = {file: source.splits[file] for file in photos["file"]} if source.splits else {}
    problems = sorted(problems + deviations + _notes_on_splits(usable, splits, source.labels))
    return Dataset(
        source=source.path,
        classes=tuple(classes),
        photos=photos,
        problems=pd.DataFrame(problems, columns=["file", "reason"], dtype=str),
        fingerprint=_fingerprint((file, size, crc) for file, _, _, size, crc in usable),
        official=official,
        splits=splits,
    )


class HasPhotos(Protocol):
    """What photos can be read from: a data set, or several."""

    def read_bytes(self, file: str) -> bytes:
        """Returns the content of a file."""
        ...


def read_photos(
    dataset: HasPhotos, files: Iterable[str], height: int, width: int, workers: int | None = None
) -> np.ndarray:
    """Decodes photos for training, in parallel, each fitted to the canvas.

    Args:
        dataset: The data set, or `photo_sets.PhotoSets`.
        files: Names as its `read_bytes` takes them.
        height: Height of the arrays in pixels.
        width: Width of the arrays in pixels.
        workers: Number of threads; None takes one per processor. Decoders run outside Python's lock.

    Returns:
        uint8 (N, height, width, 3), RGB, in the order of `files`.

    Raises:
        GarbageError: A photo is missing or damaged.
    """
    files = list(files)
    photos = np.empty((len(files), height, width, 3), np.uint8)

    def read(place: int) -> None:
        # The scale at which `load_photo` decodes, so that training and classification see the same pixels.
        file = PhotoFile(dataset.read_bytes(files[place]), files[place])
        photos[place] = fit_canvas(file.decoded((2 * height, 2 * width)), height, width)

    for _ in map_photos(read, range(len(files)), workers=workers):
        pass
    return photos


def _compare_with_lists(present: set[str], usable: set[str], classes: list[str]) -> tuple[bool, list[tuple[str, str]]]:
    """Says whether the files are TrashNet under its official names, and if so, where they deviate."""
    listed = official_splits().keys()
    if set(classes) != set(CLASS_NAMES) or len(present & listed) < OFFICIAL_SHARE * max(len(listed), len(present)):
        return False, []
    missing = [(file, "is missing; the authors' lists name it") for file in listed - present]
    unlisted = "is in none of the authors' lists, so the official protocol leaves it out"
    return True, missing + [(file, unlisted) for file in usable - listed]


def _notes_on_splits(
    usable: list[tuple[str, int, int, int, int]], splits: dict[str, str], labels: dict[str, str]
) -> list[tuple[str, str]]:
    """Names photos in two of the ready-made splits and classes that train lacks; says which split will be drawn."""
    first: dict[tuple[int, int], str] = {}
    notes = []
    for file, _, _, size, crc in sorted(usable, key=lambda row: SPLITS.index(splits.get(row[0], "train"))):
        other = first.setdefault((size, crc), file)
        if splits and splits[other] != splits[file]:
            notes.append((file, f"leaks: the same photo is {shown(other)} in {splits[other]}"))
    if "train" in splits.values():
        learned = {labels[file] for file, split in splits.items() if split == "train"}
        lacking = sorted({labels[file] for file in splits} - learned)
        notes += [(f"{label}/", "has no photo in train, so it cannot be learned") for label in lacking]
    for split in SPLITS if splits else ():
        if split not in splits.values():
            drawn = "drawn from train" if split != "train" else "missing, so the data set cannot be trained on as it is"
            notes.append((f"{split}/", f"has no photos: {split} is {drawn}"))
    return notes


def _fingerprint(rows: Iterable[tuple[str, int, int]]) -> str:
    lines = sorted(f"{file} {size} {crc:08x}\n" for file, size, crc in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
