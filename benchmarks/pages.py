"""How long the app's server takes to answer a change of filter, page by page.

    python benchmarks/pages.py --repeats 15
    python benchmarks/pages.py --only evaluation comparison

What is measured is in `app_speed.filters`; `python -m garbage_core bench filter` keeps the slowest for the page
Speed. Prints median and 90th percentile in milliseconds, and the median of processor time, which says more where
something else keeps the machine busy: the load is printed too. A page that needs something that is not there, such as
a study, is named.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.app_speed.filters import FILTERS, filter_times
from benchmarks.app_speed.table import ROWS

logging.disable(logging.WARNING)  # Streamlit's, that the tester is no browser
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

LIMIT = ROWS["filter"].goal


def main() -> int:
    """Reads the arguments, measures, prints; returns 1 if a page is slower than it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", nargs="+", metavar="PAGE", choices=sorted({page for page, *_ in FILTERS}), default=[])
    args = parser.parse_args()
    slow = False
    print(f"{'page':14}{'filter':12}{'median':>10}{'90 %':>10}{'processor':>12}   milliseconds, {args.repeats} changes")
    for page, key, clock, processor in filter_times(args.repeats, args.only):
        if not clock:
            print(f"{page:14}{key:12}not there: the page lacks what this filter chooses from", flush=True)
            continue
        over = np.median(clock) > LIMIT
        slow |= over
        row = f"{page:14}{key:12}{np.median(clock):10.0f}{np.percentile(clock, 90):10.0f}{np.median(processor):12.0f}"
        print(f"{row}{f'   over {LIMIT:.0f}' if over else ''}", flush=True)
    print(f"Load of this machine in the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
