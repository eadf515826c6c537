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
        unit: One of `UNITS`, `"photos/s"`, of which more is better, or one of which less is.
        goal: Bound of the ratio ours : reference, or of our side; a lower one for `"photos/s"`, else an upper one.
    """

    name: str
    title: str
    what: str
    against: str
    unit: str
    goal: float

    def met(self, value: float) -> bool:
        """Whether a ratio, or without another side our side itself, reaches the goal."""
        return bool(value >= self.goal if self.more_is_better else value <= self.goal)

    @property
    def more_is_better(self) -> bool:
        """Whether the goal is a lower bound."""
        return self.unit == "photos/s"

    @property
    def bound(self) -> str:
        """The goal in words, with its unit if it is not for a ratio."""
        number = f"{'at least' if self.more_is_better else 'at most'} {self.goal:g}"
        return number if self.against else f"{number} {self.unit}"


UNITS = ("photos/s", "ms", "s", "kB", "MB")
ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        Row("start", "First answer", "From `streamlit run` to the answer of an uploaded photo", "", "s", 5.0),
        Row(
            "start_processor", "Its processor time", "Processor time of the server up to its first answer", "", "s", 4.0
        ),
        Row("start_memory", "Its memory", "Resident memory of the server after its first answer", "", "MB", 600.0),
        Row("upload", "Upload to answer", "Upload of a 12-megapixel JPEG to all answers, warm server", "", "ms", 150.0),
        Row("classify", "`garbage classify one.jpg`", "Processor time of classifying one photo", "", "s", 2.0),
        Row("help", "`garbage --help`", "Processor time of the command's help", "", "s", 0.3),
        Row(
            "photo",
            "Phone's photo, all models",
            "Bytes of a 12-megapixel JPEG to the predictions of all models, warm",
            "Pillow decodes it in full, then predict for each model",
            "ms",
            0.25,
        ),
        Row(
            "overhead",
            "One photo, one model",
            "Bytes of one photo of 512x384 to the prediction of one model",
            "The fastest exported runtime alone, on a tensor that is ready",
            "ms",
            1.15,
        ),
        Row("folder", "Photos from disk", "256 photos from disk", "The same model fed from memory", "photos/s", 0.95),
        Row("int8", "8 bits", "One photo of 224x224 by the fastest 8-bit export", "Keras' predict", "photos/s", 8.0),
        Row("explanations", "Heat map", "A heat map of one photo, warm; the slowest method", "", "s", 3.0),
        Row("faithfulness", "Faithfulness", "Removal of a photo's parts, by a map and at random", "", "s", 2.0),
        Row(
            "pipeline",
            "Training input",
            "Training input at 384x384: decode once, augment ten epochs",
            "ImageDataGenerator.flow_from_directory with the starting recipe's settings",
            "photos/s",
            12.0,
        ),
        Row(
            "step",
            "Training step",
            "A training step fed by the pipeline",
            "The same step on one batch, over and over",
            "photos/s",
            0.95,
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
        Row("wire", "First visit", "Bytes of the landing page until it is idle, empty cache", "", "kB", 2000.0),
        Row("paint", "First paint", "First contentful paint of the landing page", "", "ms", 1500.0),
        Row("figures", "Largest figure", "The largest Plotly figure of all pages", "", "kB", 300.0),
        Row(
            "sessions",
            "20 sessions at once",
            "Upload to answer for 95 % of 20 sessions that upload at once",
            "20 photos in a row, together",
            "ms",
            2.0,
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
    return [_by_goals_of_today(row) for row in rows]


def _by_goals_of_today(stored: dict[str, Any]) -> dict[str, Any]:
    """Returns a stored row with words, command and goal as they are now; they may be from an earlier version."""
    row = ROWS[stored["name"]]
    value = stored["ours"] if stored["ratio"] is None else stored["ratio"]
    now = {"title": row.title, "what": row.what, "against": row.against, "bound": row.bound, "goal": row.goal}
    return stored | now | {"met": row.met(value), "command": f"python -m benchmarks {row.name}"}


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
