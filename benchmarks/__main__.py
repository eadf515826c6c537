"""Speed as ratios, measured in turns, for docs/speed.md: `python -m benchmarks [ROW ...]`.

Writes each row into models/studies/bench.json as soon as it is measured. The longer benchmarks are programs of their
own beside this file, such as `python benchmarks/soak.py`; `python -m benchmarks hostile` sends files through `classify`
that are built to be slow.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.app_speed import table
from benchmarks.app_speed.results import ROWS
from garbage_core.cli.options import add_common, positive, start_keras, warn, write_result
from garbage_core.errors import GarbageError
from garbage_core.utils.text import text_table


def main(argv: Sequence[str] | None = None) -> int:
    """Measures rows and prints them; returns the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["hostile"]:
        from benchmarks import hostile

        return hostile.main(given[1:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", metavar="ROW", nargs="*", help=f"{', '.join(ROWS)} (default: all)")
    parser.add_argument(
        "--models",
        metavar="NAME",
        nargs="+",
        help="runs to measure with (default: all); rows of one model take the last",
    )
    parser.add_argument("--repeats", type=positive, metavar="N", help="rounds that are timed (default: each row's own)")
    parser.add_argument("--dry-run", action="store_true", help="do not store the result in bench.json")
    add_common(parser, "--json")
    args = parser.parse_args(given)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    out = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):
            results = _measure(args)
    except GarbageError as error:
        print(error, file=sys.stderr)
        return 2
    write_result(results, _text, args.json, out)
    return 0


def _measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measures the rows, and stores each as soon as it is measured."""
    from garbage_core.runs.run import list_runs, load_run

    names = args.names or list(ROWS)
    for name in names:
        if name not in ROWS:
            raise GarbageError(f"There is no row {name!r}: choose among {', '.join(ROWS)}.")
    runs = [load_run(name) for name in args.models] if args.models else list_runs()
    if not runs:
        raise GarbageError("There are no trained models to measure with: train one first.")
    start_keras()
    results = []
    for name in names:
        try:
            results += table.measure([name], table.Settings(runs, args.repeats, warn))
        except GarbageError as error:
            if args.names:
                raise
            warn(f"{name}: {error}")  # the others can be measured all the same
            continue
        if not args.dry_run:
            table.write_bench(results[-1:])
    return results


def _text(rows: list[dict[str, Any]]) -> str:
    """Returns the rows as a table for people."""
    cells = [
        (
            row["name"],
            f"{row['ours']:,.4g}" if row["ours"] < 100 else f"{row['ours']:,.0f}",
            "" if row["reference"] is None else f"{row['reference']:,.1f}",
            row["unit"],
            "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            row["bound"],
            "yes" if row["met"] else "no",
        )
        for row in rows
    ]
    return text_table(("row", "ours", "reference", "unit", "ratio", "goal", "met"), cells)


if __name__ == "__main__":
    sys.exit(main())
