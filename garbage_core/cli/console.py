"""What the commands share: a quiet start of Keras, answers to standard output, files that are whole or not there."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from garbage_core.errors import GarbageError


def start_keras() -> None:
    """Imports Keras and its backend without their notes on missing GPUs, which come before any log level counts.

    Set TF_CPP_MIN_LOG_LEVEL to 0 or 1 to read them.
    """
    talkative = os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")
    with contextlib.nullcontext() if talkative else _silent_stderr():
        try:
            import keras

            if keras.backend.backend() == "tensorflow":
                import tensorflow as tf

                tf.config.list_physical_devices()
        except ImportError as error:
            chosen = os.environ.get("KERAS_BACKEND", "tensorflow")
            raise GarbageError(
                f"Keras cannot start with the backend {chosen!r} ({error}): install requirements.txt, "
                "or set KERAS_BACKEND to a backend that is installed."
            ) from error


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Silences standard error below Python, where C++ writes to it."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary name to write to, which takes the place of the path once all is written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise GarbageError(f"{str(path)!r} cannot be written ({error.strerror}): choose another file.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(path: str) -> None:
    """Refuses a path to write to whose folder is not there, before any work is done."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise GarbageError(f"There is no folder {str(folder)!r} to write {Path(path).name!r} to: make it first.")


def write_answer(value: Any, text: Callable[[Any], str] | None, as_json: bool, out: TextIO) -> None:
    """Writes a result as JSON, in plain ASCII so that every terminal and pipe takes it, or as text for people."""
    out.write(json.dumps(value, indent=2, allow_nan=False) + "\n" if as_json else text(value))


def warn(text: str) -> None:
    """Prints a line to standard error."""
    print(text, file=sys.stderr)
