"""Caches: what a page has computed once need not be computed again, for any reader, until its source changes.

    @data(max_entries=32)            # every caller gets a copy
    def evaluation_of(run, split): ...

    @resource(max_entries=32)        # all sessions share one object, which must not be changed
    def curves_of(run, split): ...

Arguments tell one result from another. A run, a data set, a file and a photo are told apart as `HASH_FUNCS` says, by
their content or by what changes with it: a run that was trained again, or a table that was written anew, is computed
anew. A function that also reads a file takes its `Path` as an argument. Arguments that begin with an underscore are
left out.

What is made of a reader's own photo goes into no cache that other sessions share: `private` says when that is so.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path, PosixPath, WindowsPath
from typing import Any, ParamSpec, Protocol, TypeVar

import streamlit as st

from garbage_app.photo import Photo
from garbage_core.runs.history import HISTORY_FILE
from garbage_core.runs.predictions import PREDICTIONS_FILE
from garbage_core.runs.run import OOD_FILE, RUN_FILE, Run

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Cached(Protocol[P, R_co]):
    """A function with a cache."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Returns what was computed for these arguments, computing it if need be."""

    def clear(self, *args: Any, **kwargs: Any) -> None:
        """Drops the result for these arguments, or all results if there are none."""


def file_key(path: Path) -> tuple:
    """Returns a file's path, and what tells its content from an earlier one: time of the change and size in bytes."""
    try:
        found = path.stat()
    except OSError:
        return str(path), None
    return str(path), (found.st_mtime_ns, found.st_size)


def run_key(run: Run) -> tuple:
    """Returns what tells a run from every other, and from itself with other files or on other photos."""
    files = [run.path / name for name in (RUN_FILE, HISTORY_FILE, PREDICTIONS_FILE)]
    return (
        run.info.get("data_fingerprint"),
        *map(file_key, [*files, run.ood_path, *sorted(run.path.glob(f"*/{OOD_FILE}"))]),
    )


# By type, or by a type's full name where its module is not needed to draw the first page.
HASH_FUNCS: dict[str | type, Callable[[Any], Any]] = {
    Run: run_key,
    Photo: lambda photo: photo.digest,
    PosixPath: file_key,
    WindowsPath: file_key,
    "garbage_core.inference.scoring.ScoredRun": run_key,
    "garbage_core.data.dataset.Dataset": lambda dataset: dataset.fingerprint,
}

_private_caches: list[Cached[..., Any]] = []


def data(
    max_entries: int,
    *,
    ttl: str | None = None,
    show_spinner: bool | str = False,
    private: Callable[..., bool] | None = None,
) -> Callable[[Callable[P, R]], Cached[P, R]]:
    """Caches a function's results and gives every caller a copy, see `st.cache_data`.

    Args:
        max_entries: Most results in the cache; the oldest gives way.
        ttl: Time after which a result is computed anew, such as "10m"; None for no limit.
        show_spinner: Text shown while a result is computed, or False for none.
        private: Function that says of the arguments whether the result is made of a reader's own photo. Such a result
            is cached for the reader's session alone, until `forget_private`.
    """
    return _cached(st.cache_data, private, max_entries=max_entries, ttl=ttl, show_spinner=show_spinner)


def resource(
    max_entries: int,
    *,
    ttl: str | None = None,
    show_spinner: bool | str = False,
    private: Callable[..., bool] | None = None,
) -> Callable[[Callable[P, R]], Cached[P, R]]:
    """Caches a function's results and gives all callers the same object, see `st.cache_resource`; `Args` as `data`."""
    return _cached(st.cache_resource, private, max_entries=max_entries, ttl=ttl, show_spinner=show_spinner)


def forget_private() -> None:
    """Drops everything that was made of the photos of this session's reader."""
    for cached in _private_caches:
        cached.clear()


def _cached(
    decorator: Any, private: Callable[..., bool] | None, **options: Any
) -> Callable[[Callable[P, R]], Cached[P, R]]:
    def decorate(function: Callable[P, R]) -> Cached[P, R]:
        shared = decorator(hash_funcs=HASH_FUNCS, **options)(function)
        if private is None:
            return shared
        own = decorator(hash_funcs=HASH_FUNCS, scope="session", **options)(function)
        _private_caches.append(own)
        return _Split(function, shared, own, private)

    return decorate


class _Split:
    """A function with two caches, one for all sessions and one for each."""

    def __init__(self, function: Callable, shared: Cached, own: Cached, private: Callable[..., bool]) -> None:
        wraps(function)(self)
        self._shared, self._own, self._private = shared, own, private

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._choose(*args, **kwargs)(*args, **kwargs)

    def clear(self, *args: Any, **kwargs: Any) -> None:
        for cached in [self._choose(*args, **kwargs)] if args or kwargs else [self._shared, self._own]:
            cached.clear(*args, **kwargs)

    def _choose(self, *args: Any, **kwargs: Any) -> Cached:
        return self._own if self._private(*args, **kwargs) else self._shared
