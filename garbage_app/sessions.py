"""What the server holds of its visitors: how much they may give, and that all of it goes with them.

Streamlit holds what was uploaded until the session ends, takes any number of files, and ends a session whose browser
has gone when the next visitor comes. Here a session ends by itself: at once if its page was closed, and after
`server.disconnectedSessionTTL` seconds if the connection broke off, so that a browser can take it up again.
"""

import asyncio
import os
import re
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit import runtime

from garbage_core.data.images import MAX_BYTES
from garbage_core.utils.text import count

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from streamlit.runtime import Runtime

MEGABYTES = 400  # of uploads that are held for all sessions, $GARBAGE_UPLOADS_MB; half of them for one
FILES = 200  # of one session: what is classified in one go
FILES_OF_ALL = 1000
_FRAMING = 2**16  # bytes that a request may have beside its file
_BURST = 5.0  # seconds after which another upload begins a new attempt
_SETTLE = 1.0  # seconds after the last upload was refused until the page says so
_LATE = 5.0  # seconds after which the script of an ended session has stopped, too
_CLOSED = (1000, 1001)  # codes of a websocket whose page was closed, not cut off
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+/?$")
_was_closed: ContextVar[bool] = ContextVar("was_closed", default=False)  # of this connection


# Sessions end


def end_with_connection(server: "Runtime") -> None:
    """Has the sessions of a server end by themselves, with all that is held of them.

    Has to be called on the server's event loop.
    """
    manager: Any = server._session_mgr
    loop, disconnect = asyncio.get_running_loop(), manager.disconnect_session
    ends: dict[str, asyncio.TimerHandle] = {}

    def end(session: Any) -> None:
        ends.pop(session.id, None)
        if manager.is_active_session(session.id):  # it was taken up again
            return
        manager.close_session(session.id)
        session.shutdown()  # also one that is not stored any more
        _refused.pop(session.id, None)
        loop.call_later(_LATE, forget, session)

    def forget(session: Any) -> None:
        # Downloads are only marked at first, and the session's script may still have been running.
        server.media_file_mgr.remove_orphaned_files()
        session.session_state.clear()  # what `garbage_collector` has frozen would keep it

    def disconnect_and_end(session_id: str) -> None:
        active = manager.get_active_session_info(session_id)
        disconnect(session_id)
        if active is None:
            return
        if session_id in ends:
            ends.pop(session_id).cancel()
        wait = 0 if _was_closed.get() else st.get_option("server.disconnectedSessionTTL")
        ends[session_id] = loop.call_later(wait, end, active.session)

    manager.disconnect_session = disconnect_and_end


# Sessions have a limit


def owner_of_upload(address: str) -> str | None:
    """Returns the session that an upload to this address is for, or None if it is none for uploads."""
    found = _UPLOAD.search(address)
    return found and found[1]


@dataclass
class Refusal:
    """Uploads of a session that were refused in one go.

    Attributes:
        files: How many.
        reason: Why, and what to do, as a sentence.
        when: Time of the last one, in seconds of `time.monotonic`.
        is_said: Whether the page has said so.
    """

    files: int
    reason: str
    when: float
    is_said: bool = False


_refused: dict[str, Refusal] = {}  # by session


def refusal_of(session_id: str) -> str | None:
    """Returns a line about the uploads of a session that were refused last, or None."""
    refusal = _refused.get(session_id)
    if refusal is None:
        return None
    refusal.is_said = True
    return f"{count(refusal.files, 'photo')} could not be taken: {refusal.reason}"


def forget_refusal(session_id: str) -> None:
    """Drops what was noted about refused uploads of a session."""
    _refused.pop(session_id, None)


