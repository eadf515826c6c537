"""Results that know their photos: each lies where those of its data set lie, and says whose it is.

    models/audit/findings.csv                     results of the data set that was there first, as a rule TrashNet
    models/audit/findings.csv.json                the fingerprint of that data set
    models/audit/0123456789abcdef/findings.csv    those of another, below the first digits of its fingerprint

An `.npz` file holds the fingerprint itself. So a command on other photos replaces nothing, and a view asks for the
results of the photos that it speaks of. Tables without a fingerprint are from before there were any: TrashNet's.
"""

import contextlib
import json
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from garbage_core.errors import GarbageError
from garbage_core.utils.files import write_json

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

TRASHNET = "46e49fb5154b9b6366e154a06a3b79695d191b312d2fbc255aaf7d04ebbbaa32"  # of the official archive


def fingerprint_of(path: str | Path) -> str | None:
    """Returns the fingerprint of the data set that a result is of; None if it says nothing or cannot be read."""
    path = Path(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as packed:
                return str(packed["fingerprint"]) or None
        return str(json.loads(_note(path).read_text("utf-8"))["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def result_of(path: str | Path, fingerprint: str | None) -> Path:
    """Returns where to read the result of some photos, whether or not it is there.

    Args:
        path: Where the result lies that was there first.
        fingerprint: Of the photos; None takes whatever lies there.
    """
    path = Path(path)
    own = _own(path, fingerprint)
    of_others = fingerprint is not None and path.exists() and _owner(path) not in (None, fingerprint)
    return own if own.is_file() or of_others else path


def is_trained_on(info: Mapping[str, Any], dataset: "Dataset") -> bool:
    """Returns whether a run's data set is this one.

    Args:
        info: Content of its `run.json`.
        dataset: The photos. TrashNet under its official names is TrashNet even if a few of its photos are missing.
    """
    same = info.get("data_fingerprint") == dataset.fingerprint
    return same or (dataset.official and info.get("protocol") == "official")


def photos_of(dataset: "Dataset") -> str:
    """Returns the fingerprint under which to look for results of a data set: that of TrashNet for any copy of it."""
    return TRASHNET if dataset.official else dataset.fingerprint


def place_for(path: str | Path, fingerprint: str) -> Path:
    """Returns where to write the result of some photos: in the place itself unless it holds that of others."""
    path = Path(path)
    return path if not path.exists() or _owner(path) in (None, fingerprint) else _own(path, fingerprint)


@contextlib.contextmanager
def noted(path: str | Path, fingerprint: str) -> Iterator[None]:
    """Writes beside a result, which is written within, which photos it is of."""
    path = Path(path)
    write_json({"fingerprint": fingerprint}, _note(path))
    try:
        yield
    finally:
        if not path.exists():
            with contextlib.suppress(OSError):
                _note(path).unlink()


def check_replaces(path: str | Path, fingerprint: str, default: Path, force: bool) -> None:
    """Refuses to replace the result of other photos.

    Args:
        path: The file to write.
        fingerprint: Of the photos.
        default: Where such a result lies if no file is named; what lies there without a fingerprint is TrashNet's.
        force: Whether to replace it all the same.

    Raises:
        GarbageError: The file holds the result of other photos.
    """
    path = Path(path)
    owner = _owner(path) if path.resolve() == default.resolve() else fingerprint_of(path)
    if path.exists() and owner not in (None, fingerprint) and not force:
        raise GarbageError(
            f"{shlex.quote(str(path))} holds the result of other photos: choose another file, or add --force to "
            "replace it."
        )


def _owner(path: Path) -> str | None:
    """Returns whose result lies in one of the places where results do; None if nobody would miss it."""
    return fingerprint_of(path) or (None if path.suffix == ".npz" else TRASHNET)


def _own(path: Path, fingerprint: str | None) -> Path:
    return path.parent / fingerprint[:16] / path.name if fingerprint else path


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
