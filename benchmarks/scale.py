"""Photos per second with one worker and with more, and what that makes of ten million photos.

    python benchmarks/scale.py PHOTOS transfer --photos 5000 --workers 1 2 --price 0.05 --record

Makes a folder of links to the photos found (over and over, until there are enough), classifies all of them with Ray
once for every number of workers, and prints the rates with a sizing table. Needs the extra `scale`. A price is
that of one core (with `--gpus` of one GPU) for an hour, in any currency. `--record` keeps the outcome in
benchmarks/results, see `benchmarks/record.py`.

    python benchmarks/scale.py PHOTOS transfer --photos 5000 --workers 2 --kill --record

kills a worker as soon as a third of the photos are done, and holds every row that Ray's workers left against the result
of one process without Ray. Its rate is no measure of speed, so it prints what differs instead.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import keep
from garbage_core.inference.classifier import Classifier, Failure, Prediction
from garbage_core.runs.run import Run, load_run
from garbage_core.scale.job import BlockDone, classify_at_scale
from garbage_core.scale.sources import list_photos

LARGE_JOB = 10_000_000  # photos
SAME = 1e-5  # by so much a probability may differ: batches of other sizes are added up in another order


def sizing(rates: Sequence[tuple[int, float]], price: float | None = None, photos: int = LARGE_JOB) -> list[dict]:
    """Computes what a large job takes.

    Args:
        rates: Number of workers and photos per second of all of them together.
        price: Of one worker (a core or a GPU) for an hour, in any currency.
        photos: Size of the job.

    Returns:
        For each: `workers`, `photos_per_second`, `photos_per_hour_per_worker`, `efficiency` (share of what as many
        times the first rate per worker would be), `hours` for the job with that many workers, `worker_hours`, and the
        `cost` if there is a price.
    """
    first = rates[0][1] / rates[0][0]
    rows = []
    for workers, rate in rates:
        worker_hours = photos / (3600 * rate / workers)
        row = {
            "workers": workers,
            "photos_per_second": round(rate, 2),
            "photos_per_hour_per_worker": round(3600 * rate / workers),
            "efficiency": round(rate / workers / first, 3),
            "hours": round(worker_hours / workers, 1),
            "worker_hours": round(worker_hours, 1),
        }
        rows.append(row | ({} if price is None else {"cost": round(price * worker_hours, 2)}))
    return rows


def read_rows(out: Path, kind: str) -> list[dict]:
    """Returns all rows that Ray's workers wrote: of `"answers"`, or of `"failed"` files."""
    import pyarrow.parquet as pq

    return [row for file in sorted((out / kind).glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def differences(
    expected: Iterable[Prediction | Failure], results: Sequence[dict], failed: Sequence[dict], same: float = SAME
) -> Counter:
    """Counts what is not as one process without Ray has it.

    Args:
        expected: Results of that process.
        results: Rows of the photos that Ray's workers have classified.
        failed: Rows of those that they could not read.
        same: By how much a probability may differ.

    Returns:
        Numbers of photos: `same`, `other_answer`, `lost`, `doubled`, and `too_many` for photos that nobody asked for.
    """
    counts = Counter(dict.fromkeys(("same", "other_answer", "lost", "doubled", "too_many"), 0))
    rows: dict[str, dict] = {}
    for row in (*results, *failed):
        counts["doubled"] += row["file"] in rows
        rows[row["file"]] = row
    for photo in expected:
        row = rows.pop(photo.file, None)
        if row is None:
            counts["lost"] += 1
        elif isinstance(photo, Failure) or "error" in row:
            counts["same" if isinstance(photo, Failure) == ("error" in row) else "other_answer"] += 1
        else:
            near = all(abs(row[f"p_{name}"] - share) <= same for name, share in photo.probabilities.items())
            alike = all(row[key] == getattr(photo, key) for key in ("label", "accepted", "is_ood"))
            counts["same" if near and alike else "other_answer"] += 1
    counts["too_many"] = len(rows)
    return counts


def killer(photos: int, kill: Callable[[int, int], None] = os.kill) -> Callable[[BlockDone, int], None]:
    """Returns what kills the worker that finishes the block with which so many photos are done, once."""
    state = {"done": 0, "killed": False}

    def progress(block: BlockDone, _: int) -> None:
        state["done"] += block.photos
        if state["done"] >= photos and not state["killed"]:
            state["killed"] = True
            kill(block.process, signal.SIGKILL)

    return progress


def kill_and_compare(args: argparse.Namespace, run: Run, photos: Path, out: Path) -> int:
    """Classifies with Ray while a worker is killed, compares with one process, prints; 1 if anything differs."""
    workers = max(args.workers)
    options = {"workers": workers, "gpus": args.gpus, "block": args.block, "progress": killer(args.photos // 3)}
    summary = classify_at_scale(str(photos), str(out), run, args.runtime, **options)
    paths = sorted(photos.iterdir())
    counts = differences(
        Classifier.from_run(run, args.runtime).classify_paths(paths),
        read_rows(out, "answers"),
        read_rows(out, "failed"),
    )
    facts = {key: summary[key] for key in ("photos", "predicted", "failed", "workers", "replaced", "runtime")}
    outcome = {**facts, **counts}
    if args.record:
        command = f"python benchmarks/scale.py PHOTOS {args.name} --photos {args.photos} --workers {workers}"
        keep("scale-killed", command + " --gpus" * args.gpus + " --kill --record", outcome)
    print(
        json.dumps(outcome, indent=2) if args.json else "\n".join(f"{key}: {value}" for key, value in outcome.items())
    )
    return 0 if summary["replaced"] and counts["same"] == args.photos == counts.total() else 1


def main() -> int:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="folder with photos")
    parser.add_argument("name", help="name of a run")
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runtime", help="as for classify")
    parser.add_argument("--gpus", action="store_true", help="a GPU for every worker")
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--price", type=float, help="of a core (or GPU) for an hour")
    parser.add_argument("--kill", action="store_true", help="a worker on the way, and compare all answers")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", action="store_true", help="keep the outcome in benchmarks/results")
    args = parser.parse_args()
    run = load_run(args.name)
    summaries = []
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        links = Path(folder) / "photos"
        links.mkdir()
        found = [path for _, path in list_photos(args.source)[0]]
        for number, path in enumerate(islice(cycle(found), args.photos)):
            os.symlink(path, links / f"{number:07d}{Path(path).suffix}")
        if args.kill:
            return kill_and_compare(args, run, links, Path(folder, "answers"))
        for workers in args.workers:
            out = str(Path(folder) / f"answers-{workers}")
            options = {"workers": workers, "gpus": args.gpus, "block": args.block}
            summaries.append(classify_at_scale(str(links), out, run, args.runtime, **options))
            print(f"{workers} workers: {summaries[-1]['photos_per_second']} photos/s", file=sys.stderr)
    rates = [(summary["workers"], summary["photos_per_second"]) for summary in summaries]
    rows = sizing(rates, args.price)
    if args.record:
        command = f"python benchmarks/scale.py PHOTOS {args.name} --photos {args.photos} --workers"
        command += "".join(f" {workers}" for workers in args.workers)
        command += ("" if args.price is None else f" --price {args.price:g}") + " --gpus" * args.gpus + " --record"
        facts = {"photos": args.photos, "runtime": summaries[0]["runtime"], "job": LARGE_JOB}
        named = {str(row["workers"]): {key: value for key, value in row.items() if key != "workers"} for row in rows}
        keep("scale", command, facts | {"workers": named})
    if args.json:
        print(json.dumps({"summaries": summaries, "sizing": rows}, indent=2))
        return 0
    print(f"{run.name} with {summaries[0]['runtime']}, {args.photos:,} photos; the job: {LARGE_JOB:,}")
    print("| " + " | ".join(name.replace("_", " ") for name in rows[0]) + " |")
    print("|" + " ---: |" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(f"{value:,}" for value in row.values()) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
