"""Writing files so that they are there in full or not at all, and telling them apart by their hash.

Every writer goes through `whole_file`: what a disk, a quota, a folder or a network share refuses ends in one sentence.
"""

import contextlib
import csv
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

from garbage_core.errors import GarbageError

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR)


def write_text(text: str, path: str | Path) -> Path:
    """Writes a text file so that a reader, or a power cut, meets either the old content or the new one in full.

    Raises:
        GarbageError: The file cannot be written.
    """
    return write_bytes(text.encode("utf-8"), path)


def write_bytes(data: bytes, path: str | Path) -> Path:
    """Writes a file as `write_text` does."""
    path = Path(path)
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
    return path


def write_json(value: Any, path: str | Path) -> Path:
    """Writes a value as JSON, atomically; NumPy numbers become plain ones, NaN and infinity become null."""
    return write_text(json.dumps(json_value(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def write_csv(table: "pd.DataFrame", path: str | Path, float_format: str | None = None) -> Path:
    """Writes a table without its index, atomically; `float_format` as in pandas (None keeps every digit)."""
    return write_text(_csv(table, index=False, float_format=float_format), path)


def spreadsheet_csv(table: "pd.DataFrame") -> bytes:
    """Returns a table without its index as CSV for spreadsheet programs, which guess encodings and compute formulas.

    It begins with a byte order mark, and an apostrophe stands before texts that would be taken for a formula (OWASP,
    CSV injection), such as the name of a file.
    """

    def harmless(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

    return _csv(table.map(harmless).rename(columns=harmless), index=False).encode("utf-8-sig", "backslashreplace")


def _csv(table: "pd.DataFrame", **options: Any) -> str:
    text: str = table.to_csv(lineterminator="\n", **options)
    # Python quotes a line feed within a text, but not a lone carriage return, at which readers break the line as well.
    return table.to_csv(lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC, **options) if "\r" in text else text


@contextlib.contextmanager
def whole_file(path: Path, size: int = 0) -> Iterator[Path]:
    """Gives a temporary name to write to, which takes the place of the path once all is written.

    Args:
        path: The file; its folder is made if need be. The temporary name ends in the path's.
        size: Bytes that must be free, for a library that cannot cope with a disk that is full.

    Raises:
        GarbageError: The file cannot be written; then nothing of it is left.
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if size:
            claim(temporary, size)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # else it would take the place of the sentence
            temporary.unlink(missing_ok=True)


def cannot_write(path: str | Path, error: OSError) -> GarbageError:
    """Returns the sentence for a file or folder that cannot be written: why, and what to do."""
    what = "choose another place"
    if error.errno in _FULL:
        what = "free space, or choose another place"
    elif error.errno in _FORBIDDEN:
        what = "choose a folder that you may write to"
    elif error.errno in _IN_THE_WAY:
        in_the_way = next((one for one in (Path(path), *Path(path).parents) if os.path.lexists(one)), path)
        what = f"{str(in_the_way)!r} is in the way, move it or choose another place"
    return GarbageError(f"{str(path)!r} cannot be written ({error.strerror or error}): {what}.")


def check_folder(path: str | Path, size: int = 0, make: bool = False) -> None:
    """Refuses a file to write that could not be written, before any work is done.

    Args:
        path: The file.
        size: Bytes that it will need at least.
        make: Whether its folder may be missing, because it will be made.

    Raises:
        GarbageError: The folder is missing, is none, is closed to this user or too full, or the path is a folder.
    """
    path = Path(path)
    folder = path.parent
    if not make and not folder.exists():
        raise GarbageError(f"There is no folder {str(folder)!r} to write {path.name!r} to: make it first.")
    if path.is_dir():
        raise GarbageError(f"{str(path)!r} is a folder: name the file to write.")
    folder = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        trial = folder / f".tmp-{os.getpid()}-trial"  # asking is not enough: of network shares the answer may be wrong
        try:
            claim(trial, max(size, 1))
        finally:
            trial.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def claim(path: Path, size: int) -> None:
    """Finds out whether a new file can have so many bytes, and leaves it empty.

    Raises:
        GarbageError: There is not enough space.
        OSError: It cannot be written, or a quota does not allow for it.
    """
    with open(path, "wb") as file:
        check_space(path.parent, size)
        reserve(file.fileno(), size)
        file.truncate(0)


def check_space(folder: Path, size: int) -> None:
    """Raises GarbageError if the disk of a folder has less than `size` bytes free."""
    if (free := shutil.disk_usage(folder).free) < size:
        raise GarbageError(
            f"{str(folder)!r} has {free / 1e6:,.1f} MB free, but {size / 1e6:,.1f} MB are needed: free space, or "
            "choose another place."
        )


def reserve(file: int, size: int) -> None:
    """Makes an open file own the space for so many bytes, where the system can. Raises OSError if there is too little.

    A file that is mapped into memory must have it: a process that writes to a page without a place on the disk dies.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system without it
            raise


def mapped_array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """Makes a float16 array in a new file, mapped into memory, with space for all of it. Raises GarbageError."""
    check_folder(path, 2 * math.prod(shape), make=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    try:
        with open(path, "rb+") as file:
            reserve(file.fileno(), path.stat().st_size)
    except OSError as error:
        path.unlink()
        raise cannot_write(path, error) from error
    return array


def file_sha256(path: str | Path) -> str:
    """Returns the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_value(value: Any) -> Any:
    """Returns what NumPy, pandas and pathlib hand out as what JSON knows; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [json_value(item) for item in value]
    if isinstance(value, np.generic):
        return json_value(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