class HeldUploads:
    """ASGI middleware that limits what a session, and all of them, have the server hold, before a file is received."""

    def __init__(self, app: "ASGIApp") -> None:
        """Wraps an ASGI application."""
        self.app = app
        self._arriving: dict[object, tuple[str, int]] = {}  # session and bytes of uploads that are under way

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answers one request, or holds one connection."""
        if scope["type"] == "websocket":
            await self.app(scope, _noting_the_end(receive), send)
            return
        session_id = owner_of_upload(scope.get("path", "")) if scope.get("method") == "PUT" else None
        if session_id is None or not runtime.exists():
            await self.app(scope, receive, send)
            return
        server = runtime.get_instance()
        if server.is_active_session(session_id) and (reason := self._reason(server, session_id, _size(scope))):
            _note(server, session_id, reason)
            await _discard(receive)
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": reason.encode()})
            return
        before = _refused.get(session_id)
        if before and before.is_said and time.monotonic() - before.when > _BURST:
            forget_refusal(session_id)  # there is room again
        upload = object()
        self._arriving[upload] = session_id, _size(scope)
        try:
            await self.app(scope, receive, send)
        finally:
            del self._arriving[upload]
            if server._session_mgr.get_session_info(session_id) is None:  # it ended meanwhile
                server.uploaded_file_mgr.remove_session_files(session_id)

    def _reason(self, server: "Runtime", session_id: str, size: int) -> str:
        """Returns why an upload of so many bytes is refused, or nothing if it may come."""
        held: Any = server.uploaded_file_mgr
        sizes = {
            each: [len(file.data) for file in list(files.values())] for each, files in [*held.file_storage.items()]
        }
        for each, arriving in self._arriving.values():
            sizes.setdefault(each, []).append(arriving)
        own = sizes.get(session_id, [])
        most = int(os.environ.get("GARBAGE_UPLOADS_MB") or MEGABYTES) * 10**6
        if len(own) >= FILES or sum(own) + size > max(most // 2, MAX_BYTES):
            return f"one visitor may give {FILES} files and {most // 2_000_000} MB at once. Take some away first."
        if sum(map(len, sizes.values())) >= FILES_OF_ALL or sum(map(sum, sizes.values())) + size > most:
            return "the server holds as many photos of its visitors as it can. Try again in a minute."
        return ""


def _size(scope: "Scope") -> int:
    """Returns how many bytes a request announces, or the most that it may have."""
    announced = dict(scope["headers"]).get(b"content-length", b"")
    return max(int(announced) - _FRAMING, 0) if announced.isdigit() else MAX_BYTES


async def _discard(receive: "Receive") -> None:
    """Lets a request's body pass, as far as a photo may be long: browsers read no answer before they have sent it."""
    passed = 0
    while passed <= MAX_BYTES + _FRAMING:
        message = await receive()
        passed += len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _note(server: "Runtime", session_id: str, reason: str) -> None:
    """Notes that an upload was refused, and has the session's page say so once no more follow."""
    now = time.monotonic()
    before = _refused.get(session_id)
    files = before.files if before and now - before.when < _BURST else 0
    _refused[session_id] = Refusal(files + 1, reason, now)
    asyncio.get_running_loop().call_later(_SETTLE, _say, server, session_id, now)


def _say(server: "Runtime", session_id: str, when: float) -> None:
    """Runs a session's page again for what was refused, unless the browser has done so, for other photos say."""
    session: Any = server.get_app_session(session_id)
    refusal = _refused.get(session_id)
    if session is None or refusal is None or refusal.when != when or refusal.is_said:
        return
    if session._scriptrunner is None:
        session.request_rerun(session._client_state)  # as the page was drawn last
    else:  # a run that is interrupted loses what the browser sent for it
        asyncio.get_running_loop().call_later(_SETTLE, _say, server, session_id, when)


def _noting_the_end(receive: "Receive") -> "Receive":
    """Wraps what a websocket receives, to tell a page that was closed from a connection that broke off."""

    async def noting() -> "Message":
        message = await receive()
        if message["type"] == "websocket.disconnect":
            _was_closed.set(message.get("code") in _CLOSED)
        return message

    return noting
