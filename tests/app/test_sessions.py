"""Sessions end with all that the server holds of them, and may have it hold so much."""

import asyncio
from types import SimpleNamespace

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from garbage_app import sessions

MEGABYTE = 10**6


class Manager:
    """Streamlit's sessions: those that have a browser, and all."""

    def __init__(self) -> None:
        self.active, self.known, self.closed = {}, {}, []

    def open(self, name):
        session = SimpleNamespace(
            id=name,
            shutdown=lambda: None,
            session_state={"photo": b"x"},
            _scriptrunner=None,
            _client_state="as drawn",
            request_rerun=lambda state: self.reruns.append((name, state)),
        )
        self.active[name] = self.known[name] = SimpleNamespace(session=session)
        return session

    reruns: list

    def get_active_session_info(self, name):
        return self.active.get(name)

    def get_session_info(self, name):
        return self.known.get(name)

    def is_active_session(self, name):
        return name in self.active

    def disconnect_session(self, name):
        self.active.pop(name, None)

    def close_session(self, name):
        self.closed.append(name)
        self.known.pop(name, None)


@pytest.fixture
def server(monkeypatch):
    manager, files = Manager(), MemoryUploadedFileManager("/_stcore/upload_file")
    manager.reruns = []
    server = SimpleNamespace(
        _session_mgr=manager,
        uploaded_file_mgr=files,
        media_file_mgr=SimpleNamespace(remove_orphaned_files=lambda: None),
        is_active_session=manager.is_active_session,
        get_app_session=lambda name: manager.active[name].session if name in manager.active else None,
    )
    monkeypatch.setattr(sessions.runtime, "exists", lambda: True)
    monkeypatch.setattr(sessions.runtime, "get_instance", lambda: server)
    monkeypatch.setattr(sessions, "_refused", {})
    monkeypatch.setattr(sessions, "_SETTLE", 0.01)
    monkeypatch.setattr(sessions, "_LATE", 0.0)
    return server


def uploading(server, during=lambda: None):
    """Returns the server's uploads behind the limit; `during` is called while each arrives."""

    async def take(scope, receive, send):
        during()
        _, name, file = scope["path"].rsplit("/", 2)
        data = bytes(int(dict(scope["headers"])[b"content-length"]))
        server.uploaded_file_mgr.add_file(name, UploadedFileRec(file, file, "image/jpeg", data))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return sessions.HeldUploads(take)


async def upload(app, session, file, size, method="PUT"):
    """Returns the status of an upload."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    headers = [(b"content-length", str(size).encode())]
    path = f"/under/a/path/_stcore/upload_file/{session}/{file}"
    await app({"type": "http", "method": method, "path": path, "headers": headers}, receive, send)
    return sent[0]["status"]


def test_a_session_may_have_the_server_hold_so_many_bytes(server, monkeypatch):
    monkeypatch.setenv("GARBAGE_UPLOADS_MB", "80")
    server._session_mgr.open("a")
    app = uploading(server)

    async def visit():
        statuses = [await upload(app, "a", f"{number}", 12 * MEGABYTE) for number in range(5)]
        await asyncio.sleep(0.1)
        return statuses

    assert asyncio.run(visit()) == [204, 204, 204, 413, 413]
    said = sessions.refusal_of("a")
    assert (
        said == "2 photos could not be taken: one visitor may give 200 files and 40 MB at once. Take some away first."
    )
    assert server._session_mgr.reruns == [("a", "as drawn")]  # once, so that the page says it
    server.uploaded_file_mgr.remove_file("a", "0")
    assert asyncio.run(upload(app, "a", "5", 12 * MEGABYTE)) == 204


def test_a_session_may_have_the_server_hold_so_many_files(server, monkeypatch):
    monkeypatch.setattr(sessions, "FILES", 3)
    server._session_mgr.open("a")
    app = uploading(server)
    statuses = [asyncio.run(upload(app, "a", f"{number}", 10)) for number in range(4)]
    assert statuses == [204, 204, 204, 413]


def test_all_sessions_together_have_a_limit_too(server, monkeypatch):
    monkeypatch.setenv("GARBAGE_UPLOADS_MB", "60")
    app = uploading(server)
    for name in "abc":
        server._session_mgr.open(name)
    statuses = [asyncio.run(upload(app, name, "0", 25 * MEGABYTE)) for name in "abc"]
    assert statuses == [204, 204, 413]
    assert "Try again in a minute." in sessions.refusal_of("c")


def test_what_is_still_arriving_counts(server, monkeypatch):
    monkeypatch.setenv("GARBAGE_UPLOADS_MB", "60")
    server._session_mgr.open("a")
    wait = asyncio.Event()

    async def slow(scope, receive, send):
        await wait.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})

    app = sessions.HeldUploads(slow)

    async def both():
        first = asyncio.create_task(upload(app, "a", "0", 20 * MEGABYTE))
        await asyncio.sleep(0)
        second = await upload(app, "a", "1", 20 * MEGABYTE)
        wait.set()
        return await first, second

    assert asyncio.run(both()) == (204, 413)


def test_what_arrives_after_its_session_has_ended_is_not_held(server):
    manager = server._session_mgr
    manager.open("a")
    app = uploading(server, during=lambda: (manager.active.clear(), manager.known.clear()))
    asyncio.run(upload(app, "a", "0", 1000))
    assert not server.uploaded_file_mgr.file_storage.get("a")


@pytest.mark.parametrize(("code", "at_once"), [(1000, True), (1001, True), (1005, False), (1006, False)])
def test_a_session_ends_at_once_if_its_page_was_closed(server, code, at_once, monkeypatch):
    monkeypatch.setattr(sessions.st, "get_option", lambda name: 0.2)
    manager = server._session_mgr
    session = manager.open("a")

    async def serve(scope, receive, send):
        await receive()
        manager.disconnect_session("a")

    async def receive():
        return {"type": "websocket.disconnect", "code": code}

    async def visit():
        sessions.end_with_connection(server)
        await sessions.HeldUploads(serve)({"type": "websocket"}, receive, None)
        await asyncio.sleep(0.05)
        soon = list(manager.closed)
        await asyncio.sleep(0.3)
        return soon, manager.closed

    soon, later = asyncio.run(visit())
    assert soon == (["a"] if at_once else [])
    assert later == ["a"]
    assert session.session_state == {}


def test_a_session_that_is_taken_up_again_goes_on(server, monkeypatch):
    monkeypatch.setattr(sessions.st, "get_option", lambda name: 0.1)
    manager = server._session_mgr
    manager.open("a")

    async def visit():
        sessions.end_with_connection(server)
        manager.disconnect_session("a")
        manager.active["a"] = manager.known["a"]
        await asyncio.sleep(0.3)

    asyncio.run(visit())
    assert manager.closed == []
