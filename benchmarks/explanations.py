"""Seconds that each method of explanation takes for one photo, shown beside its name on page Explanations.

    python -m benchmarks.explanations transfer

Writes models/studies/explanations.json, which `python -m docs.speed` puts into docs/speed.md.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.app_speed.table import machine
from garbage_core.cli.options import add_common, positive, write_result
from garbage_core.errors import GarbageError
from garbage_core.utils.text import text_table


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, stores and prints the times; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explanations", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("name", nargs="?", default="transfer", help="name of a run (default: %(default)s)")
    parser.add_argument("--repeats", type=positive, default=5, metavar="N", help="rounds; the fastest counts")
    parser.add_argument("--dry-run", action="store_true", help="do not store the result")
    add_common(parser, "--json")
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from garbage_core.explain.times import Times, measure, save_times
    from garbage_core.inference.classifier import Classifier
    from garbage_core.runs.run import load_run

    try:
        classifier = Classifier.from_run(load_run(args.name))
        methods, faithfulness = measure(classifier, args.repeats)
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
        about = (args.name, classifier.runtime, classifier.size, machine(), today, load)
        times = Times(methods, faithfulness, *about)
        if not args.dry_run:
            save_times(times)
    except GarbageError as error:
        print(error, file=sys.stderr)
        return 2
    rows = [(name, f"{seconds:.2f}") for name, seconds in [*methods.items(), ("faithfulness", faithfulness)]]
    found = {**methods, "faithfulness": faithfulness}
    write_result(found, lambda _: text_table(("method", "seconds"), rows), args.json, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
