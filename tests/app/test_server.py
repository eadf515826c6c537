"""The server: ready before its first visitor, and careful in what it sends."""

import asyncio
import gzip
import time
from pathlib import Path

import pytest

from tests.fixtures.runs import fake_run

ROOT = Path(__file__).resolve().parents[2]


def ask(app, path, **headers):
    """Returns status, headers and body of an ASGI application's answer."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(
        app(
            {
                "type": "http",
                "path": path,
                "method": "GET",
                "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
            },
            None,
            send,
        )
    )
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def hello(scope, receive, send):
    """Answers everything alike."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"referrer-policy", b"no-referrer")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def test_headers_are_added_to_answers_and_those_that_are_there_stay():
    from garbage_app.server import SafeHeaders

    status, headers, body = ask(SafeHeaders(hello), "/media/photo.jpg")
    assert (status, body) == (200, b"/media/photo.jpg")
    assert headers == {b"x-content-type-options": b"nosniff", b"referrer-policy": b"no-referrer"}


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/metrics/", "/under/a/path/_stcore/metrics"])
def test_the_servers_figures_are_shown_to_nobody(path):
    from garbage_app.server import SafeHeaders

    status, headers, body = ask(SafeHeaders(hello), path)
    assert (status, body) == (404, b"")
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert ask(SafeHeaders(hello), "/_stcore/health")[0] == 200


def test_scripts_are_compressed_for_browsers_that_can_read_it_and_photos_never_are():
    from garbage_app.server import CompressedScripts

    script = "/static/js/" + "x" * 5000 + ".js"  # answered with its own name
    status, headers, body = ask(CompressedScripts(hello), script, accept_encoding="gzip, br")
    assert (status, headers[b"content-encoding"]) == (200, b"gzip")
    assert len(body) < 500
    assert gzip.decompress(body).decode() == script
    assert ask(CompressedScripts(hello), script)[2].decode() == script
    photo = script.replace(".js", ".jpg")
    assert ask(CompressedScripts(hello), photo, accept_encoding="gzip")[2].decode() == photo


def test_networks_are_loaded_before_anybody_visits(tmp_path, monkeypatch):
    from garbage_app import classifiers, server

    run = fake_run(tmp_path, "mine")
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path))
    monkeypatch.setenv("GARBAGE_DOWNLOAD", "0")
    monkeypatch.setattr(classifiers, "_can_classify", lambda run, files: True)
    loaded = []
    monkeypatch.setattr(classifiers, "_load", lambda run, photos: loaded.append(run.name))

    async def serve():
        async with server.lifespan(None):
            end = time.monotonic() + 60
            while not loaded and time.monotonic() < end:
                await asyncio.sleep(0.05)

    asyncio.run(serve())
    assert loaded == [run.name]


def test_what_the_file_of_the_app_starts_is_found_by_streamlit():
    from streamlit.web.server.app_discovery import discover_asgi_app

    for file in (ROOT / "streamlit_app.py", ROOT / "deploy" / "lite" / "streamlit_app.py"):
        assert discover_asgi_app(file).import_string == "streamlit_app:app"
