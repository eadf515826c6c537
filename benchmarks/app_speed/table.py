"""Speed as ratios: each row times two ways of doing the same thing, in turns, within one run on one machine.

    rows = measure(["overhead"], Settings(list_runs()))  # no name for all rows; `python -m benchmarks` stores them

Milliseconds say little about another machine, and less about a busy one; a ratio of two ways that were timed in turns
says more. What a row times is in `rows` and `training` beside this module. The rows and their goals
are in `benchmarks.app_speed.results`; `python -m docs.speed` writes what was measured into docs/speed.md.
"""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.app_speed.results import ROWS, SCHEMA_VERSION, Row, bench_path, read_bench
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.files import write_json
from garbage_core.utils.system import available_cores

# Row -> module of this package and function that measure it; imported when it is measured, for some need Keras.
SOURCES = {
    "start": "server:start",
    "start_processor": "server:start_processor",
    "start_memory": "server:start_memory",
    "upload": "server:upload",
    "classify": "commands:classify",
    "help": "commands:usage",
    "photo": "rows:photo",
    "overhead": "rows:overhead",
    "folder": "rows:folder",
    "int8": "rows:int8",
    "explanations": "commands:explanations",
    "faithfulness": "commands:faithfulness",
    "pipeline": "training:pipeline",
    "step": "training:step",
    "page": "rows:page",
    "filter": "rows:filter_change",
    "wire": "rows:wire",
    "paint": "rows:paint",
    "figures": "rows:figures",
    "sessions": "server:sessions",
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
        `name`, `title`, `what`, `against`, `bound` (the goal in words), `ours` and `reference` (medians), `unit`,
        `ratio` (median of the ratios within each round, so that a machine that slows down half way does not move it),
        `goal`, `met`; then how it was measured.
    """
    ours = float(np.median(measured.ours))
    reference = None if measured.reference is None else float(np.median(measured.reference))
    ratio = None if measured.reference is None else float(np.median(measured.ours / measured.reference))
    return {
        "name": row.name,
        "title": row.title,
        "what": row.what,
        "against": row.against,
        "bound": row.bound,
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
        "command": f"python -m benchmarks {row.name}",
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
        module, function = SOURCES[row.name].split(":")
        results.append(result(row, getattr(import_module(f"benchmarks.app_speed.{module}"), function)(settings)))
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


def write_bench(results: Sequence[dict[str, Any]], path: Path | None = None) -> Path:
    """Stores rows, in the order of `ROWS`; rows that were not measured this time stay as they were."""
    path = path or bench_path()
    kept = {row["name"]: row for row in (read_bench(path) if path.is_file() else [])}
    kept |= {row["name"]: row for row in results}
    rows = [kept[name] for name in ROWS if name in kept]
    return write_json({"schema_version": SCHEMA_VERSION, "rows": rows}, path)
