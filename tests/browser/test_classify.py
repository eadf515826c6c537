"""The landing page in a real browser, with files as phones, browsers and cameras hand them over; all are drawn here."""

import base64
import csv
import io

import pillow_heif
import pytest
from PIL import Image, ImageDraw

from tests.browser.conftest import FLAGS, PATIENCE, chromium_path

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

PHONE = {"width": 390, "height": 844}
ORIENTATION = 0x0112
WIPE = "Wipe between the photo and its heat map"
GREEN, GRAY = (46, 125, 84), (232, 228, 220)


def bottle(width: int = 900, height: int = 1200, color=GREEN) -> Image.Image:
    """Draws a bottle that stands upright: a broad body at the bottom, a neck at the top."""
    image = Image.new("RGB", (width, height), GRAY)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0.3 * width, 0.4 * height, 0.7 * width, 0.95 * height), 0.05 * width, fill=color)
    draw.rectangle((0.42 * width, 0.1 * height, 0.58 * width, 0.5 * height), fill=color)
    return image


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(file, format="HEIF", quality=80)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def phone_jpeg() -> bytes:
    """A portrait photo as phones store it: lying on its side, with a note on how to turn it."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = bottle(3024, 4032).transpose(Image.Transpose.ROTATE_90)
    return encoded(lying, "JPEG", exif=exif, quality=90)


def choose(page, *files: tuple[str, bytes]) -> None:
    """Hands files over as (name, content); the type a browser would name is kept from the app."""
    page.set_input_files(
        "input[type=file]",
        files=[{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files],
    )


def wait_for_answer(page):
    """Waits until both models have answered; returns the headline."""
    page.get_by_alt_text("Heat map of").first.wait_for()
    for title in ("Transfer", "Scratch"):
        page.get_by_role("cell", name=title).first.wait_for()
    page.wait_for_function(
        "[...document.images].filter(image => image.checkVisibility())"
        ".every(image => image.complete && image.naturalWidth > 0)"
    )
    return page.get_by_role("heading", level=1).first


def pixels(page, picture) -> Image.Image:
    """Returns what the browser got as one of its pictures."""
    content = picture.evaluate("image => image.src").partition(",")[2]
    return Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")


@pytest.mark.parametrize("window", [{"width": 1440, "height": 900}, PHONE], ids=["desk", "phone"])
def test_a_portrait_photo_from_a_phone_stands_upright_with_its_answer_in_sight(open_page, window):
    page = open_page(**window)
    choose(page, ("IMG_2041.JPG", phone_jpeg()))
    headline = wait_for_answer(page)
    box = headline.bounding_box()
    assert 0 <= box["y"] < box["y"] + box["height"] <= window["height"]
    shown = pixels(page, page.get_by_alt_text("The photo IMG_2041.JPG", exact=True).first)
    width, height = shown.size
    assert width < height
    # The neck is at the top and the body at the bottom: beside the neck there is background.
    assert abs(shown.getpixel((width * 35 // 100, height * 80 // 100))[0] - GREEN[0]) < 25
    assert abs(shown.getpixel((width * 35 // 100, height * 20 // 100))[0] - GRAY[0]) < 25


@pytest.mark.parametrize(("name", "kind"), [("IMG_2042.HEIC", "HEIF"), ("download.webp", "WEBP")])
def test_other_formats_are_shown_and_answered(open_page, name, kind):
    page = open_page()
    choose(page, (name, encoded(bottle(), kind)))
    assert "%" in wait_for_answer(page).inner_text()
    shown = pixels(page, page.get_by_alt_text(f"The photo {name}", exact=True).first)
    assert abs(shown.getpixel((shown.width // 2, shown.height * 7 // 10))[1] - GREEN[1]) < 25


def test_a_batch_with_broken_files_is_answered_and_downloaded(open_page):
    page = open_page()
    colors = [(20 * number, 255 - 20 * number, 128) for number in range(10)]
    sound = [(f"photo {n}.jpg", encoded(bottle(400, 300, c), "JPEG")) for n, c in enumerate(colors)]
    torn = ("torn.jpg", sound[0][1][:900])
    choose(page, *sound[:4], torn, *sound[4:], ("renamed program.png", b"MZ" + bytes(200)))
    page.get_by_text("12 files, as classified by").wait_for()
    page.get_by_text("torn.jpg is cut off").wait_for()
    page.get_by_text("renamed program.png is not a photo of a known format").wait_for()
    wait_for_answer(page)
    totals = page.get_by_role("heading", level=1).first.inner_text()
    assert sum(int(word) for word in totals.replace(",", "").split() if word.isdigit()) == 10
    lines = table(page)
    assert [line["file"] for line in lines] == [name for name, _ in sound]
    for line in lines:
        assert 0 < float(line["transfer_confidence"]) <= 1
        assert line["scratch_accepted"] in ("True", "False")


def table(page) -> list[dict[str, str]]:
    """The rows of the answers, as they are downloaded."""
    with page.expect_download(timeout=1000 * PATIENCE) as waiting:
        page.get_by_test_id("stBaseButton-secondary").filter(has_text="Download as CSV").click()
    assert waiting.value.suggested_filename == "predictions.csv"
    return list(csv.DictReader(io.StringIO(waiting.value.path().read_text("utf-8-sig"))))


def test_a_folder_is_answered_file_by_file(open_page, tmp_path):
    folder = tmp_path / "Ferien 2024"
    photos = {
        "bottle.jpg": "JPEG",
        "day 2/bottle.jpg": "JPEG",
        "day 2/x.HEIC": "HEIF",
        "download.webp": "WEBP",
    }
    (folder / "day 2").mkdir(parents=True)
    for number, (name, kind) in enumerate(photos.items()):
        (folder / name).write_bytes(encoded(bottle(400, 300, (60 * number, 90, 255 - 60 * number)), kind))
    (folder / "day 2" / "torn.png").write_bytes(encoded(bottle(400, 300), "PNG")[:500])
    (folder / "notes.txt").write_text("What we drank, and where.\n")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" + bytes(200))
    page = open_page()
    page.get_by_role("radio", name="Folder").click()
    page.set_input_files("input[type=file][webkitdirectory]", folder)
    page.get_by_text("6 files, as classified by").wait_for()
    page.get_by_text(f"{folder.name}/notes.txt is a text file").wait_for()
    page.get_by_text(f"{folder.name}/day 2/torn.png is cut off").wait_for()
    assert page.get_by_test_id("stAlert").count() == 2
    assert [line["file"] for line in table(page)] == [f"{folder.name}/{name}" for name in photos]


def test_photos_are_dropped_onto_the_page(open_page):
    page = open_page()
    files = {"first.jpg": encoded(bottle(400, 300), "JPEG"), "second.png": encoded(bottle(300, 400), "PNG")}
    dragged = page.evaluate_handle(
        """files => {
            const dragged = new DataTransfer();
            for (const [name, data] of Object.entries(files)) {
                const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
                dragged.items.add(new File([bytes], name));
            }
            return dragged;
        }""",
        {name: base64.b64encode(data).decode() for name, data in files.items()},
    )
    zone = page.get_by_test_id("stFileUploaderDropzone")
    for event in ("dragenter", "dragover"):
        zone.dispatch_event(event, {"dataTransfer": dragged})
    page.get_by_text("Drag and drop files here").wait_for()
    zone.dispatch_event("drop", {"dataTransfer": dragged})
    page.get_by_text("2 files, as classified by").wait_for()
    assert [line["file"] for line in table(page)] == list(files)


def test_a_photo_survives_another_tab_and_goes_with_a_reload(open_page):
    first, second = open_page(), open_page()
    choose(first, ("first.jpg", encoded(bottle(), "JPEG")))
    choose(second, ("second.jpg", encoded(bottle(color=(200, 60, 40)), "JPEG")))
    for page, name in ((first, "first.jpg"), (second, "second.jpg")):
        wait_for_answer(page)
        page.get_by_alt_text(f"The photo {name}", exact=True).first.wait_for()
    first.reload()
    first.get_by_text("Or try one of these").wait_for()
    assert first.get_by_alt_text("The photo first.jpg", exact=True).count() == 0
    assert second.get_by_alt_text("The photo second.jpg", exact=True).first.is_visible()


def paste(page, name: str, data: bytes) -> None:
    """Pastes a file while nothing in particular has the focus."""
    page.evaluate(
        """([name, data]) => {
            const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([bytes], name, {type: "image/png"}));
            document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
        }""",
        [name, base64.b64encode(data).decode()],
    )


def test_a_photo_pasted_anywhere_is_answered_and_takes_the_place_of_the_one_before(open_page):
    page = open_page(**PHONE)
    page.get_by_role("radio", name="Camera").click()  # there is no uploader on the page then
    page.get_by_text("Hold one object in front of the camera").wait_for()
    page.get_by_role("button", name="or paste one").wait_for()
    for name, color in (("image.png", GREEN), ("other.png", (200, 60, 40))):
        paste(page, name, encoded(bottle(color=color), "PNG"))
        page.get_by_alt_text(f"The photo {name}", exact=True).first.wait_for()
        assert wait_for_answer(page).inner_text()


def test_a_pasted_file_that_is_no_photo_is_refused_as_an_upload_is(open_page):
    page = open_page()
    page.get_by_role("button", name="or paste one").wait_for()
    paste(page, "notes.png", b"not a photo")
    page.get_by_text("notes.png is").wait_for()
    assert page.get_by_test_id("stAlert").count() == 1


def test_the_clipboard_is_read_by_a_button_and_says_where_it_holds_no_picture(open_page):
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.get_by_role("button", name="or paste one")
    page.evaluate("navigator.clipboard.writeText('a word')")
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_text("The clipboard holds no picture").wait_for()
    page.evaluate(
        """async data => {
            const content = await (await fetch("data:image/png;base64," + data)).blob();
            await navigator.clipboard.write([new ClipboardItem({"image/png": content})]);
        }""",
        base64.b64encode(encoded(bottle(), "PNG")).decode(),
    )
    page.keyboard.press("Enter")
    page.get_by_alt_text("The photo image.png", exact=True).first.wait_for()


def test_a_folder_dropped_beside_the_uploader_is_answered_too(open_page, tmp_path):
    (tmp_path / "mine" / "inside").mkdir(parents=True)
    for name in ("first.png", "inside/second.png", ".hidden.png"):
        (tmp_path / "mine" / name).write_bytes(encoded(bottle(300, 400), "PNG"))
    page = open_page()
    page.get_by_role("button", name="or paste one").wait_for()
    box = page.get_by_role("heading", level=1).bounding_box()
    session = page.context.new_cdp_session(page)
    dragged = {"items": [], "files": [str(tmp_path / "mine")], "dragOperationsMask": 1}
    for event in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + 50, "y": box["y"] + 20}
        session.send("Input.dispatchDragEvent", {"type": event, "data": dragged, **place})
    page.get_by_text("2 files, as classified by").wait_for()
    assert sorted(line["file"] for line in table(page)) == ["first.png", "second.png"]


def test_the_camera_s_picture_is_answered(address, chromium):
    """Chromium's own make-believe camera shows a moving test pattern."""
    flags = [*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    browser = chromium.browser_type.launch(executable_path=chromium_path(), args=flags)
    try:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, permissions=["camera"])
        context.set_default_timeout(1000 * PATIENCE)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("radio", name="Camera").click()
        page.wait_for_function("document.querySelector('video')?.videoWidth > 0")
        page.get_by_role("button", name="Take Photo").click()
        headline = wait_for_answer(page)
        assert headline.inner_text()
        box = headline.bounding_box()
        assert box["y"] + box["height"] <= 900
    finally:
        browser.close()


