"""The real app in a real browser: what no simulated page can show."""

import io
import re

import pytest
from PIL import Image, ImageDraw

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PAGES = {
    "evaluation": "How good is it, and where does it fail?",
    "about": "Which models are these?",
    "models": "Which models are these?",
    "findings": "What did we learn?",
    "": "Garbage classification",
    "data": "What is in the data?",
    "audit": "Can the data be trusted?",
    "training": "What is pretraining worth?",
    "comparison": "What is pretraining worth?",
    "augmentation": "What does training change in the photos?",
}
PHONE = {"width": 390, "height": 844}


def drawing() -> bytes:
    """Returns a drawn bottle as a portrait JPEG, as large as from a phone."""
    canvas = Image.new("RGB", (1512, 2016), (232, 228, 220))
    draw = ImageDraw.Draw(canvas)
    draw.rounded_rectangle((556, 800, 956, 1800), 90, fill=(46, 125, 84))
    draw.rectangle((676, 300, 836, 900), fill=(46, 125, 84))
    file = io.BytesIO()
    canvas.save(file, "JPEG")
    return file.getvalue()


def fits(page) -> bool:
    """Returns whether nothing is wider than the window."""
    return page.evaluate(
        """() => {
            const main = document.querySelector('[data-testid=stMain]');
            return main.scrollWidth <= main.clientWidth && document.documentElement.scrollWidth <= innerWidth;
        }"""
    )


@pytest.mark.parametrize(("path", "question"), PAGES.items())
def test_a_link_to_a_page_opens_it_and_it_fits_a_phone(open_page, path, question):
    page = open_page(path, **PHONE)
    page.get_by_role("heading", name=question, level=1).wait_for()
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_load_state("networkidle")
    assert page.get_by_text("Page not found").count() == 0
    assert page.locator("[data-testid=stAlertContentError], [data-testid=stException]").all_inner_texts() == []
    assert fits(page)


def test_a_shared_link_opens_the_same_view(open_page):
    page = open_page("evaluation?run=Scratch&split=Validation")
    page.get_by_text("Scratch is right on").wait_for()
    page.get_by_text("8 validation photos").or_(page.get_by_text("validation photos.")).first.wait_for()
    assert "run=Scratch" in page.url


@pytest.mark.parametrize("window", [{"width": 1440, "height": 900}, PHONE], ids=["desk", "phone"])
def test_an_uploaded_photo_gets_both_answers_and_both_heat_maps(open_page, window):
    page = open_page(**window)
    file = {"name": "bottle <1>.jpg", "mimeType": "image/jpeg", "buffer": drawing()}
    page.set_input_files("input[type=file]", files=[file])
    page.get_by_text("What each model saw").click()
    for title in ("Transfer", "Scratch"):
        page.get_by_role("heading", name=title, exact=True).wait_for()
        page.get_by_alt_text(re.compile(f"^Heat map of {title} over the photo")).first.wait_for()
    answer = page.get_by_role("heading").first
    assert "%" in answer.inner_text()
    # The answer is on the screen without scrolling past the photo.
    box = answer.bounding_box()
    assert box["y"] + box["height"] < window["height"]
    # The pictures have arrived, and the maps are neither the photo nor each other.
    pictures = page.get_by_alt_text(re.compile("^(Heat map of|The photo)"))
    loaded = "image => image.complete && image.naturalWidth > 0"
    assert all(picture.evaluate(loaded) for picture in pictures.all())
    assert len({picture.get_attribute("src") for picture in pictures.all()}) == 3
    page.locator(".js-plotly-plot").nth(1).wait_for()
    assert fits(page)


@pytest.mark.parametrize(("theme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(18, 23, 26)")])
def test_the_theme_follows_the_reader(open_page, theme, background):
    page = open_page("about", theme=theme)
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == background
