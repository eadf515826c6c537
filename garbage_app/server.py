"""The server around the app: what it does before its first visitor, and the headers of what it sends.

The app is imported once the server has begun: Streamlit's caches would otherwise complain that there is none.
"""

import io
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from PIL import Image
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from garbage_app.sessions import HeldUploads
from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Numbers of sessions and memory are nobody's business but the host's.
CLOSED = "/_stcore/metrics"
# What browsers are told: take no file for another type than it is sent as, and name this address to nobody. Who may
# show the app in a frame is left to the host (docs/deploy.md): some hosts show every app in a frame of theirs.
HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Prepares everything that the first visitor would wait for, in a thread: the port opens meanwhile."""
    from streamlit import runtime

    from garbage_app.sessions import end_with_connection
    from garbage_app.uploads import keep_in_memory

    keep_in_memory()  # before anything can be uploaded
    if runtime.exists():
        end_with_connection(runtime.get_instance())
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    yield {}


def _warm_up() -> None:
    """Begins the photos' download, starts a process that decodes, and loads the networks of the first page."""
    from garbage_app.classifiers import MOST_MODELS, start_loading, usable_runs
    from garbage_app.photo_download import start_download
    from garbage_core.data.worker_processes import decode_in_process
    from garbage_core.runs.run import list_runs

    # Streamlit warns of a cache that is used outside a visit, which is what this is for.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    try:
        start_download()
        for run in usable_runs(list_runs())[:MOST_MODELS]:
            start_loading(run)
        first = io.BytesIO()
        Image.new("RGB", (1, 1)).save(first, "PNG")
        decode_in_process(first.getvalue(), "first.png", None)
    except GarbageError:
        pass  # the page that needs it says so


class CompressedScripts:
    """ASGI middleware that compresses scripts and styles, which Streamlit sends as they are: 3 MB for a first visit.

    Photos and fonts are compressed already, and what Streamlit computes it compresses itself.
    """

    def __init__(self, app: "ASGIApp") -> None:
        """Wraps an ASGI application."""
        self.app = app
        self.compressed = GZipMiddleware(app, compresslevel=4)  # a tenth of a second for the largest script

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answers one request."""
        static = scope["type"] == "http" and "/static/" in scope["path"] and scope["path"].endswith((".js", ".css"))
        await (self.compressed if static else self.app)(scope, receive, send)


class SafeHeaders:
    """ASGI middleware that adds `HEADERS` to every answer and answers 404 for what is `CLOSED`."""

    def __init__(self, app: "ASGIApp") -> None:
        """Wraps an ASGI application."""
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in HEADERS if each[0] not in present)]
            await send(message)

        if scope["path"].rstrip("/").endswith(CLOSED):
            await send_with_headers({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.app(scope, receive, send_with_headers)


MIDDLEWARE = (Middleware(SafeHeaders), Middleware(CompressedScripts), Middleware(HeldUploads))