# The first screen


def whole(page, place, name: str) -> None:
    """Checks that an element stands in the window with all of it."""
    place.wait_for()
    box, window = place.bounding_box(), page.viewport_size
    assert box["x"] >= 0, name
    assert box["y"] >= 0, name
    assert box["x"] + box["width"] <= window["width"], name
    assert box["y"] + box["height"] <= window["height"], name


NOT_CUT_OFF = """link => [link, ...link.querySelectorAll("*")].every(
    part => getComputedStyle(part).display === "inline" || part.scrollWidth <= part.clientWidth + 1
)"""
WINDOWS = pytest.mark.parametrize("window", [{"width": 1440, "height": 900}, PHONE], ids=["desk", "phone"])


@WINDOWS
def test_the_first_screen_says_what_this_is_and_what_to_do(open_page, window):
    page = open_page(**window)
    page.get_by_role("button", name="Drawn bottle").wait_for()
    whole(page, page.get_by_role("heading", name="Garbage classification"), "name")
    whole(page, page.get_by_text("A ResNet-50 tells cardboard"), "sentence")
    for link in ("from scratch", "photos of 6 classes", "What happens to it"):
        found = page.get_by_role("link").filter(has_text=link)
        whole(page, found, link)
        assert found.evaluate(NOT_CUT_OFF), f"{link} is cut off"
    whole(page, page.get_by_test_id("stFileUploaderDropzone"), "drop zone")
    whole(page, page.get_by_text("stay in memory and are never stored"), "promise")
    whole(page, page.get_by_role("button", name="Drawn bottle"), "first example")
    assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]


