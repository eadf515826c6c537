"""How long the app's server takes to answer a change of filter, page by page.

    python benchmarks/pages.py --repeats 15
    python benchmarks/pages.py --only evaluation comparison

Every page is run by Streamlit's own tester: a whole run of its script, from the change to the last element, without
browser and network, also where the app would run only the part around the filter. Each filter goes back and forth
between two choices; both are seen twice before it counts, as on a server that has been up for a while. Prints median
and 90th percentile in milliseconds, and the median of processor time, which says more where something else keeps the
machine busy: the load is printed too. A page that needs something that is not there, such as a study, is named.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
logging.disable(logging.WARNING)  # Streamlit's, that the tester is no browser
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

LIMIT = 300  # milliseconds
# Page, filter, and two choices of it. Explanations: the maps are there, only their opacity changes; a map of another
# method runs the networks, and takes as long as these do.
FILTERS = (
    ("data", "beta", 0.99, 0.999),
    ("data", "class", "glass", "metal"),
    ("data", "colored", "answer", "class"),
    ("audit", "split", "val", "test"),
    ("audit", "without", True, False),
    ("audit", "kind", "mislabelled", "contradictory"),
    ("imbalance", "split", "val", "test"),
    ("imbalance", "measure", "accuracy", "macro_f1"),
    ("training", "along", "Time", "Epochs"),
    ("training", "photos", "Training", "Both"),
    ("training", "smoothing", 0.5, 0.0),
    ("evaluation", "run", "scratch", "transfer"),
    ("evaluation", "split", "val", "test"),
    ("evaluation", "metric", "f1", "recall"),
    ("evaluation", "true", "glass", "metal"),
    ("comparison", "split", "val", "test"),
    ("comparison", "group", "both_wrong", "only_b"),
    ("comparison", "history", "accuracy", "macro_f1"),
    ("explanations", "opacity", 0.4, 0.6),
)


def widget(app: AppTest, key: str):
    """Returns the filter with a key. Raises KeyError if the page has none."""
    for kind in ("button_group", "selectbox", "toggle", "slider"):
        for element in app.get(kind):
            if element.key == key:
                return element
    raise KeyError(key)


def measure(page: str, key: str, choices: tuple, repeats: int) -> tuple[list[float], list[float]]:
    """Returns seconds on the clock, and of processor time, of every change of one filter."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=900)
    app.switch_page(f"pages/{page}.py").run()
    clock, processor = [], []
    for turn in range(4 + repeats):
        widget(app, key).set_value(choices[turn % 2])
        start = time.perf_counter(), time.process_time()
        app.run()
        if app.exception:
            raise RuntimeError(app.exception[0].message)
        if turn >= 4:
            clock.append(time.perf_counter() - start[0])
            processor.append(time.process_time() - start[1])
    return clock, processor


def main() -> int:
    """Reads the arguments, measures, prints; returns 1 if a page is slower than it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", nargs="+", metavar="PAGE", choices=sorted({page for page, *_ in FILTERS}))
    args = parser.parse_args()
    slow = False
    print(f"{'page':14}{'filter':12}{'median':>10}{'90 %':>10}{'processor':>12}   milliseconds, {args.repeats} changes")
    for page, key, *choices in FILTERS:
        if args.only and page not in args.only:
            continue
        try:
            clock, processor = (1000 * np.array(times) for times in measure(page, key, tuple(choices), args.repeats))
        except KeyError:
            print(f"{page:14}{key:12}not there: the page lacks what this filter chooses from", flush=True)
            continue
        over = np.median(clock) > LIMIT
        slow |= over
        row = f"{page:14}{key:12}{np.median(clock):10.0f}{np.percentile(clock, 90):10.0f}{np.median(processor):12.0f}"
        print(f"{row}{f'   over {LIMIT}' if over else ''}", flush=True)
    print(f"Load of this machine in the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
