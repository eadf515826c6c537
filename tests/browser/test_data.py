"""The first screen of the page on the data set: photos of every class, the map, and how many photos a class has."""

from pathlib import Path

import pytest

from garbage_core.data.classes import CLASS_NAMES
from tests.browser.conftest import running_app
from tests.browser.test_browser import PHONE
from tests.fixtures.photos import small_dataset, write_folder
from tests.fixtures.runs import fake_run, retrained_on

READY = "[data-testid=stApp][data-test-script-state=notRunning]"
DESK = {"width": 1440, "height": 900}
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def open_data(new_tab, url: str, window: dict):
    """Opens the page and waits until it is drawn."""
    page = new_tab(**window)
    page.goto(f"{url}/data")
    page.locator(".st-key-class-distribution .js-plotly-plot").wait_for()
    page.wait_for_selector(READY)
    return page


def bottom(locator) -> float:
    """Returns where an element ends in the window, in pixels from its top."""
    box = locator.bounding_box()
    return box["y"] + box["height"]


@pytest.fixture(scope="module")
def with_photos(tmp_path_factory):
    """The address of the app on a machine that has the photos of its run."""
    models, place = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("machine")
    fake_run(models, "transfer")
    write_folder(place / "garbage_core", small_dataset(CLASS_NAMES, photos=18))
    retrained_on(models, place / "garbage_core")
    with running_app(models, place) as url:
        yield url


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The address of the app with the committed runs and without a photo."""
    with running_app(ROOT / "models", tmp_path_factory.mktemp("machine")) as url:
        yield url


@pytest.mark.parametrize("window", [DESK, PHONE], ids=["desk", "phone"])
def test_the_first_screen_shows_a_photo_of_every_class(with_photos, new_tab, window):
    page = open_data(new_tab, with_photos, window)
    for name in CLASS_NAMES:
        photo = page.locator(f"img[alt^='Photo {name}/']").first
        photo.wait_for()
        assert bottom(photo) < window["height"]
        assert photo.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    if window == DESK:
        assert bottom(page.locator(".st-key-class-distribution .nsewdrag").first) < window["height"]


@pytest.mark.parametrize("window", [DESK, PHONE], ids=["desk", "phone"])
def test_without_photos_the_first_screen_names_every_class(committed, new_tab, window):
    page = open_data(new_tab, committed, window)
    main = page.get_by_test_id("stMain")
    for name in CLASS_NAMES:
        assert bottom(main.locator("strong").get_by_text(name, exact=True)) < window["height"]
    assert main.get_by_role("heading").count() <= 5
    assert page.locator(".st-key-photo-map .nsewdrag").first.bounding_box()["y"] < window["height"] - 150
    if window == DESK:
        assert bottom(page.locator(".st-key-photo-map .nsewdrag").first) < window["height"]
        assert bottom(page.locator(".st-key-class-distribution .nsewdrag").first) < window["height"]
