"""From a number to the photos behind it, with real clicks, taps, keys and downloads."""

import io
import re
import shutil

import pandas as pd
import pytest
from PIL import Image

from garbage_core.data.classes import CLASS_NAMES
from garbage_core.evaluation.comparison import compare
from garbage_core.evaluation.confusion_matrix import photo_table
from garbage_core.runs.run import load_run
from tests.browser.conftest import running_app
from tests.browser.test_browser import PHONE, fits
from tests.fixtures.photos import small_dataset, write_folder
from tests.fixtures.runs import retrained_on

pytestmark = [pytest.mark.browser, pytest.mark.timeout(2400)]

MATRIX = "confusion-matrix"


@pytest.fixture(scope="module")
def address(models, tmp_path_factory):
    """The address of the app on a machine that has the photos, where the user's downloads go."""
    place = tmp_path_factory.mktemp("machine")
    write_folder(place / "garbage_core", small_dataset(CLASS_NAMES, photos=18))
    shutil.copytree(models, place / "models")
    retrained_on(place / "models", place / "garbage_core")
    with running_app(place / "models", place) as url:
        yield url


@pytest.fixture(scope="module")
def photos(models):
    """What `transfer` predicts for the test photos."""
    run = load_run("transfer", models)
    return photo_table(run.predictions, run.classes, "test", run.temperature)


def cells_of(photos) -> list[tuple[str, str, set[str]]]:
    """Returns (true class, predicted class, files) of three cells of the matrix that have photos, mistakes first."""
    groups = [(*cell, set(rows["file"])) for cell, rows in photos.groupby(["label", "predicted"])]
    return sorted(groups, key=lambda cell: (cell[0] == cell[1], -len(cell[2])))[:3]


def plane_of(page, figure: str) -> dict:
    """Returns where the cells of a matrix stand, once it has taken the place of the one before."""
    plane = f".st-key-{figure} .nsewdrag"
    # While the page runs, the figure may still be replaced, and a click on the old one is lost.
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("plane => document.querySelectorAll(plane).length === 1", arg=plane)
    page.locator(f".st-key-{figure}").scroll_into_view_if_needed()
    return page.locator(plane).bounding_box()


def press(page, figure: str, row: int, column: int, rows: int, columns: int, tap: bool = False) -> None:
    """Clicks or taps a cell of a matrix away from its middle: every place of a cell must do."""
    box = plane_of(page, figure)
    x = box["x"] + box["width"] * (column + 0.8) / columns
    y = box["y"] + box["height"] * (row + 0.2) / rows
    (page.touchscreen.tap if tap else page.mouse.click)(x, y)


def press_until(page, address: str, *cell, tap: bool) -> None:
    """Presses a cell until the address says so: on a busy machine a figure can be replaced under the finger."""
    for _ in range(20):
        press(page, *cell, tap=tap)
        for _ in range(60):
            if address in page.url:
                return
            page.wait_for_timeout(250)
    pytest.fail(f"No press led to {address}; the address is {page.url}.")


