"""One writer at a time: a lock that its process takes along when it dies."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from garbage_core.errors import GarbageError
from garbage_core.utils.files import cannot_write

LOCK_FILE = ".lock"
_HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


@contextlib.contextmanager
def only_writer(folder: str | Path) -> Iterator[None]:
    """Makes this the only process, and the only place in it, that writes to a folder.

    The system frees the lock when the process ends, however it does. Where a file system knows no locks, nothing is
    locked.

    Raises:
        GarbageError: Another one writes there, or the folder cannot be written to.
    """
    folder = Path(folder)
    path = folder / LOCK_FILE
    try:
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        file = _locked(path)
    except OSError as error:
        if error.errno in _HELD and error.filename is None:
            raise GarbageError(
                f"Another process is writing to {str(folder)!r}: wait until it has ended, or stop it."
            ) from error
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows does not delete an open file; one that is left locks nothing
            path.unlink()
        os.close(file)
        if made:
            with contextlib.suppress(OSError):  # there is something in it, as there should be
                folder.rmdir()


def _locked(path: Path) -> int:
    """Opens and locks a file; returns it. Raises OSError, without a file's name if another has locked it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(file)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(path)):
                    return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # its last holder has deleted it since it was opened


def _lock(file: int) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            raise
