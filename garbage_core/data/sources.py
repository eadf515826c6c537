"""Where photos lie: finding a data set, and reading the files of a folder or of an archive by the same names.

A data set is a folder (or an archive) of class folders full of photos: `cardboard/cardboard1.jpg`. `layouts` says
where these may lie, `listed_photos` what a list of labels may say instead. Files are named relative to the class
folders' parent, so a photo has the same name in every packaging. Nothing is ever unpacked: names found in an archive
are only looked up, never turned into paths.
"""

import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path

from garbage_core.data.archives import SUFFIXES, kind_of_archive, list_entries, tar_entries, zip_entries
from garbage_core.data.file_types import shown
from garbage_core.data.images import MAX_BYTES
from garbage_core.data.layouts import LAYOUT
from garbage_core.data.listed_photos import find_photos
from garbage_core.data.walking import Found, kind_of, walk
from garbage_core.errors import GarbageError

ZIP_NAME = "dataset-resized.zip"


class PhotoSource:
    """The photos below one folder or in one archive.

    Attributes:
        path: The folder or the archive.
        files: Names of all files in class folders ("glass/glass1.jpg"), sorted.
        labels: Class of each of them.
        splits: Ready-made split of each of them ("train", "val" or "test"); empty if there is none.
        notes: Name and reason of everything that is not read, or not read as it is.
    """

    def __init__(self, path: Path, found: Found):
        self.path = path
        layout = find_photos(found.files, found.folders, path, self._read)
        self.labels, self.splits = layout.labels, layout.splits
        self.files = sorted(layout.labels)
        self.notes = found.left_out + layout.notes
        self._places = {file: layout.root + file for file in self.files}

    def read(self, file: str) -> bytes:
        """Reads one file, up to one byte more than a photo may have: enough to refuse it.

        Args:
            file: One of `files`.

        Raises:
            GarbageError: There is no such file, or it cannot be read.
        """
        if file not in self._places:
            raise GarbageError(f"{shown(file)} is not among the photos in {self.path}: check its name.")
        try:
            return self._read(self._places[file])
        except Exception as error:  # OSError; from damaged archives also BadZipFile, zlib.error, RuntimeError, ...
            reason = getattr(error, "strerror", None) or str(error)
            raise GarbageError(f"{shown(file)} cannot be read ({reason}): copy or download it again.") from error

    def _read(self, place: str) -> bytes:
        raise NotImplementedError

    def __reduce__(self) -> tuple[Callable[[Path], "PhotoSource"], tuple[Path]]:
        return open_source, (self.path,)


class _Folder(PhotoSource):
    def __init__(self, path: Path):
        super().__init__(path, walk(path))

    def _read(self, place: str) -> bytes:
        with open(self.path / place, "rb") as handle:
            return handle.read(MAX_BYTES + 1)


class _Zip(PhotoSource):
    """A zip archive, read in place. A name in it is only looked up, so it can point nowhere else."""

    def __init__(self, path: Path):
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise GarbageError(
                f"{path} is not a zip archive or is cut off: download it again, or name the folder of the photos."
            ) from error
        self._lock = threading.Lock()
        found, self._infos = list_entries(zip_entries(self._archive))
        super().__init__(path, found)

    def _read(self, place: str) -> bytes:
        # One reader at a time: `zipfile` promises no more, and inflating a photo takes no time beside decoding it.
        with self._lock, self._archive.open(self._infos[place]) as handle:
            return handle.read(MAX_BYTES + 1)


class _Tar(PhotoSource):
    """A tar archive that is not compressed, read in place."""

    def __init__(self, path: Path):
        found, self._offsets = list_entries(tar_entries(path))
        super().__init__(path, found)

    def _read(self, place: str) -> bytes:
        offset, size = self._offsets[place]
        with open(self.path, "rb") as handle:
            handle.seek(offset)
            return handle.read(min(size, MAX_BYTES + 1))


def open_source(path: str | Path) -> PhotoSource:
    """Lists the photos of a data set; threads may share what it returns.

    Args:
        path: A folder, a zip archive or a plain tar archive, as from `find_dataset`.

    Raises:
        GarbageError: It is neither, or has less than two classes.
    """
    path = Path(path)
    if path.is_dir():
        return _Folder(path)
    return _Tar(path) if kind_of_archive(path) == "tar" else _Zip(path)


def find_dataset(data_dir: str | Path | None = None) -> Path:
    """Finds the data set: `data_dir`, else `$GARBAGE_DATA`, else `./data`, else the user's cache.

    Args:
        data_dir: A folder of photos in any layout that `listed_photos` reads, an archive of it, or a folder that holds
            one archive.

    Returns:
        The folder or the archive.

    Raises:
        GarbageError: There is none. One that was named but is unusable is refused, not passed over.
    """
    named = data_dir or os.environ.get("GARBAGE_DATA")
    if named:
        path = Path(named).expanduser()
        if kind_of(path) == "missing":
            origin = "" if data_dir else " (from GARBAGE_DATA)"
            raise GarbageError(
                f"{path}{origin} does not exist: name the folder of the photos or the file {ZIP_NAME}, or download it "
                "with `python -m garbage_core data --download`."
            )
        return _usable(path)
    places = [Path("data"), cache_dir()]
    for place in places:
        try:
            return _usable(place)
        except GarbageError:
            continue
    raise GarbageError(
        f"There is no data set in {' or in '.join(map(str, places))}: download it with `python -m garbage_core data "
        f"--download`, or name the folder of the photos or the file {ZIP_NAME} with --data-dir."
    )


def cache_dir() -> Path:
    """Returns the folder that downloads go to; it need not exist."""
    return user_cache_path("garbage_core")


def _usable(path: Path) -> Path:
    """Returns the data set at a path, or the archive in the folder at it; `GarbageError` if there is none."""
    kind = kind_of(path)
    if kind == "file":
        packed = kind_of_archive(path)
        if packed in ("zip", "tar"):
            return path
        raise GarbageError(
            f"{shown(str(path))} is an archive that is not read in place: unpack it and name the folder."
            if packed
            else f"{path} is neither a folder nor a zip archive nor a tar archive: it must have {LAYOUT}."
        )
    if kind != "folder":
        raise GarbageError(f"{shown(str(path))} is {kind}: name a folder of class folders or a zip archive.")
    try:
        open_source(path)
    except GarbageError:
        archives = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        archives = [p for p in archives if p.name == ZIP_NAME] or archives
        if len(archives) != 1 or kind_of(archives[0]) != "file":
            raise
        return archives[0]
    return path


def read_file(path: Path) -> bytes:
    """Reads a photo; of a file that is too large only as much as it takes to refuse it. Raises GarbageError."""
    kind = kind_of(path)
    if kind != "file":
        name = repr(shown(str(path)))
        what = (
            f"There is no file {name}" if kind == "missing" else f"{name} is {'a folder' if kind == 'folder' else kind}"
        )
        raise GarbageError(f"{what}: give the path of a photo.")
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise GarbageError(f"{str(path)!r} cannot be read ({error.strerror}): check its permissions.") from error
