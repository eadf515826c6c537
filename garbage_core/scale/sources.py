"""Where photos and results may be: any folder or address that fsspec reads, and which photos are there."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from garbage_core.data.images import MAX_BYTES
from garbage_core.data.walking import is_litter, photos_among, photos_at
from garbage_core.errors import GarbageError, first_line

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

TRIES = 3  # to fetch a photo
LIST_SUFFIX = ".txt"  # a source that ends so is a list of addresses, one a line


def filesystem(address: str) -> "tuple[AbstractFileSystem, str]":
    """Returns what reads an address, and the path in it. Raises GarbageError for one that nothing here reads."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(os.path.abspath(address) if "://" not in address else address)
    except (ImportError, ValueError, OSError) as error:
        raise GarbageError(
            f"{address!r} cannot be opened ({first_line(error)}): give a folder or an address that fsspec reads, and "
            "install what it needs for that."
        ) from error


def list_photos(source: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Lists photos; on this machine the same that the plain command finds.

    Args:
        source: A folder, at any depth; a pattern with `*`; one photo; or a text file with an address in each line.
            A path of this machine or an address such as `s3://bucket/photos`.

    Returns:
        Name and path of each, sorted, and name and reason of what is not read. The name is how the plain command would
        call the file, or its address.

    Raises:
        GarbageError: There is none, or the source cannot be listed.
    """
    fs, root = filesystem(source)
    left_out: list[tuple[str, str]] = []
    try:
        if source.lower().endswith(LIST_SUFFIX):
            lines = fs.cat_file(root).decode("utf-8").splitlines()
            found = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
            pairs = [(line, line) for line in found]
        elif _is_local(fs) and (fs.exists(root) or "*" in source):
            pairs, left_out = _local(source, root)
        elif "*" in source:
            pairs = _named(fs, root, source, (path for path in fs.glob(root) if not is_litter(path.rpartition("/")[2])))
        elif fs.isfile(root) and not fs.isdir(root):
            pairs = [(source, _address(source, root, root))]
        else:
            pairs = _named(fs, root, source, _photos_below(fs, root))
    except (OSError, ValueError) as error:
        raise GarbageError(
            f"{source!r} cannot be listed ({first_line(error)}): check the address and your rights."
        ) from error
    if not pairs:
        raise GarbageError(f"There is no photo in {source!r}: name a folder with photos, or a list of addresses.")
    return sorted(pairs), left_out


def _is_local(fs: "AbstractFileSystem") -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(fs, LocalFileSystem)


def _local(source: str, root: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Lists photos of this machine, by their names below the source as it was given."""
    if "://" in source:
        photos, left_out = photos_at(root)
        return [(_address(source, root, str(path)), _address(source, root, str(path))) for path in photos], left_out
    photos, left_out = photos_at(source)
    return [(str(path), os.path.abspath(path)) for path in photos], left_out


def _photos_below(fs: "AbstractFileSystem", root: str) -> list[str]:
    """Lists the photos below a folder elsewhere, chosen as `walking.photos_at` does here."""

    def head(path: str) -> bytes:
        try:
            return fs.cat_file(path, start=0, end=64)
        except Exception:  # every kind of storage has its own; what cannot be read is no photo by its content
            return b""

    return photos_among((path for path in fs.find(root) if not is_litter(path[len(root) :].lstrip("/"))), head)


def _named(fs: "AbstractFileSystem", root: str, source: str, paths: Iterable[str]) -> list[tuple[str, str]]:
    pairs = []
    for path in paths:
        address = _address(source, root, path)
        if "://" in source or "*" in source:
            pairs.append((path if "::" in source else address, address))
        else:
            inside = path[len(root) :].lstrip("/")
            pairs.append((str(Path(source) / inside), address))
    return pairs


def _address(source: str, root: str, path: str) -> str:
    """Returns a path as an address that `filesystem` understands on any machine."""
    if "://" not in source:
        return path
    if "::" in source:  # such as zip://::s3://bucket/photos.zip: what stands before the first :: is the path inside
        first, _, rest = source.partition("::")
        return f"{first.partition('://')[0]}://{path}::{rest}"
    protocol = source.partition("://")[0]
    return path if path.startswith(f"{protocol}://") else f"{protocol}://{path}"


def read_photo(address: str) -> bytes:
    """Reads a photo; of a file that is too large only as much as it takes to refuse it.

    Raises:
        GarbageError: There is no such file, or it may not be read; asking again would not help.
        OSError: It could not be read this time.
    """
    fs, path = filesystem(address)
    try:
        return fs.cat_file(path, start=0, end=MAX_BYTES + 1)
    except FileNotFoundError:
        raise GarbageError(f"There is no file {address!r}: it was there when the photos were listed.") from None
    except (PermissionError, IsADirectoryError) as error:
        raise GarbageError(f"{address!r} cannot be read ({first_line(error)}): check its permissions.") from error


@dataclass(frozen=True)
class Fetch:
    """Fetches one photo when called, and again if the way to it fails; notes its name if that does not help."""

    name: str
    path: str
    unfetched: set[str]

    def __call__(self) -> bytes:
        """Returns the photo's content. Raises GarbageError."""
        for attempt in range(TRIES):
            try:
                return read_photo(self.path)
            except GarbageError:
                raise
            except Exception as error:  # every kind of storage has its own
                reason = f"{type(error).__name__}: {error}"
                time.sleep(0.5 * 4**attempt if attempt < TRIES - 1 else 0)
        self.unfetched.add(self.name)
        raise GarbageError(f"{self.path!r} could not be fetched ({' '.join(reason.split())[:200]}): run again.")