@WINDOWS
@pytest.mark.parametrize("shape", [(900, 1200), (1200, 900)], ids=["upright", "level"])
def test_the_verdict_is_whole_in_the_first_screen(open_page, window, shape):
    page = open_page(**window)
    choose(page, ("a.jpg", encoded(bottle(*shape), "JPEG")))
    whole(page, wait_for_answer(page), "material")
    whole(page, page.get_by_alt_text("The photo a.jpg", exact=True).first, "photo")
    whole(page, page.get_by_role("slider", name=WIPE).first, "slider")
    for title in ("Transfer", "Scratch"):
        whole(page, page.get_by_role("cell", name=title).first, title)
    assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]


@WINDOWS
def test_the_slider_wipes_between_photo_and_heat_map(open_page, window):
    page = open_page(**window)
    choose(page, ("a.jpg", encoded(bottle(), "JPEG")))
    wait_for_answer(page)
    slider = page.get_by_role("slider", name=WIPE).first
    view = page.locator(".heat-view").first

    def line() -> float:
        """Returns where the line stands, as a share of the photo's width."""
        photo, bar = view.locator(".photo").bounding_box(), view.locator("i").bounding_box()
        return (bar["x"] + bar["width"] / 2 - photo["x"]) / photo["width"]

    def seen(side: int) -> str:
        return view.locator(".side").nth(side).evaluate("side => getComputedStyle(side).clipPath")

    assert line() == pytest.approx(0.3, abs=0.02)
    slider.focus()
    page.keyboard.press("Home")
    assert seen(1) in ("inset(0px 0px 0px 0%)", "inset(0px)")
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "1"
    assert slider.get_attribute("aria-valuetext") == "Photo 1 %, Heat map 99 %"
    box = view.locator(".photo").bounding_box()
    middle = box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.click(*middle) if window is not PHONE else page.touchscreen.tap(*middle)
    page.wait_for_function("slider => slider.value > 70", arg=slider.element_handle())
    assert line() == pytest.approx(0.75, abs=0.03)


def test_an_example_is_one_click_and_goes_on_to_other_pages(open_page):
    page = open_page()
    page.get_by_role("button", name="Drawn can").click()
    wait_for_answer(page)
    page.get_by_alt_text("The photo Drawn can", exact=True).first.wait_for()
    assert page.url.endswith("example=can")
    said = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="Why?").click()
    page.get_by_role("heading", name="Which part of the photo decides?").wait_for()
    page.get_by_alt_text("The photo Drawn can", exact=True).first.wait_for()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Classify").click()
    wait_for_answer(page)
    assert page.get_by_role("heading", level=1).inner_text() == said
    page.get_by_role("button", name="Another photo").click()
    page.get_by_role("heading", name="Garbage classification").wait_for()
