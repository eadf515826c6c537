"""A photo that is uploaded to a fresh server is never written to disk, whichever page its first visitor opens."""

import os
import re

import numpy as np
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


@pytest.fixture
def photo(tmp_path):
    """A photo of 16 MB."""
    path = tmp_path / "large.bmp"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (2300, 2400, 3), dtype=np.uint8)).save(path)
    assert path.stat().st_size > 16_000_000
    return path


@pytest.fixture
def watched(models, tmp_path, monkeypatch):
    """The address of an app that nobody has visited yet, and the file that says what it wrote to temporary files."""
    for name in ("temporary", "start", "place"):
        (tmp_path / name).mkdir()
    log = tmp_path / "opened.txt"
    (tmp_path / "start" / "sitecustomize.py").write_text(WATCH)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "start"), prepend=os.pathsep)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("WATCH_LOG", str(log))
    with running_app(models, tmp_path / "place") as url:
        yield url, log


@pytest.mark.parametrize("page", ["", "explanations?photo=Own+photo", "augmentation"])
def test_an_upload_stays_in_memory_on_the_first_page_that_is_opened(new_tab, watched, photo, page):
    url, log = watched
    tab = new_tab()
    tab.goto(f"{url}/{page}")
    tab.wait_for_selector("input[type=file]", state="attached")
    before = log.read_text() if log.exists() else ""
    with tab.expect_response(lambda answer: answer.request.method == "PUT") as uploaded:
        tab.set_input_files("input[type=file]", photo)
    assert uploaded.value.ok
    written = (log.read_text() if log.exists() else "")[len(before) :]
    # TensorFlow writes code of its own while the server's networks load; each file after a look at its folder.
    assert re.sub(r".*\n.*/__autograph_generated_file\w+\.py\n", "", written) == ""
