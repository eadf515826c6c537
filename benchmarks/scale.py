"""Photos per second with one worker and with more, and what that makes of ten million photos.

    python benchmarks/scale.py PHOTOS transfer --photos 5000 --workers 1 2 --price 0.05 --record

Makes a folder of links to the photos found (over and over, until there are enough), classifies all of them with Ray
once for every number of workers, and prints the rates with a sizing table. Needs requirements-scale.txt. A price is
that of one core (with `--gpus` of one GPU) for an hour, in any currency. `--record` keeps the outcome in
benchmarks/results, see `benchmarks/record.py`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import keep
from garbage_core.runs import load_run
from garbage_core.scale import classify_at_scale
from garbage_core.scale_sources import list_photos

LARGE_JOB = 10_000_000  # photos


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


def main() -> None:
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
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", action="store_true", help="keep the outcome in benchmarks/results")
    args = parser.parse_args()
    run = load_run(args.name)
    summaries = []
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        links = Path(folder) / "photos"
        links.mkdir()
        found = [path for _, path in list_photos(args.source)]
        for number, path in enumerate(islice(cycle(found), args.photos)):
            os.symlink(path, links / f"{number:07d}{Path(path).suffix}")
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
        return
    print(f"{run.name} with {summaries[0]['runtime']}, {args.photos:,} photos; the job: {LARGE_JOB:,}")
    print("| " + " | ".join(name.replace("_", " ") for name in rows[0]) + " |")
    print("|" + " ---: |" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(f"{value:,}" for value in row.values()) + " |")


if __name__ == "__main__":
    main()
