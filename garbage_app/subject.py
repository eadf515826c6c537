"""What the pages speak of: one data set, the runs that were trained on it, and the results of its photos.

It is the data set on this machine, as a rule that of `GARBAGE_DATA`. Where there is none, or where TrashNet has only
been downloaded and no run was trained on it, the pages speak of the photos that the runs were trained on.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from garbage_app import cache
from garbage_core.data.sources import cache_dir, find_dataset
from garbage_core.errors import GarbageError
from garbage_core.runs.results import TRASHNET, is_trained_on, photos_of
from garbage_core.runs.run import Run, list_runs, models_dir
from garbage_core.utils.text import escape

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

MAX_NAME = 60  # characters of a data set's name


@cache.data(max_entries=4, ttl="10s")
def _found(named: str | None, here: str, downloads: Path) -> Path:
    """Returns `find_dataset`, which looks through a whole folder, once for all that one page asks of it."""
    return find_dataset()


@cache.resource(max_entries=2, ttl="10m", show_spinner="Reading the list of photos")
def _indexed(path: Path) -> "Dataset":
    from garbage_core.data.dataset import load_dataset

    return load_dataset(path, verify=False)


@cache.resource(max_entries=16)
def _shared_run(run: Run) -> Run:
    """Returns the run that came first; all sessions share the tables it has read, until a file of it changes."""
    return run


def dataset_or_none() -> "Dataset | None":
    """Returns the data set that the pages speak of, if its photos are on this machine."""
    try:
        path = _found(os.environ.get("GARBAGE_DATA"), os.getcwd(), cache_dir())
        dataset = _indexed(path)
    except GarbageError:
        return None
    was_chosen = os.environ.get("GARBAGE_DATA") or cache_dir() not in (path, *path.parents)
    runs = [] if was_chosen else all_runs()
    return dataset if not runs or any(is_trained_on(run.info, dataset) for run in runs) else None


def check_dataset() -> None:
    """Raises GarbageError if `GARBAGE_DATA` names something that cannot be used, which the pages cannot replace."""
    if os.environ.get("GARBAGE_DATA") and dataset_or_none() is None:
        _indexed(find_dataset())


def all_runs() -> list[Run]:
    """Returns the trained runs, of whichever photos; all sessions share the tables they have read."""
    return [_shared_run(run) for run in list_runs()]


def shared_runs() -> list[Run]:
    """Returns the runs that were trained on the data set that the pages speak of, as `all_runs`."""
    dataset, runs = dataset_or_none(), all_runs()
    return [run for run in runs if dataset is None or is_trained_on(run.info, dataset)]


def studied_runs(folder: str) -> list[Run]:
    """Returns the runs that a study keeps in a folder of models/studies, if they are of the pages' photos."""
    path = models_dir() / "studies" / folder
    runs = list_runs(path) if path.is_dir() else []
    return [run for run in runs if run.info.get("data_fingerprint") == fingerprint()]


def fingerprint() -> str | None:
    """Returns the fingerprint of the data set that the pages speak of; None if nothing says which one that is."""
    if (dataset := dataset_or_none()) is not None:
        return photos_of(dataset)
    return next((run.info.get("data_fingerprint") for run in all_runs()), None)


def subject_name() -> str:
    """Returns the name of the data set that the pages speak of, as Markdown; "" if nothing says which one that is."""
    if fingerprint() == TRASHNET:
        return "TrashNet"
    dataset = dataset_or_none()
    return "" if dataset is None else escape(dataset.source.resolve().name, MAX_NAME)
