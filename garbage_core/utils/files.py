"""Writing files so that they are there in full or not at all, and telling them apart by their hash."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

from garbage_core.errors import GarbageError


def write_text(text: str, path: str | Path) -> Path:
    """Writes a text file so that a reader, or a power cut, meets either the old content or the new one in full."""
    return write_bytes(text.encode("utf-8"), path)


def write_bytes(data: bytes, path: str | Path) -> Path:
    """Writes a file as `write_text` does."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_json(value: Any, path: str | Path) -> Path:
    """Writes a value as JSON, atomically; NumPy numbers become plain ones, NaN and infinity become null."""
    return write_text(json.dumps(json_value(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def write_csv(table: "pd.DataFrame", path: str | Path, float_format: str | None = None) -> Path:
    """Writes a table without its index, atomically; `float_format` as in pandas (None keeps every digit)."""
    return write_text(table.to_csv(index=False, float_format=float_format, lineterminator="\n"), path)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary name to write to, which takes the place of the path once all is written.

    Raises:
        GarbageError: The file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise GarbageError(f"{str(path)!r} cannot be written ({error.strerror}): choose another file.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(path: str | Path) -> None:
    """Refuses a path to write to whose folder is missing, before any work is done."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise GarbageError(f"There is no folder {str(folder)!r} to write {Path(path).name!r} to: make it first.")


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
