"""What lies below a folder: the one walk that data sets, `classify`, the app and Ray's jobs share.

Links are followed, except those that lead back to a folder they lie in or to one that is read already: folders that
link to each other would otherwise never end. Only files are listed: opening a pipe or a
device could block for ever. What is left out is named, except litter, which no user has put there.
"""

import glob
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from garbage_core.data.file_types import PHOTO_EXTENSIONS, photo_format
from garbage_core.errors import GarbageError

_LITTER = {"__macosx", "thumbs.db", "desktop.ini", "@eadir"}
_MOST_LEVELS = 32  # of folders in one another
_Identity = tuple[int, int] | str  # of a folder, whatever names lead to it


@dataclass
class Found:
    """What a walk has found, as names relative to its folder with "/".

    Attributes:
        files: Names of files.
        folders: Names of folders, each with a "/" at its end.
        left_out: Name and reason of each entry that is not listed.
    """

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def is_litter(name: str) -> bool:
    """Tells whether a file was left by the system, not by the user: hidden ones and the like."""
    return any(part.startswith(".") or part.lower() in _LITTER for part in name.split("/"))


def kind_of(path: Path) -> str:
    """Says what is at a path without opening it.

    Returns:
        "file", "folder", or what else it is, fit for "PATH is ...".
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "a link that leads nowhere" if path.is_symlink() else "missing"
    except (OSError, ValueError) as error:  # a link to itself, a name that is too long or has a zero byte
        return f"not to be reached ({getattr(error, 'strerror', None) or error})"
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "a pipe, socket or device, which is never opened"


def walk(path: Path) -> Found:
    """Lists the files below a folder, at any depth, sorted.

    Raises:
        GarbageError: The folder itself cannot be listed.
    """
    found = Found()
    here = path.resolve()
    above = frozenset(_identity(folder) for folder in (here, *here.parents))
    seen = {_identity(here)}
    # Folders behind links come after all others, so that a photo has the name of the folder that it really lies in.
    pending, linked = [("", above)], deque[tuple[str, frozenset[_Identity]]]()
    while pending or linked:
        if not pending:
            name, ancestors = linked.popleft()
            _enter(path, name, ancestors, seen, pending, found)
            continue
        prefix, ancestors = pending.pop()
        try:
            with os.scandir(path / prefix) as entries:
                listed = list(entries)
        except OSError as error:
            if not prefix:
                raise GarbageError(f"{path} cannot be listed ({error.strerror}): check its rights.") from error
            found.left_out.append((prefix, f"cannot be listed ({error.strerror}): check its rights"))
            continue
        for entry in sorted(listed, key=lambda entry: entry.name):
            if is_litter(entry.name):
                continue
            name = prefix + entry.name
            if not is_utf8(entry.name):
                shown = os.fsencode(name).decode("utf-8", "backslashreplace")
                found.left_out.append((shown, "has a name that is not UTF-8, so it is not read: rename it"))
                continue
            kind = _kind(entry)
            if kind == "file":
                found.files.append(name)
            elif kind != "folder":
                found.left_out.append((name, f"is {kind}, so it is not read"))
            elif len(ancestors) - len(above) >= _MOST_LEVELS:
                found.left_out.append((f"{name}/", f"lies more than {_MOST_LEVELS} folders deep and is not read"))
            elif entry.is_symlink():
                linked.append((f"{name}/", ancestors))
            else:
                _enter(path, f"{name}/", ancestors, seen, pending, found)
    found.files.sort()
    found.folders.sort()
    return found


def photos_at(name: str) -> tuple[list[Path], list[tuple[str, str]]]:
    """Lists the photos that a path names.

    Args:
        name: A photo; a folder, of which all photos count, at any depth; or a pattern with `*`, `?` or `[`.

    Returns:
        The photos, those of a folder sorted, and name and reason of what is not read. A path that is neither folder nor
        pattern is returned as it is, even if nothing is there.

    Raises:
        GarbageError: The folder has no photo, or nothing fits the pattern.
    """
    path = Path(name)
    kind = kind_of(path)
    if kind == "missing" and glob.has_magic(name):
        photos: list[Path] = []
        left_out: list[tuple[str, str]] = []
        for match in sorted(glob.glob(name, recursive=True)):
            found = photos_at(match) if match != name else ([], [])
            photos += found[0]
            left_out += found[1]
        if not photos:
            raise GarbageError(f"No file fits {name!r}: check the pattern, or name a folder.")
        return list(dict.fromkeys(photos)), left_out
    if kind != "folder":
        return [path], []
    below = walk(path)
    photos = sorted(path / file for file in photos_among(below.files, lambda file: _head(path / file)))
    if not photos:
        raise GarbageError(f"There is no photo in the folder {name!r}: name a folder with photos, or a photo.")
    return photos, below.left_out


def photos_among(files: Iterable[str], head: Callable[[str], bytes]) -> list[str]:
    """Picks the photos among files: by their names, and where a name has no extension by their content.

    Args:
        files: Names with "/".
        head: Function that returns the first 64 bytes of one of them.

    Returns:
        Those called like photos and those without extension that are photos; if there is none, photos of any name.
    """
    files = list(files)
    last = {file: file.rpartition("/")[2] for file in files}
    found = [
        file
        for file in files
        if last[file].rpartition(".")[2].lower() in PHOTO_EXTENSIONS
        or ("." not in last[file] and photo_format(head(file)))
    ]
    return found or [file for file in files if "." in last[file] and photo_format(head(file))]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""


def _enter(
    path: Path,
    name: str,
    ancestors: frozenset[_Identity],
    seen: set[_Identity],
    pending: list[tuple[str, frozenset[_Identity]]],
    found: Found,
) -> None:
    """Puts a folder among those to be listed, unless that was done or would never end."""
    identity = _identity(path / name)
    if identity in ancestors:
        found.left_out.append((name, "is a link to a folder that it lies in, so it is not followed"))
    elif identity in seen:
        found.left_out.append((name, "is read already under another name, so it is not read twice"))
    else:
        seen.add(identity)
        found.folders.append(name)
        pending.append((name, ancestors | {identity}))


def _kind(entry: "os.DirEntry[str]") -> str:
    try:
        if entry.is_file():
            return "file"
        if entry.is_dir():
            return "folder"
    except OSError:
        pass
    return kind_of(Path(entry.path))


def _identity(folder: Path) -> _Identity:
    try:
        status = os.stat(folder)
    except OSError:
        return str(folder)
    return (status.st_dev, status.st_ino) if status.st_ino else str(folder.resolve())


def is_utf8(name: str) -> bool:
    """Tells whether a name can be written, which one in bytes of another encoding cannot."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
