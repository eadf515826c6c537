"""How large the figures of every page are on the wire: `python -m benchmarks.app_speed.figures`.

Prints one JSON document: kilobytes of each Plotly figure, as a list of one, by "page: figure".
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
# Pages that show more when they are asked to. Classify shows bars of six classes, once it has a photo.
VIEWS = {"comparison": ("Photo by photo", "Learning curves")}


def figures(page: str) -> Iterator[tuple[str, str]]:
    """Yields name and specification, as JSON, of each figure of a page and of its views."""
    for view in (None, *VIEWS.get(page, ())):
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=600)
        if view:
            app.query_params["view"] = view
        app.switch_page(f"pages/{page}.py").run()
        if app.exception:
            raise RuntimeError(f"The page {page} fails: {app.exception[0].message}")
        for chart in app.get("plotly_chart"):
            yield f"{page}: {chart.proto.id.rpartition('-')[2]}", chart.proto.spec


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        pages = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
        sizes = {name: [len(spec.encode()) / 1000] for page in pages for name, spec in figures(page)}
    json.dump(sizes, sys.stdout)
