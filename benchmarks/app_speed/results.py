"""The rows and their goals, and the files that `benchmarks/` writes; `docs.speed` makes a page of them.

python -m benchmarks  # measures all rows into models/studies/bench.json
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garbage_core.errors import GarbageError
from garbage_core.runs.run import models_dir

BENCH_FILE = "bench.json"
RACE_FILE = "runtimes.json"
SCHEMA_VERSION = 1  # of both files
# What `runtimes.json` calls the two ways of running the network by Keras.
USUAL = "predict"
COMPILED = "keras, compiled"


@dataclass(frozen=True)
class Row:
    """What a row compares, and how it must come out.

    Attributes:
        name: Word for it on the command line.
        title: Name for people.
        what: Our side, in words.
        against: Other side, in words; empty if there is none and `goal` is for our side itself.
        unit: `"ms"`, less is better, or `"photos/s"`, more is better.
        goal: Bound of the ratio ours : reference, or of our side; an upper one for `"ms"`, else a lower one.
    """

    name: str
    title: str
    what: str
    against: str
    unit: str
    goal: float

    def met(self, value: float) -> bool:
        """Whether a ratio, or without another side our side itself, reaches the goal."""
        return bool(value <= self.goal if self.unit == "ms" else value >= self.goal)


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        Row(
            "photo",
            "Phone's photo, all models",
            "Bytes of a 12-megapixel JPEG to the predictions of all models, warm",
            "Pillow decodes it in full, then predict for each model",
            "ms",
            0.5,
        ),
        Row(
            "overhead",
            "One photo, one model",
            "Bytes of one photo of 512x384 to the prediction of one model",
            "The fastest exported runtime alone, on a tensor that is ready",
            "ms",
            1.15,
        ),
        Row("folder", "Photos from disk", "256 photos from disk", "The same model fed from memory", "photos/s", 0.9),
        Row(
            "pipeline",
            "Training input",
            "Training input at 384x384: decode once, augment ten epochs",
            "ImageDataGenerator.flow_from_directory with the starting recipe's settings",
            "photos/s",
            10.0,
        ),
        Row(
            "step",
            "Training step",
            "A training step fed by the pipeline",
            "The same step on one batch, over and over",
            "photos/s",
            0.9,
        ),
        Row(
            "page",
            "Change of page",
            "Change to another page, on a warm server; the slowest of all pages",
            "",
            "ms",
            300.0,
        ),
        Row(
            "filter",
            "Change of a filter",
            "Change a filter, on a warm server; the slowest of all pages",
            "",
            "ms",
            300.0,
        ),
    )
}


def bench_path() -> Path:
    """Returns where the measured rows are stored, whether or not there are any."""
    return models_dir() / "studies" / BENCH_FILE


def read_bench(path: Path | None = None) -> list[dict[str, Any]]:
    """Returns the measured rows; none if there is no such file.

    Raises:
        GarbageError: The file cannot be used.
    """
    path = path or bench_path()
    if not path.is_file():
        return []
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["schema_version"] > SCHEMA_VERSION:
            raise ValueError("it is from a newer version")
        needed = {"name", "ours", "reference", "unit", "ratio", "goal", "met", "machine", "measured"}
        rows = [row for row in content["rows"] if row["name"] in ROWS]
        if any(not needed <= row.keys() for row in rows):
            raise ValueError("a row is not complete")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GarbageError(f"{path} cannot be used ({error}): make it again with `python -m benchmarks`.") from error
    # The file may still name `garbage bench`, as the command was named.
    return [row | {"command": f"python -m benchmarks {row['name']}"} for row in rows]


def race_path() -> Path:
    """Returns where the times of the runtimes are stored, whether or not there are any."""
    return models_dir() / "studies" / RACE_FILE


def read_race(path: Path | None = None) -> dict[str, Any] | None:
    """Returns the times of the runtimes and how they were measured; None if there is no such file.

    Raises:
        GarbageError: The file cannot be used.
    """
    path = path or race_path()
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["schema_version"] > SCHEMA_VERSION:
            raise ValueError("it is from a newer version")
        needed = {"runtime", "precision", "milliseconds", "times_as_fast", "goal", "met", "points_lost"}
        if not content["rows"] or any(not needed <= row.keys() for row in content["rows"]):
            raise ValueError("a row is not complete")
        if not {"run", "size", "machine", "measured", "command"} <= content.keys():
            raise ValueError("it does not say what was measured")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GarbageError(f"{path} cannot be used ({error}): make it again with `benchmarks/runtimes.py`.") from error
    return content
