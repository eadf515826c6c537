"""One photo through one network, by every runtime that it was exported to, against the usual `predict`.

    python benchmarks/runtimes.py transfer --size 224 224 --repeats 25 --keep

Prints a table: median milliseconds, the quarter below and above, how many times as fast as `predict` (the median of the
ratios within each round; all sides take turns), and the points of accuracy that the export loses on val. With `--keep`
`python -m docs.speed` writes it into docs/speed.md. Make the exports first, with `python -m garbage_core export`.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.app_speed.runtimes import race, write_race
from garbage_core.errors import GarbageError
from garbage_core.runs.run import load_run


def main() -> None:
    """Reads the arguments, races, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="name of a run")
    parser.add_argument("--size", type=int, nargs=2, metavar=("H", "W"), help="of the photo (default: the run's)")
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--keep", action="store_true", help="write models/studies/runtimes.json")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        run = load_run(args.name)
        size = tuple(args.size or run.photo_size)
        rows = race(run, size, args.repeats)
        if args.keep:
            write_race(run, size, rows, args.repeats)
    except GarbageError as error:
        sys.exit(str(error))
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{run.name}, one photo of {size[1]}x{size[0]}, {args.repeats} rounds in turns")
    for row in rows:
        low, high = row["quartiles"]
        goal = "" if row["goal"] is None else f", goal {row['goal']:g}: {'met' if row['met'] else 'missed'}"
        lost = "" if row["points_lost"] is None else f"; {row['points_lost']:.2f} points lost on val"
        print(
            f"{row['runtime']:16} {row['milliseconds']:8.1f} ms ({low:.1f} to {high:.1f})"
            f" {row['times_as_fast']:6.2f} times as fast{goal}{lost}"
        )


if __name__ == "__main__":
    main()
