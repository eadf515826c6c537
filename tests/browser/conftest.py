"""A running app and a Chromium that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 400  # seconds: on a busy machine TensorFlow loads, and a page is drawn, in minutes
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chromium_path() -> str | None:
    """Returns where Chromium is installed."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def chromium():
    """The installed Chromium, driven by Playwright; no browser is ever downloaded."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with `scratch` and `transfer` as miniature networks that really answer."""
    from tests.fixtures.networks import miniature_run

    folder = tmp_path_factory.mktemp("models")
    miniature_run(folder, "scratch", seed=1, threshold=0.0)
    miniature_run(folder, "transfer", seed=2, threshold=0.0)
    return folder


@pytest.fixture(scope="session")
def address(models, tmp_path_factory):
    """The address of the app on a machine without photos, started once for all tests that need nothing else."""
    with running_app(models, tmp_path_factory.mktemp("machine")) as url:
        yield url


@pytest.fixture
def fresh_address(models, tmp_path):
    """The address of an app that nobody has visited yet."""
    with running_app(models, tmp_path) as url:
        yield url


@contextmanager
def running_app(models: Path, place: Path, port: int | None = None, data: Path | None = None) -> Iterator[str]:
    """Starts the app on a free port, or the given one, beside a data set or none, gives its address, and stops it."""
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    environment = os.environ | {
        "GARBAGE_MODELS": str(models),
        "GARBAGE_DATA": str(data or ""),
        "XDG_CACHE_HOME": str(place),
        "TF_NUM_INTRAOP_THREADS": "1",
    }
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    log = place / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/_stcore/health", server, log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:  # it waits for a network that is still loading
            server.kill()
            server.wait()


def wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    """Waits until the server answers; fails with its log if it stops or stays silent."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"The app did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture
def new_tab(chromium):
    """Makes an empty tab in a window of its own; called with the window's width and height and the reader's theme."""
    contexts, asked_for = [], []

    def make(width: int = 1440, height: int = 900, theme: str = "light"):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            is_mobile=width < 600,
            has_touch=width < 600,
        )
        contexts.append(context)
        context.set_default_timeout(1000 * PATIENCE)
        page = context.new_page()
        page.on("request", lambda request: asked_for.append(request.url))
        return page

    yield make
    for context in contexts:
        context.close()
    elsewhere = [url for url in asked_for if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))]
    assert not elsewhere, "the app must not ask other servers for anything"


@pytest.fixture
def open_page(new_tab, address):
    """Opens a page of the app in a window of its own and waits for its question; takes what `new_tab` takes."""

    def open_it(path: str = "", **window):
        page = new_tab(**window)
        page.goto(f"{address}/{path}")
        page.wait_for_selector("h1")
        return page

    return open_it
