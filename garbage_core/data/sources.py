"""Where photos lie: finding a data set, and reading the files of a folder or of a zip archive by the same names.

A data set is a folder (or an archive) of class folders full of photos: `cardboard/cardboard1.jpg`. The class folders
may lie one level further down, as in the official `dataset-resized.zip` and in Kaggle's `TrashType_Image_Dataset`.
Files are named relative to the class folders' parent, so a photo has the same name in every packaging. Nothing is ever
unpacked: names found in an archive are only looked up, never turned into paths.
"""

import os
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from platformdirs import user_cache_path

from garbage_core.data.file_types import PHOTO_EXTENSIONS, shown
from garbage_core.data.images import MAX_BYTES
from garbage_core.errors import GarbageError

ZIP_NAME = "dataset-resized.zip"
_IGNORED = {"__macosx", "thumbs.db", "desktop.ini"}
_LAYOUT = (
    "one folder of photos per class, for two classes at least, as dataset-resized.zip and Kaggle's "
    "TrashType_Image_Dataset do"
)


class PhotoSource:
    """The photos below one folder or in one archive.

    Attributes:
        path: The folder or the archive.
        files: Names of all files in class folders ("glass/glass1.jpg"), sorted.
        deeper: Names of files that lie further down, where nobody looks for photos.
    """

    def __init__(self, path: Path, names: list[str]):
        self.path = path
        root = class_root(names, path)
        inside = [name[len(root) :] for name in names if name.startswith(root)]
        self.files = sorted(name for name in inside if name.count("/") == 1)
        classes = {name.split("/")[0] for name in self.files}
        self.deeper = sorted(n for n in inside if n.count("/") > 1 and n.split("/")[0] in classes)
        self._places = {name: root + name for name in self.files}

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
        super().__init__(path, _list_folder(path))

    def _read(self, place: str) -> bytes:
        with open(self.path / place, "rb") as handle:
            return handle.read(MAX_BYTES + 1)


class _Archive(PhotoSource):
    """A zip archive, read in place. A name in it is only looked up, so it can point nowhere else."""

    def __init__(self, path: Path):
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise GarbageError(
                f"{path} is not a zip archive or is cut off: download it again, or name the folder of the photos."
            ) from error
        self._lock = threading.Lock()
        super().__init__(
            path, [i.filename for i in self._archive.infolist() if not (i.is_dir() or is_litter(i.filename))]
        )

    def _read(self, place: str) -> bytes:
        # One reader at a time: `zipfile` promises no more, and inflating a photo takes no time beside decoding it.
        with self._lock, self._archive.open(place) as handle:
            return handle.read(MAX_BYTES + 1)


def open_source(path: str | Path) -> PhotoSource:
    """Lists the photos of a data set; threads may share what it returns.

    Args:
        path: A folder or a zip archive, as from `find_dataset`.

    Raises:
        GarbageError: It is neither, or has less than two classes.
    """
    path = Path(path)
    return _Folder(path) if path.is_dir() else _Archive(path)


def find_dataset(data_dir: str | Path | None = None) -> Path:
    """Finds the data set: `data_dir`, else `$GARBAGE_DATA`, else `./data`, else the user's cache.

    Args:
        data_dir: A folder of class folders, a folder that holds such a folder or a zip archive, or a zip archive.

    Returns:
        The folder or the archive.

    Raises:
        GarbageError: There is none. One that was named but is unusable is refused, not passed over.
    """
    named = data_dir or os.environ.get("GARBAGE_DATA")
    if named:
        path = Path(named).expanduser()
        if not path.exists():
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


def class_root(names: Iterable[str], path: str | Path) -> str:
    """Finds the folder that the class folders lie in.

    Args:
        names: Names of files, relative to the data set, with "/".
        path: What to call the data set in an error.

    Returns:
        "", or a folder's name and "/".

    Raises:
        GarbageError: There is no class, only one, or more than one folder of classes.
    """
    names = list(names)
    photos = [name for name in names if name.rpartition(".")[2].lower() in PHOTO_EXTENSIONS]
    classes: dict[str, set[str]] = {}
    # Folders with files that look like photos go first; where no name looks so, the content will tell.
    for candidates in (photos, names):
        classes = defaultdict(set)
        for name in candidates:
            folder = name.rpartition("/")[0]
            if folder and folder.count("/") <= 1:
                root, slash, label = folder.rpartition("/")
                classes[root + slash].add(label)
        roots = [root for root, labels in classes.items() if len(labels) > 1]
        if "" in roots:
            return ""
        if len(roots) == 1:
            return roots[0]
        if roots:
            listed = ", ".join(sorted(root.rstrip("/") for root in roots)[:5])
            raise GarbageError(f"{path} holds several folders of classes ({listed}): name one of them.")
        if classes:
            break
    single = sorted({label for labels in classes.values() for label in labels})
    found = f"photos of a single class ({shown(single[0])})" if single else "no class folder with photos"
    raise GarbageError(f"{path} holds {found}: it must have {_LAYOUT}.")


def _usable(path: Path) -> Path:
    """Returns the data set at a path, or the archive in the folder at it; `GarbageError` if there is none."""
    if not path.is_dir():
        if not zipfile.is_zipfile(path):
            raise GarbageError(f"{path} is neither a folder nor a zip archive: it must have {_LAYOUT}.")
        return path
    try:
        class_root(_list_folder(path), path)
    except GarbageError:
        archives = sorted(p for p in path.glob("*.zip") if not p.name.startswith("."))
        archives = [p for p in archives if p.name == ZIP_NAME] or archives
        if len(archives) != 1:
            raise
        return archives[0]
    return path


def _list_folder(path: Path) -> list[str]:
    """Lists the files of a folder and of two levels of folders below it, as relative names with "/"."""
    names: list[str] = []

    def walk(folder: Path, prefix: str, depth: int) -> None:
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if depth:
                return  # A folder that is not ours to read; a photo in it would not be either.
            raise GarbageError(f"{folder} cannot be listed ({error.strerror}): check its rights.") from error
        for entry in entries:
            if is_litter(entry.name):
                continue
            if entry.is_dir():
                if depth < 3:
                    walk(folder / entry.name, f"{prefix}{entry.name}/", depth + 1)
            else:
                names.append(prefix + entry.name)

    walk(path, "", 0)
    return names


def is_litter(name: str) -> bool:
    """Tells whether a file was left by the system, not by the user: hidden ones and the like."""
    return any(part.startswith(".") or part.lower() in _IGNORED for part in name.split("/"))


def read_file(path: Path) -> bytes:
    """Reads a photo; of a file that is too large only as much as it takes to refuse it. Raises GarbageError."""
    if not path.is_file():  # a pipe or a device could block for ever
        what = f"{str(path)!r} is a folder" if path.is_dir() else f"There is no file {str(path)!r}"
        raise GarbageError(f"{what}: give the path of a photo.")
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise GarbageError(f"{str(path)!r} cannot be read ({error.strerror}): check its permissions.") from error
