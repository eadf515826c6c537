"""How long the server takes to change to another page: `python -m benchmarks.app_speed.pages [REPEATS]`.

Prints one JSON document: milliseconds of every repeat for each page, by the page's name. Every page is opened once
before, as on a server that has had its first reader. What the browser does afterwards is not in it.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]


def page_times(repeats: int = 5) -> dict[str, list[float]]:
    """Returns milliseconds of changing to each page; raises RuntimeError if one fails."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=600).run()
    names = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-1, repeats):
        for name in names:
            app.switch_page(f"pages/{name}.py")
            start = time.perf_counter()
            app.run()
            elapsed = time.perf_counter() - start
            if app.exception:
                raise RuntimeError(f"The page {name} fails: {app.exception[0].message}")
            if turn >= 0:
                times[name].append(round(1000 * elapsed, 2))
    return times


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        measured = page_times(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    json.dump(measured, sys.stdout)
