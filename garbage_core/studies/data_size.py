"""What more training photos bring, and whether a start brings as much: one recipe, several starts, ever more photos.

    python -m garbage_core study data-size scratch transfer-matched --weights FILE

The named runs were trained with all photos, by one recipe that differs in its starting weights alone. The study trains
each of them again with 10, 25 and 50 % of the training photos of every class, the smaller shares inside the larger
(`data.splits.nested_share`), in as many epochs, so in fewer steps. Val and test stay whole. What has been trained is
not trained again, and a training that was stopped goes on, so the command may be given as often as it takes.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from garbage_core.config.training_config import TrainingConfig
from garbage_core.errors import GarbageError
from garbage_core.runs.predictions import to_arrays
from garbage_core.runs.run import Run, load_run
from garbage_core.studies.imbalance import check_alike
from garbage_core.studies.measures import measure, measure_rows
from garbage_core.studies.tables import DATA_SIZE_COLUMNS
from garbage_core.utils.files import file_sha256

_OWN = ("name", "weights", "train_share")


def named_runs(names: Sequence[str], root: str | Path) -> list[Run]:
    """Returns runs by name, from a folder of runs or from its `studies/matched`. Raises GarbageError as `load_run`."""
    matched = Path(root) / "studies" / "matched"
    return [load_run(name, matched if (matched / name).is_dir() else root) for name in names]


def check_runs(runs: Sequence[Run]) -> None:
    """Raises GarbageError unless there are runs, of one recipe and all training photos, each from another start."""
    if not runs:
        raise GarbageError("No run was named: name those to train with fewer photos, such as scratch transfer-matched.")
    starts: dict[str | None, str] = {}
    for run in runs:
        check_alike(runs[0], run, _OWN, "name runs that differ in their starting weights alone.", same_start=False)
        if run.config.train_share != 1:
            share = f"{100 * run.config.train_share:g} %"
            raise GarbageError(
                f"The run {run.name!r} was trained with {share} of the photos: name one with all of them."
            )
        if (start := _start(run)) in starts:
            raise GarbageError(f"The runs {starts[start]!r} and {run.name!r} have the same start: name one of them.")
        starts[start] = run.name


def planned(runs: Sequence[Run], shares: Sequence[float], weights: str | None) -> Iterator[TrainingConfig]:
    """Yields the trainings of the study, those with the fewest photos first.

    Args:
        runs: The runs with all photos, see `check_runs`.
        shares: Shares of the training photos, above 0 and below 1.
        weights: Starting weights of the runs that had any, as for `train`.

    Raises:
        GarbageError: If a share is out of range, or weights are missing or not those of a run.
    """
    digest = file_sha256(Path(weights)) if weights and Path(weights).is_file() else weights
    for share in sorted(set(shares)):
        if not 0 < share < 1:
            raise GarbageError(f"A share of the photos must be above 0 and below 1, not {share:g}: 0.25 is a quarter.")
        for run in runs:
            if _start(run) and not weights:
                raise GarbageError(f"The run {run.name!r} started from weights: name them with --weights.")
            if _start(run) not in (None, digest):
                raise GarbageError(f"The run {run.name!r} did not start from {weights}: name its own starting weights.")
            start = str(weights) if _start(run) else ""
            name = share_name(run.name, share)
            yield dataclasses.replace(run.config, name=name, weights=start, train_share=share)


def share_name(name: str, share: float) -> str:
    """Returns the name of a run with a share of the photos: "scratch-25"."""
    return f"{name}-{100 * share:g}".replace(".", "_")


def find_runs(runs: Sequence[Run], shares: Sequence[float], root: str | Path) -> list[Run]:
    """Returns the runs that there are: those with a share of the photos, then those with all of them.

    Raises:
        GarbageError: If one of them is of another recipe, other photos or another start than the run with all photos.
    """
    found = []
    for run in runs:
        for share in sorted(set(shares)):
            path = Path(root) / share_name(run.name, share)
            if (path / "run.json").is_file():
                smaller = load_run(path.name, root)
                check_alike(run, smaller, _OWN, f"move {path} away and train it again.")
                found.append(smaller)
    return [*found, *runs]


def data_size_table(runs: Sequence[Run], resamples: int = 2000) -> pd.DataFrame:
    """Measures every run on val and test.

    Args:
        runs: From `find_runs`; the start of the first is what the others are compared with.
        resamples: Number of resamples behind the intervals.

    Returns:
        Columns `DATA_SIZE_COLUMNS`: `run`; `start`, in words; `train_share`; `train_photos`, how many these are;
        `split`; the rest as `measures.measure_rows`, with the paired difference from the run of the first start and the
        same share.
    """
    first = _start(runs[0])
    measures = {
        (run.name, split): measure(
            *to_arrays(run.predictions, run.classes, split)[:2], run.classes, run.temperature, resamples
        )
        for run in runs
        for split in ("val", "test")
    }
    baselines = {run.config.train_share: run.name for run in runs if _start(run) == first}
    parts = []
    for run in sorted(runs, key=lambda run: (run.config.train_share, _start(run) != first)):
        baseline = baselines.get(run.config.train_share, run.name)
        photos = int((run.predictions["split"] == "train").sum())
        for split in ("val", "test"):
            other = None if baseline == run.name else measures[baseline, split]
            rows = measure_rows(measures[run.name, split], other)
            rows = rows.assign(run=run.name, start=run.start, train_share=run.config.train_share)
            parts.append(rows.assign(train_photos=photos, split=split))
    return pd.concat(parts, ignore_index=True)[list(DATA_SIZE_COLUMNS)]


def _start(run: Run) -> str | None:
    """Returns what tells one start from another: the hash of the weights or their source, None for random ones."""
    started = run.info.get("starting_weights") or {}
    return started.get("sha256") or started.get("source")