def tiles(page) -> set[str]:
    """Returns the files whose photos the tiles show, once the page stands still."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    shown = page.get_by_alt_text(re.compile("^Photo ")).all()
    return {image.get_attribute("alt").removeprefix("Photo ") for image in shown}


def shows(page, files: set[str]) -> None:
    """Waits until the tiles show these photos and no others."""
    page.wait_for_function(
        """files => {
            const shown = [...document.querySelectorAll('[data-testid=stImage] img')]
                .map(image => image.alt).filter(alt => alt.startsWith('Photo ')).map(alt => alt.slice(6));
            return shown.length === files.length && files.every(file => shown.includes(file));
        }""",
        arg=sorted(files),
    )


@pytest.mark.parametrize("window", [{}, PHONE], ids=["click", "tap"])
def test_a_cell_of_the_matrix_leads_to_its_photos_and_these_to_their_heat_maps(open_page, photos, window):
    page = open_page("evaluation", **window)
    for label, predicted, files in cells_of(photos):
        row, column = CLASS_NAMES.index(label), CLASS_NAMES.index(predicted)
        press_until(page, f"true={label}&predicted={predicted}", MATRIX, row, column, 6, 6, tap=bool(window))
        shows(page, files)
        assert page.get_by_role("combobox", name="True class").input_value() == label
        assert page.get_by_role("combobox", name="Predicted class").input_value() == predicted
    assert fits(page)
    address = page.url
    page.get_by_role("link", name="Heat maps").first.click()
    page.get_by_role("heading", name="Which part of the photo decides?").wait_for()
    assert re.search(r"file=(\w+)(/|%2F)\1\d+\.jpg", page.url)
    page.go_back()
    shows(page, files)
    assert f"true={label}&predicted={predicted}" in page.url
    # The address alone gives the same view to somebody else.
    page.goto(address)
    shows(page, files)


@pytest.mark.parametrize("window", [{}, PHONE], ids=["click", "tap"])
def test_a_field_of_the_comparison_leads_to_its_photos(open_page, models, window):
    a, b = (load_run(name, models) for name in ("scratch", "transfer"))
    comparison = compare(a.predictions, b.predictions, a.classes, "test", resamples=0)
    page = open_page("comparison?view=Photo+by+photo", **window)
    names = {"both_right": "Both right", "only_a": "Only Scratch right", "only_b": "Only Transfer right"}
    for group, row, column in (("both_right", 0, 0), ("only_a", 0, 1), ("both_wrong", 1, 1), ("only_b", 1, 0)):
        press(page, "right-and-wrong", row, column, 2, 2, tap=bool(window))
        files = set(comparison.group(group)["file"])
        assert files
        name = names.get(group, "Both wrong")
        page.get_by_text(f"{name}: {len(files)} photo").wait_for()
        assert page.get_by_role("combobox", name="Photos").input_value() == name
        shown = tiles(page)
        assert len(shown) == min(len(files), 8)
        assert shown <= files
    assert fits(page)
    page.goto(page.url)  # the address alone gives the same view to somebody else
    page.get_by_text(f"Only Transfer right: {len(files)} photo").wait_for()
    shows(page, files)


def test_the_keyboard_leads_there_too(open_page, photos):
    label, predicted, files = cells_of(photos)[0]
    page = open_page("evaluation")
    for name, choice in (("True class", label), ("Predicted class", predicted)):
        page.get_by_role("combobox", name=name).focus()
        page.keyboard.press("Enter")
        page.keyboard.type(choice)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**={choice}*")
    shows(page, files)


def test_a_finger_on_the_matrix_scrolls_the_page(open_page):
    page = open_page("evaluation", **PHONE)
    page.get_by_text("Every kind of mistake, counted").wait_for()
    press(page, MATRIX, 0, 5, 6, 6, tap=True)
    page.wait_for_url("**predicted=trash*")
    page.get_by_text("cardboard photos are predicted as trash").wait_for()
    box = plane_of(page, MATRIX)
    before = page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    touch = page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, min(box["y"] + 0.9 * box["height"], PHONE["height"] - 20)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 16):
        point = {"x": x, "y": y - 10 * step}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        page.wait_for_timeout(20)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function(
        "before => document.querySelector('[data-testid=stMain]').scrollTop > before + 60", arg=before
    )


@pytest.mark.parametrize(("theme", "background"), [("light", (255, 255, 255)), ("dark", (18, 23, 26))])
def test_figures_download_with_the_background_of_the_page(open_page, photos, theme, background):
    page = open_page("evaluation", theme=theme)
    page.locator(".st-key-per-class-csv").scroll_into_view_if_needed()
    page.locator(".st-key-per-class .nsewdrag").wait_for(state="attached")

    def fetch(name: str) -> bytes:
        with page.expect_download() as download:
            if name == "CSV":
                page.locator(".st-key-per-class-csv").get_by_role("button").click()
            else:
                page.get_by_role("button", name=f"Download this figure as {name}: Bars").click()
        assert download.value.suggested_filename == f"per-class.{name.lower()}"
        return download.value.path().read_bytes()

    image = Image.open(io.BytesIO(fetch("PNG"))).convert("RGB")
    assert image.size[0] > 800
    assert image.getpixel((2, 2)) == background
    drawing = fetch("SVG").decode()
    assert drawing.startswith("<svg")
    assert f"fill: rgb{background}" in re.search("<rect[^>]*>", drawing).group()  # behind everything else
    assert "cardboard" in drawing
    words = {tuple(map(int, color.split(","))) for color in re.findall(r"<text[^>]*?fill: rgb\(([\d, ]+)\)", drawing)}
    assert words
    for color in words:  # readable on the background
        assert abs(sum(color) - sum(background)) > 200, color
    table = pd.read_csv(io.BytesIO(fetch("CSV")))
    assert table["label"].tolist() == list(CLASS_NAMES)
    assert table["support"].sum() == len(photos)
