"""The map of photos in a real browser: a click on a point shows its photo, and so does a link to it."""

import numpy as np
import pandas as pd
import pytest

from tests.browser.conftest import running_app
from tests.browser.test_browser import PHONE
from tests.fixtures.runs import fake_run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Where a point of the map stands in the window, and the file it stands for.
FIND_POINT = """(place) => {
    const plot = document.querySelector(".st-key-photo-map .js-plotly-plot");
    const { xaxis, yaxis } = plot._fullLayout, trace = plot._fullData[0];
    const area = plot.querySelector(".nsewdrag").getBoundingClientRect();
    const left = area.left + xaxis.c2p(trace.x[place]), top = area.top + yaxis.c2p(trace.y[place]);
    return [left, top, trace.customdata[place][0]];
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of the app with one run and its map: points of a lattice, so that no two lie on each other."""
    from garbage_core.audit.embeddings import Embeddings, save_embeddings

    folder = tmp_path_factory.mktemp("models")
    run = fake_run(folder, "transfer", classes=("can", "jar"), counts={"train": 9, "val": 4, "test": 5})
    files = tuple(run.predictions["file"])
    embeddings = Embeddings(
        files=files,
        vectors=np.eye(len(files), dtype=np.float32),
        probabilities=np.full((len(files), 2), 0.5, np.float32),
        classes=run.classes,
        layer="features",
        weights_sha256=run.weights_sha256,
        fingerprint=run.info["data_fingerprint"],
    )
    y, x = np.divmod(np.arange(len(files)), 6)
    save_embeddings(run, embeddings, pd.DataFrame({"file": files, "x": x, "y": y}))
    with running_app(folder, tmp_path_factory.mktemp("machine")) as url:
        yield url


def test_a_click_on_a_point_shows_its_photo_and_the_link_keeps_it(open_page, new_tab):
    page = open_page("data")
    page.locator(".st-key-photo-map .nsewdrag").first.wait_for(state="attached")
    seen = set()
    for place in (3, 11):
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.locator(".st-key-photo-map").first.scroll_into_view_if_needed()
        page.wait_for_timeout(1000)  # until the page has stopped moving
        left, top, file = page.evaluate(FIND_POINT, place)
        page.mouse.click(left, top)
        page.get_by_text(file.rpartition("/")[2], exact=False).last.wait_for()
        page.wait_for_function("file => new URL(location).searchParams.get('point') === file", arg=file)
        seen.add(file)
    assert len(seen) == 2
    again = new_tab()
    again.goto(page.url)
    again.get_by_text(file.rpartition("/")[2], exact=False).last.wait_for()


@pytest.mark.parametrize("window", [{}, PHONE], ids=["click", "tap"])
def test_a_point_of_the_bench_s_map_is_selected_by_a_click_or_a_finger_beside_it(open_page, window):
    page = open_page("evaluation", **window)
    page.locator(".st-key-feature-map .nsewdrag").first.wait_for(state="attached")
    page.locator(".st-key-feature-map").first.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)  # until the page has stopped moving
    left, top, file = page.evaluate(FIND_POINT.replace("photo-map", "feature-map"), 2)
    (page.touchscreen.tap if window else page.mouse.click)(left + 6, top + 6)
    page.wait_for_function("new URL(location).searchParams.has('area')")
    page.get_by_text(file.rpartition("/")[2]).last.wait_for()
