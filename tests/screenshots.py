"""Takes the pictures of the app that README shows, with the runs of this repository and without any photo of the data.

    python -m tests.screenshots                     # all of them, a few minutes
    python -m tests.screenshots imbalance-light     # some

Needs Chromium and the development requirements. A picture shows what a visitor sees of a page at first; it
is written to docs/images/, its colors reduced to a palette, and refused above 200 kB.
"""

import argparse
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.browser.conftest import FLAGS, PATIENCE, ROOT, chromium_path, running_app
from tests.fixtures.photos import cardboard

FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 200_000
# Plotly fades and grows its figures in for half a second after the page itself stands still.
SETTLED_MS = 3000


@dataclass(frozen=True)
class Shot:
    """One picture: which view, and how high its window is, which is 1440 pixels wide.

    With `upload` the view is first handed a drawing that looks like a photo.
    """

    link: str
    height: int = 900
    upload: bool = False


SHOTS = {
    "classify-light": Shot("", upload=True),
    "comparison-light": Shot("comparison", height=1000),
    "imbalance-light": Shot("imbalance", height=1000),
}


def take(browser, address: str, shot: Shot) -> bytes:
    """Returns a picture of a view once nothing on it moves any more, as PNG."""
    context = browser.new_context(viewport={"width": 1440, "height": shot.height}, color_scheme="light")
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    page.goto(f"{address}/{shot.link}")
    page.wait_for_selector("h1")
    if shot.upload:
        page.set_input_files("input[type=file]", {"name": "box.jpg", "mimeType": "image/jpeg", "buffer": cardboard()})
        page.get_by_alt_text("Heat map of").first.wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0")
    page.wait_for_timeout(SETTLED_MS)
    if missing := page.locator("[data-testid=stAlertContentError], [data-testid=stException]").all_inner_texts():
        raise SystemExit(f"{shot.link} shows an error: {missing[0]}")
    picture = page.screenshot()
    context.close()
    return picture


def compressed(picture: bytes) -> bytes:
    """Returns a PNG with a palette of 256 colors instead of millions, which text and charts do not need."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        buffer, "PNG", optimize=True
    )
    return buffer.getvalue()


def main() -> None:
    """Reads the arguments, starts the app, takes the pictures."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *SHOTS], help="which (default: all)")
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder of the runs")
    args = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        running_app(args.models, Path(place)) as address,
        sync_playwright() as p,
    ):
        browser = p.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for name in args.names or SHOTS:
            picture = compressed(take(browser, address, SHOTS[name]))
            if len(picture) > MOST_BYTES:
                raise SystemExit(f"{name} has {len(picture):,} bytes, more than {MOST_BYTES:,}: show less in it.")
            path = FOLDER / f"{name}.png"
            path.write_bytes(picture)
            print(f"{path.relative_to(ROOT)}  {len(picture):,} bytes", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
