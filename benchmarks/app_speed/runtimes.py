"""One photo through one network by every runtime that it was exported to, timed in turns with the usual `predict`.

rows = race(load_run("transfer"), size=(224, 224))  # needs Keras; benchmarks/runtimes.py is the command for it
write_race(load_run("transfer"), (224, 224), rows, 25)  # in models/studies/runtimes.json
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.app_speed.results import COMPILED, SCHEMA_VERSION, USUAL, race_path
from benchmarks.app_speed.table import machine
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.files import write_json

PAUSE = 0.15  # seconds between two sides: without, the threads of one cost the next up to half its speed
GOALS = {"float32": 3.5, "int8": 8.0}  # times as fast as `predict`
SIZE = (224, 224)  # height and width that others state times for


def race(run: Run, size: tuple[int, int] = SIZE, repeats: int = 25) -> list[dict[str, Any]]:
    """Times one photo by Keras and by every export of a run.

    Args:
        run: A trained run, with its network and the exports that shall be timed.
        size: Height and width of the photo.
        repeats: Rounds.

    Returns:
        For each side: `runtime`, `precision`, `milliseconds` (median) and its `quartiles`; `times_as_fast` as `predict`
        (median of the ratios within each round); `goal` and `met`, None for Keras; `points_lost` on val and the largest
        `probability_difference` there, as found when it was exported, None where the photos were missing.
    """
    from benchmarks.app_speed.timing import in_turns, median_ratio
    from garbage_core.inference.engine import CompiledNetwork, keras_network
    from garbage_core.inference.runtimes import ExportedNetwork, find_exports

    photo = np.random.default_rng(0).integers(0, 256, (1, *size, 3)).astype(np.float32)
    network = keras_network(run)
    compiled = CompiledNetwork(network)
    exports = {export.runtime: export for export in find_exports(run)}
    if not exports:
        raise GarbageError(
            f"{run.name!r} has no exported network to time: run `python -m garbage_core export {run.name} --format "
            "openvino --int8`."
        )
    sides = {USUAL: lambda: network.predict(photo, verbose=0), COMPILED: lambda: compiled(photo)}
    for name, export in exports.items():
        exported = ExportedNetwork(export)
        sides[name] = lambda exported=exported: exported(photo)
    times = in_turns(sides, repeats, pause=PAUSE)
    rows = []
    for name, values in times.items():
        export = exports.get(name)
        check = {} if export is None else export.report.get("check", {}).get("val") or {}
        speed = median_ratio(times[USUAL], values)
        goal = None if export is None else GOALS[export.precision]
        rows.append(
            {
                "runtime": name,
                "precision": "float32" if export is None else export.precision,
                "milliseconds": round(float(np.median(values)), 2),
                "quartiles": [round(float(quartile), 2) for quartile in np.percentile(values, [25, 75])],
                "times_as_fast": round(speed, 2),
                "goal": goal,
                "met": None if goal is None else bool(speed >= goal),
                "points_lost": check.get("points_lost"),
                "probability_difference": check.get("max_probability_difference"),
            }
        )
    return rows


def write_race(
    run: Run, size: tuple[int, int], rows: Sequence[dict[str, Any]], repeats: int, path: Path | None = None
) -> Path:
    """Stores what `race` measured, in place of what was measured before; returns the file."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "run": run.name,
        "weights_sha256": run.weights_sha256,
        "size": list(size),
        "repeats": repeats,
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "command": f"python benchmarks/runtimes.py {run.name} --size {size[0]} {size[1]} --keep",
        "rows": list(rows),
    }
    return write_json(content, path or race_path())
