"""The imbalance lab in a real browser: what its first screen holds, and that a choice is answered."""

import shutil
from pathlib import Path

import pytest

from tests.browser.conftest import running_app
from tests.browser.test_browser import PHONE, fits
from tests.fixtures.runs import fake_run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

STUDIES = Path(__file__).resolve().parents[2] / "models" / "studies"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of the app on a machine that has the lab and a run, and no photos."""
    models = tmp_path_factory.mktemp("models")
    fake_run(models, "scratch", accuracy=0.7, seed=1)
    (models / "studies").mkdir()
    for name in ("imbalance_lab.npz", "imbalance_lab.csv"):
        shutil.copy(STUDIES / name, models / "studies")
    with running_app(models, tmp_path_factory.mktemp("machine")) as url:
        yield url


@pytest.mark.parametrize("window", [{"width": 1440, "height": 900}, PHONE], ids=["desk", "phone"])
def test_first_screen_holds_headline_controls_and_curve_and_a_choice_is_answered(open_page, window):
    page = open_page("imbalance", **window)
    headline = page.get_by_role("heading", name="With 10 training photos of trash instead of 91")
    rare = page.get_by_role("radiogroup", name="Training photos of trash")
    curve = page.locator(".st-key-rarity-recall .js-plotly-plot")
    for part in (headline, rare, page.get_by_role("combobox", name="Strategy"), curve):
        part.first.wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("document.querySelector('.st-key-rarity-recall .legendlines')")
    tops = [part.first.bounding_box() for part in (headline, rare, curve)]
    assert tops[0]["y"] < tops[1]["y"] < tops[2]["y"]
    assert tops[2]["y"] + tops[2]["height"] <= window["height"]
    assert fits(page)
    rare.get_by_role("radio", name="5", exact=True).click()
    page.get_by_text("What a strategy buys and costs: 5 photos of trash").wait_for()
    assert page.get_by_role("slider", name="Trash").input_value() == "5"
    assert "photos_trash=5" in page.url
    assert page.locator("[data-testid=stAlertContentError], [data-testid=stException]").all_inner_texts() == []
