"""Page Explanations in a real browser: a drag over the photo moves the bars, and the maps blend without the server."""

import pytest

from tests.browser.test_browser import PHONE, fits

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

READY = ".exhibit .model:nth-child(2) .map"


def bottom(page, selector: str) -> float:
    """Returns where the lowest element that a selector finds ends, in pixels from the top of the window."""
    boxes = [element.bounding_box() for element in page.locator(selector).all()]
    return max(box["y"] + box["height"] for box in boxes)


@pytest.mark.parametrize("window", [{}, PHONE], ids=["desk", "phone"])
def test_photo_and_both_maps_are_in_the_first_screen(open_page, window):
    page = open_page("explanations", **window)
    page.wait_for_selector(READY)
    page.wait_for_function("[...document.querySelectorAll('.exhibit img')].every(image => image.naturalWidth > 0)")
    assert bottom(page, ".exhibit .frame") <= page.viewport_size["height"]
    assert fits(page)


@pytest.mark.parametrize("window", [{}, PHONE], ids=["desk", "phone"])
def test_a_drag_over_the_photo_covers_it_and_the_probabilities_follow(open_page, window):
    page = open_page("explanations?photo=Drawing&drawing=can", **window)
    page.wait_for_selector(READY)
    photo = page.locator(".exhibit .photo img")
    before = photo.get_attribute("src")
    box = page.locator(".exhibit canvas").bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_function("before => document.querySelector('.exhibit .photo img').src !== before", arg=before)
    assert "parts covered" in photo.get_attribute("alt")
    page.get_by_role("button", name="Uncover").click()
    page.wait_for_function("before => document.querySelector('.exhibit .photo img').src === before", arg=before)


def test_a_part_is_covered_by_keyboard(open_page):
    page = open_page("explanations")
    page.wait_for_selector(READY)
    before = page.locator(".exhibit .photo img").get_attribute("src")
    page.locator(".exhibit canvas").focus()
    for key in ("ArrowLeft", "ArrowUp", " "):
        page.keyboard.press(key)
    page.wait_for_function("before => document.querySelector('.exhibit .photo img').src !== before", arg=before)
    assert page.locator(".exhibit .photo img").get_attribute("alt").startswith("The photo drawing of a bottle, 9 of")


def test_the_slider_fades_the_maps_in_the_browser(open_page):
    page = open_page("explanations")
    page.wait_for_selector(READY)
    opacity = "getComputedStyle(document.querySelector('.exhibit .map')).opacity"
    assert float(page.evaluate(opacity)) == pytest.approx(0.75)
    page.get_by_role("slider", name="Opacity of the maps").press("Home")
    assert float(page.evaluate(opacity)) == 0


def test_a_click_in_the_filmstrip_explains_that_drawing(open_page):
    page = open_page("explanations")
    page.wait_for_selector(READY)
    page.locator(".filmstrip").get_by_role("button", name="Drawn can").click()
    page.wait_for_url("**drawing=can*")
    page.wait_for_function("document.querySelector('.exhibit figcaption span').textContent === 'Drawing of a can'")
    pressed = page.locator(".filmstrip [aria-pressed=true]")
    pressed.get_by_text("Drawn can").wait_for()
    assert pressed.count() == 1
