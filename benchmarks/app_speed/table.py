"""Speed as ratios: each row times two ways of doing the same thing, in turns, within one run on one machine.

    rows = measure(["overhead"], Settings(list_runs()))  # no name for all of ROWS; the command `bench` keeps them

Milliseconds say little about another machine, and less about a busy one; a ratio of two things that were timed in turns
says more. What a row times is in `benchmarks.app_speed.rows` and `app_speed.training`; the rows measured last
are kept in models/studies/bench.json, which the page Speed shows. Reading that file needs neither Keras nor a network.
"""

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run, models_dir
from garbage_core.utils.files import write_json
from garbage_core.utils.parallel import available_cores

BENCH_FILE = "bench.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Row:
    """What a row compares, and how it must come out.

    Attributes:
        name: Word for it on the command line.
        title: The same for people.
        what: Our side, in words.
        against: The other side, in words; empty if there is none and `goal` is for our side itself.
        unit: `"ms"`, less is better, or `"photos/s"`, more is better.
        goal: Bound of the ratio ours : reference, or of our side; an upper one for `"ms"`, else a lower one.
        source: Module and function that measure it.
    """

    name: str
    title: str
    what: str
    against: str
    unit: str
    goal: float
    source: str

    def met(self, value: float) -> bool:
        """Whether a ratio, or without another side our side itself, reaches the goal."""
        return bool(value <= self.goal if self.unit == "ms" else value >= self.goal)


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        Row(
            *("photo", "Phone's photo, all models"),
            "Bytes of a 12-megapixel JPEG to the answers of all models, warm",
            "Pillow decodes it in full, then predict for each model",
            *("ms", 0.5, "bench_rows:photo"),
        ),
        Row(
            *("overhead", "One photo, one model"),
            "Bytes of one photo of 512x384 to the answer of one model",
            "The fastest exported runtime alone, on a tensor that is ready",
            *("ms", 1.15, "bench_rows:overhead"),
        ),
        Row(
            *("folder", "Photos from disk"),
            "256 photos from disk",
            "The same model fed from memory",
            *("photos/s", 0.9, "bench_rows:folder"),
        ),
        Row(
            *("pipeline", "Training input"),
            "Training input at 384x384: decode once, augment ten epochs",
            "ImageDataGenerator.flow_from_directory with the starting recipe's settings",
            *("photos/s", 10.0, "bench_training:pipeline"),
        ),
        Row(
            *("step", "Training step"),
            "A training step fed by the pipeline",
            "The same step on one batch, over and over",
            *("photos/s", 0.9, "bench_training:step"),
        ),
        Row(
            *("page", "Change of page"),
            "Change to another page, on a warm server; the slowest of all pages",
            "",
            *("ms", 300.0, "bench_rows:page"),
        ),
        Row(
            *("filter", "Change of a filter"),
            "Change a filter, on a warm server; the slowest of all pages",
            "",
            *("ms", 300.0, "bench_rows:filter_change"),
        ),
    )
}


@dataclass(frozen=True)
class Measured:
    """Both sides of a row, one value per repeat, in the row's unit.

    Attributes:
        ours: Shape (repeats,).
        reference: Shape (repeats,), or None if there is no other side.
        detail: What else belongs to it, such as sizes and runtimes, in one sentence.
    """

    ours: np.ndarray
    reference: np.ndarray | None
    detail: str = ""


@dataclass(frozen=True)
class Settings:
    """What the rows are measured with.

    Attributes:
        runs: The models; rows of one model take the last.
        repeats: Rounds; None for each row's own number.
        progress: Called with a line before each row.
    """

    runs: Sequence[Run]
    repeats: int | None = None
    progress: Callable[[str], None] = field(default=lambda text: None)

    @property
    def run(self) -> Run:
        """The model of the rows that take one."""
        return self.runs[-1]

    def rounds(self, usual: int) -> int:
        """Returns how many rounds to time."""
        return self.repeats or usual


def result(row: Row, measured: Measured) -> dict[str, Any]:
    """Puts a row's numbers together.

    Returns:
        `name`, `ours` and `reference` (medians), `unit`, `ratio` (median of the ratios within each round, so that a
        machine that slows down half way does not move it), `goal`, `met`; then what the page says about it.
    """
    ours = float(np.median(measured.ours))
    reference = None if measured.reference is None else float(np.median(measured.reference))
    ratio = None if measured.reference is None else float(np.median(measured.ours / measured.reference))
    return {
        "name": row.name,
        "ours": round(ours, 3),
        "reference": None if reference is None else round(reference, 3),
        "unit": row.unit,
        "ratio": None if ratio is None else round(ratio, 4),
        "goal": row.goal,
        "met": row.met(ours if ratio is None else ratio),
        "quartiles": [round(float(value), 3) for value in np.percentile(measured.ours, [25, 75])],
        "repeats": len(measured.ours),
        "detail": measured.detail,
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "command": f"python -m garbage_core bench {row.name}",
    }


def measure(names: Sequence[str], settings: Settings) -> list[dict[str, Any]]:
    """Measures rows, one after the other.

    Args:
        names: Names in `ROWS`; none for all of them.
        settings: What to measure with.

    Returns:
        One `result` per row.

    Raises:
        GarbageError: There is no such row, or what it needs is missing.
    """
    for name in names:
        if name not in ROWS:
            raise GarbageError(f"There is no row {name!r}: choose among {', '.join(ROWS)}.")
    results = []
    for row in [ROWS[name] for name in names] or ROWS.values():
        settings.progress(f"{row.name}: {row.what}")
        module, function = row.source.split(":")
        results.append(result(row, getattr(import_module(f"garbage_core.{module}"), function)(settings)))
    return results


def machine() -> str:
    """Says what kind of machine this is, without its name."""
    return f"{available_cores()} cores, {_processor()}, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    with_flags = ""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in lines.items()}
    flags = set(facts.get("flags", "").split())
    for flag, name in (("avx512_vnni", "AVX-512 VNNI"), ("avx_vnni", "AVX VNNI"), ("avx2", "AVX2, no VNNI")):
        if flag in flags:
            with_flags = f" ({name})"
            break
    return facts.get("model name", platform.machine()) + with_flags


# The file


def bench_path() -> Path:
    """Returns where the rows are kept, whether or not there are any."""
    return models_dir() / "studies" / BENCH_FILE


def write_bench(results: Sequence[dict[str, Any]], path: Path | None = None) -> Path:
    """Keeps rows, in the order of `ROWS`; rows that were not measured this time stay as they were."""
    path = path or bench_path()
    kept = {row["name"]: row for row in (read_bench(path) if path.is_file() else [])}
    kept |= {row["name"]: row for row in results}
    rows = [kept[name] for name in ROWS if name in kept]
    return write_json({"schema_version": SCHEMA_VERSION, "rows": rows}, path)


def read_bench(path: Path | None = None) -> list[dict[str, Any]]:
    """Returns the rows that are kept; none if there is no such file.

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
        raise GarbageError(f"{path} cannot be used ({error}): make it again with `garbage_core bench`.") from error
    return rows
