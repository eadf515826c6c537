"""What the commands share: options, a quiet start of Keras, results to standard output. Imports no library."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

from garbage_core.errors import GarbageError

# As in `garbage_core.inference.runtimes`, which takes longer to import than the help may take; a test compares them.
RUNTIMES = ("auto", "keras", "openvino-int8", "litert-int8", "onnx-int8", "openvino", "onnx", "litert")
# Arguments that several commands have.
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"metavar": "NAME", "help": "name of a run"},
    "--data-dir": {
        "metavar": "DIR",
        "help": "folder of class folders, or a zip of it (default: $GARBAGE_DATA, ./data, the user's cache)",
    },
    "--split": {"choices": ("train", "val", "test"), "default": "test", "help": "default: %(default)s"},
    "--model": {"metavar": "NAME", "help": "name of a run (default: everyday, or transfer where that is missing)"},
    "--runtime": {
        "choices": RUNTIMES,
        "help": "what runs the network (default: $GARBAGE_RUNTIME, else the fastest that the run was exported to)",
    },
    "--json": {"action": "store_true", "help": "print one JSON document"},
}


# Options


def add_parser(
    parsers: argparse._SubParsersAction,
    name: str,
    text: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace, TextIO], int] | None,
) -> None:
    """Adds a parser that calls `run`, unless its parts have one each; the text is its help and its description."""
    parser = parsers.add_parser(name, help=text.replace("%", "%%"), description=text[0].upper() + text[1:] + ".")
    if run:
        parser.set_defaults(run=run)
    add_arguments(parser)


def add_common(parser: argparse._ActionsContainer, *names: str) -> None:
    """Adds arguments that several commands have, in the order given: `name`, `--data-dir`, ..., `--json`."""
    for name in names:
        parser.add_argument(name, **_ARGUMENTS[name])


def add_extra(parser: argparse.ArgumentParser, text: str, metavar: str = "DIR|ZIP") -> None:
    """Adds `--extra`, which names further sets of photos; `text` says what the command does with one."""
    words = f"{text}; may be given several times"
    parser.add_argument("--extra", action="append", default=[], metavar=metavar, help=words)


def run_for_photos(name: str | None) -> str:
    """Returns the name of the run that was asked for, else of the one for people's own photos."""
    from garbage_core.runs.run import RUN_FILE, models_dir

    return name or ("everyday" if (models_dir() / "everyday" / RUN_FILE).is_file() else "transfer")


def positive(text: str) -> int:
    """Reads a whole number from 1 up."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 up, not {text!r}")
    return number


# Input and output


def write_result(value: Any, text: Callable[[Any], str], as_json: bool, out: TextIO) -> None:
    """Writes a result as JSON, in plain ASCII so that every terminal and pipe takes it, or as text for people."""
    out.write(json.dumps(value, indent=2, allow_nan=False) + "\n" if as_json else text(value))


def progress_bar(what: str, total: int | None = None, unit: str = "photo", results: Iterable[Any] | None = None) -> Any:
    """Returns a bar of tqdm on standard error, as a context manager or around results; it shows on terminals only."""
    from tqdm import tqdm

    return tqdm(results, total=total, desc=what, unit=unit, disable=None)


def warn(text: str) -> None:
    """Prints a line to standard error."""
    print(text, file=sys.stderr)


# Keras


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
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
