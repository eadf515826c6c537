"""How long the server takes to answer a change of filter: `python -m benchmarks.app_speed.filters [REPEATS]`.

Prints one JSON document: milliseconds of every change of each filter, by "page: filter". Each page is run by
Streamlit's own tester: a whole run of its script, from the change to the last element, without browser and network,
also where the app would run only the part around the filter. Each filter goes back and forth between two choices; both
are seen twice before it counts, as on a server that has been up for a while. A filter that is not there, because its
page lacks what it chooses from, is left out.
"""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
WARM_UP = 4
# Page, with its view if it has some, filter, and two choices of it. Explanations: class activation maps of another
# class; maps of another method are computed in the background, and take as long as the networks do.
FILTERS = (
    ("data", "beta", 0.99, 0.999),
    ("data", "class", "glass", "metal"),
    ("data", "colored", "correct", "class"),
    ("audit", "split", "val", "test"),
    ("audit", "without", True, False),
    ("audit", "kind", "mislabeled", "contradictory"),
    ("imbalance", "split", "val", "test"),
    ("imbalance", "measure", "accuracy", "macro_f1"),
    ("evaluation", "run", "scratch", "transfer"),
    ("evaluation", "split", "val", "test"),
    ("evaluation", "metric", "f1", "recall"),
    ("evaluation", "true", "glass", "metal"),
    ("comparison", "split", "val", "test"),
    ("comparison?view=Photo by photo", "group", "both_wrong", "only_b"),
    ("comparison?view=Learning curves", "along", "Time", "Epochs"),
    ("comparison?view=Learning curves", "photos", "Training", "Both"),
    ("comparison?view=Learning curves", "smoothing", 0.5, 0.0),
    ("explanations", "target", "glass", "metal"),
)


def filter_times(repeats: int = 5, pages: Sequence[str] = ()) -> Iterator[tuple[str, str, list[float], list[float]]]:
    """Measures the filters, one after the other.

    Args:
        repeats: How many changes of each are timed.
        pages: Whose filters; none for all.

    Yields:
        Page, filter, and of every change milliseconds on the clock and of processor time; empty lists for a filter
        that is not there.

    Raises:
        RuntimeError: A page fails.
    """
    for page, key, *choices in FILTERS:
        if pages and page not in pages:
            continue
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=900)
        name, _, view = page.partition("?view=")
        if view:
            app.query_params["view"] = view
        app.switch_page(f"pages/{name}.py").run()
        clock, processor = [], []
        for turn in range(WARM_UP + repeats):
            _check(app, page)
            widget = _widget(app, key)
            if widget is None:
                break
            widget.set_value(choices[turn % 2])
            start = time.perf_counter(), time.process_time()
            app.run()
            took = time.perf_counter() - start[0], time.process_time() - start[1]
            if turn >= WARM_UP:
                clock.append(round(1000 * took[0], 2))
                processor.append(round(1000 * took[1], 2))
        _check(app, page)
        yield page, key, clock, processor


def _widget(app: AppTest, key: str):
    """Returns the filter with a key, None if the page has none."""
    elements = (element for kind in ("button_group", "selectbox", "toggle", "slider") for element in app.get(kind))
    return next((element for element in elements if element.key == key), None)


def _check(app: AppTest, page: str) -> None:
    if app.exception:
        raise RuntimeError(f"The page {page} fails: {app.exception[0].message}")


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        measured = filter_times(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
        times = {f"{page}: {key}": clock for page, key, clock, _ in measured if clock}
    json.dump(times, sys.stdout)
