"""Heat maps in a real browser: the slider changes the pictures and nothing else, and what is shown is what arrives."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from tests.browser.test_browser import PHONE, fits

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
MAPS = """() => [...document.querySelectorAll("[data-testid=stImage] img")]
    .filter(image => image.alt.includes(" map of ")).map(image => image.src)"""


def pixels(page) -> np.ndarray:
    """Downloads the first map as PNG and returns it as float32 (h, w, 3)."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as PNG").first.click()
    page.wait_for_selector(IDLE)  # the click runs the page again; keys pressed meanwhile can be lost
    assert re.fullmatch(r"drawing-of-a-can-\w+-\w+-gradcam\.png", download.value.suggested_filename)
    return np.asarray(Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB"), dtype=np.float32)


@pytest.mark.parametrize("window", [{}, PHONE], ids=["desk", "phone"])
def test_the_slider_blends_both_maps_anew_and_leaves_the_rest(open_page, window):
    page = open_page("explanations?photo=Drawing&drawing=can", **window)
    page.get_by_text("Area under the curve").nth(1).wait_for()
    page.wait_for_selector(IDLE)
    page.wait_for_function(f"new Set(({MAPS})()).size === 2")
    before, strong = page.evaluate(MAPS), pixels(page)
    answer = page.get_by_role("heading", level=3).first.inner_text()
    page.get_by_role("slider", name="Opacity of the map").press("Home")
    page.wait_for_url("**opacity=0*")
    page.wait_for_function(
        f"before => {{ const now = ({MAPS})(); return now.length === 2 && !now.some(map => before.includes(map)); }}",
        arg=before,
    )
    page.wait_for_selector(IDLE)
    assert page.get_by_role("heading", level=3).first.inner_text() == answer
    assert page.get_by_text("Area under the curve").count() == 2
    photo = pixels(page)  # as it is shown now: the photo alone
    page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert photo.shape == strong.shape
    assert np.abs(photo - strong).mean() > 5
    assert fits(page)
