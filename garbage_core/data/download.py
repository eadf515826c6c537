"""Downloading TrashNet: from the authors' repository, or from Hugging Face when that fails.

`pooch` does the downloading. No checksum of the official archive is published, so what arrives is verified by names,
counts and by decoding every photo. It is renamed into place only after that: there is never half an archive.
"""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from garbage_core.data.sources import ZIP_NAME, cache_dir
from garbage_core.errors import GarbageError
from garbage_core.utils.files import cannot_write

DOWNLOAD_URLS: tuple[str, ...] = (
    "https://github.com/garythung/trashnet/raw/master/data/dataset-resized.zip",
    "https://huggingface.co/datasets/garythung/trashnet/resolve/main/dataset-resized.zip",
)
RETRIES = 2  # A source that breaks off is asked again, after one and two seconds.
TIMEOUT = 30  # Seconds without a byte before a source counts as broken.
_PREFIX = ".download-"
BAD_FILES = 25  # More unusable files than this (1 %) mean that the download went wrong.


def download_dataset(
    target: str | Path | None = None,
    progress: bool | Callable[[int, int], None] = True,
    urls: Sequence[str] = DOWNLOAD_URLS,
) -> Path:
    """Downloads the official archive; an archive that is there already and sound is kept.

    Args:
        target: A folder, or the archive's path ending in ".zip"; None takes the user's cache, where `find_dataset`
            looks.
        progress: True shows a progress bar on standard error; a function is called with the bytes received and the
            bytes in all (0 if the source does not say).
        urls: The sources in the order to try.

    Returns:
        Path of the archive. It is read in place and need not be unpacked.

    Raises:
        GarbageError: No source delivered the data set, or it cannot be stored.
    """
    path = Path(target).expanduser() if target else cache_dir()
    if path.suffix.lower() != ".zip":
        path = path / ZIP_NAME
    if path.exists() and _fault(path) is None:
        return path
    failures = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clean_up(path.parent)
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=path.parent) as folder:
            for url in urls:
                failure = _fetch(url, Path(folder), progress) or _fault(Path(folder) / ZIP_NAME)
                if failure is None:
                    os.replace(Path(folder) / ZIP_NAME, path)
                    return path
                failures.append(f"{url} ({failure})")
    except OSError as error:
        raise cannot_write(path, error) from error
    raise GarbageError(
        f"The data set could not be downloaded from {' nor from '.join(failures)}: try again later, or fetch "
        f"{ZIP_NAME} with a browser and save it as {path}."
    )


def _fetch(url: str, folder: Path, progress: bool | Callable[[int, int], None]) -> str | None:
    """Downloads one address into a folder; returns what went wrong, or None."""
    # Imported here: only a download needs them.
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # It would print a checksum that nobody can compare.
    (folder / ZIP_NAME).unlink(missing_ok=True)
    bar = _Bar(progress) if callable(progress) else bool(progress)
    downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=TIMEOUT)
    store = pooch.create(
        folder,
        base_url="",
        registry={ZIP_NAME: None},
        urls={ZIP_NAME: url},
        retry_if_failed=RETRIES,
        allow_updates=True,
    )
    try:
        store.fetch(ZIP_NAME, downloader=downloader)
    except requests.HTTPError as error:
        response = error.response
        return str(error) if response is None else f"answered {response.status_code} {response.reason}"
    except (requests.RequestException, ValueError) as error:
        return f"connection failed: {type(error).__name__}"
    return None


def _fault(path: Path) -> str | None:
    """Says what is wrong with an archive, or None if it is TrashNet and readable."""
    # Imported here because `dataset` offers this module's functions under its own name.
    from garbage_core.data.dataset import load_dataset

    try:
        dataset = load_dataset(path)
    except GarbageError:
        return "sent something else than the archive, or only a part of it"
    if not dataset.official:
        return f"sent an archive of {len(dataset.photos)} photos that are not the official ones"
    if len(dataset.problems) > BAD_FILES:
        return f"sent an archive in which {len(dataset.problems)} files are damaged or missing"
    return None


def _clean_up(folder: Path) -> None:
    """Removes what a download left that was killed; a day old, because another one may be at work."""
    for left in folder.glob(f"{_PREFIX}*"):
        if time.time() - left.stat().st_mtime > 24 * 3600:
            shutil.rmtree(left, ignore_errors=True)


class _Bar:
    """Passes on the progress in the form that `pooch` asks for: attributes and methods as of `tqdm`."""

    def __init__(self, report: Callable[[int, int], None]):
        self._report, self._done, self.total = report, 0, 0

    def update(self, size: int) -> None:
        # The last piece is reported at full size though it is smaller.
        self._done += size
        self._report(min(self._done, self.total) if self.total else self._done, self.total)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass
