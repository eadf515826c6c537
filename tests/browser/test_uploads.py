"""A photo that is uploaded to a fresh server is never written to disk, whichever page its first visitor opens.

It goes with its session, a session may give so many, and a page tells if they were lost.
"""

import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.browser.conftest import running_app

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

# Python runs this file by itself when it starts, if it is found first: it writes down what is opened for writing in
# the folder for temporary files, also what never gets a name there.
WATCH = """
import os, sys, tempfile

folder, log = tempfile.gettempdir(), os.environ["WATCH_LOG"]

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(folder):
        if arguments[2] & (os.O_WRONLY | os.O_RDWR):
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, f"{arguments[0]}\\n".encode())
            os.close(descriptor)

sys.addaudithook(watch)
"""


# Page, and what shows that it is done with an uploaded photo.
PAGES = {
    "": "h1:has-text('%')",
    "classify": "h1:has-text('%')",
    "explanations?photo=Own+photo": "[data-testid=stImage] img",
    "augmentation": "[data-testid=stImage] img",
}


def large(path: Path, seed: int = 0) -> Path:
    """Writes a photo of 16 MB."""
    pixels = np.random.default_rng(seed).integers(0, 256, (2300, 2400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    assert path.stat().st_size > 16_000_000
    return path


@pytest.fixture
def photos(tmp_path):
    """Photos of 16 MB each."""
    return [large(tmp_path / f"large{number}.bmp", number) for number in range(3)]


@pytest.fixture
def watched(models, tmp_path, monkeypatch):
    """The address of an app that nobody has visited yet, its temporary folder, and what was opened in that to write."""
    for name in ("temporary", "start", "place"):
        (tmp_path / name).mkdir()
    log = tmp_path / "opened.txt"
    log.touch()
    (tmp_path / "start" / "sitecustomize.py").write_text(WATCH)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "start"), prepend=os.pathsep)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("WATCH_LOG", str(log))
    with running_app(models, tmp_path / "place") as url:
        yield url, tmp_path / "temporary", log


def open_for_writing() -> set[str]:
    """Returns the files that the app and its processes hold open to write, but for the log of the app itself."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if "chrom" in process.name():
                continue
            found |= {file.path for file in process.open_files() if set(getattr(file, "mode", "w")) & set("wa+")}
        except psutil.Error:  # it has just ended
            continue
    return {path for path in found if not path.endswith("log.txt")}


@pytest.mark.parametrize("page", PAGES)
def test_an_upload_stays_in_memory_on_the_first_page_that_is_opened(new_tab, watched, photos, page):
    url, folder, log = watched
    tab = new_tab()
    tab.goto(f"{url}/{page}")
    tab.wait_for_selector("input[type=file]", state="attached")
    before, opened, there = log.read_text(), open_for_writing(), set(folder.rglob("*"))
    with tab.expect_response(lambda answer: answer.request.method == "PUT") as uploaded:
        tab.set_input_files("input[type=file]", photos[0])
    assert uploaded.value.ok
    assert open_for_writing() <= opened
    tab.wait_for_selector(PAGES[page])
    written = log.read_text()[len(before) :]
    # TensorFlow writes code of its own while the server's networks load; each file after a look at its folder.
    assert re.sub(r".*\n.*/__autograph_generated_file\w+\.py\n", "", written) == ""
    assert open_for_writing() <= opened
    new = {path for path in set(folder.rglob("*")) - there if path.is_file() and "autograph" not in path.name}
    assert new == set()


def status(address: str) -> int:
    """Returns the status that a server answers with."""
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def give(tab, files) -> None:
    """Opens no page but gives it files, and waits for the answer."""
    tab.wait_for_selector("input[type=file]", state="attached")
    tab.set_input_files("input[type=file]", files)


def test_uploads_have_a_limit_and_go_with_their_session(new_tab, models, tmp_path, photos, monkeypatch):
    monkeypatch.setenv("GARBAGE_UPLOADS_MB", "70")
    with running_app(models, tmp_path) as url:
        tab = new_tab()
        tab.goto(url)
        give(tab, photos)
        line = tab.get_by_text("could not be taken")
        line.wait_for()
        assert line.inner_text() == (
            "1 photo could not be taken: one visitor may give 200 files and 35 MB at once. Take some away first."
        )
        second, third = new_tab(), new_tab()
        second.goto(url)
        give(second, photos[:2])
        second.get_by_text("2 files, as classified by").wait_for()
        third.goto(url)
        give(third, photos[:1])
        third.get_by_text("the server holds as many photos of its visitors as it can").wait_for()
        tab.context.close()
        time.sleep(6)  # another attempt, not the rest of the one before
        give(third, photos[1:2])  # what the first held is free
        third.get_by_text("could not be taken").wait_for(state="detached")
        third.wait_for_selector(PAGES[""])


def test_the_addresses_of_pictures_go_with_their_session(new_tab, models, tmp_path, photos):
    with running_app(models, tmp_path) as url:
        tab = new_tab()
        tab.goto(f"{url}/augmentation")
        give(tab, photos[0])
        tab.wait_for_selector(PAGES["augmentation"])
        # A picture of the finished page: one from before the upload was taken up is gone already.
        tab.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        address = tab.locator('img[src*="/media/"]').first.evaluate("picture => picture.src")
        assert status(address) == 200
        tab.context.close()
        end = time.monotonic() + 25
        while status(address) == 200 and time.monotonic() < end:
            time.sleep(0.5)
        assert status(address) == 404


@pytest.mark.parametrize("page", ["", "explanations?photo=Own+photo", "augmentation"])
def test_a_page_says_which_photos_a_server_lost_that_was_started_again(new_tab, models, tmp_path, photos, page):
    with running_app(models, tmp_path) as url:
        tab = new_tab()
        tab.goto(f"{url}/{page}")
        give(tab, photos[0])
        tab.wait_for_selector(PAGES[page])
    with running_app(models, tmp_path, int(url.rpartition(":")[2])):
        tab.get_by_text("with it 1 photo that you gave: give them again").wait_for()
        tab.get_by_text("large0.bmp").first.wait_for(state="detached")
        give(tab, photos[1])
        tab.get_by_text("give them again").wait_for(state="detached")
        assert tab.get_by_text("large1.bmp").count() > 0
