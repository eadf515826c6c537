"""A reader's photo stays with the reader: nothing made of it is found by other sessions, or after its page."""

import re

import pytest
from streamlit.runtime.caching import cache_data_api, cache_resource_api
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.testing.v1 import AppTest

from tests.app.test_explanations import settled
from tests.app.test_pages import ROOT, open_page, picture, place, working_pair, working_runs  # noqa: F401, fixtures

PAGES = ("classify", "explanations", "augmentation")  # those that take a photo
CACHES = (
    (cache_data_api._data_caches, cache_data_api.DataCache),
    (cache_resource_api._resource_caches, cache_resource_api.ResourceCache),
)


@pytest.fixture
def own_sessions(monkeypatch):
    """Every `AppTest` is a session of its own; Streamlit's caches would take all of them for one."""
    start = ScriptRunner.__init__

    def start_as_itself(self, session_id, main_script_path, session_state, *args, **kwargs):
        start(self, f"session {id(session_state)}", main_script_path, session_state, *args, **kwargs)

    monkeypatch.setattr(ScriptRunner, "__init__", start_as_itself)


@pytest.fixture
def written(own_sessions, monkeypatch):
    """What is written into the caches: pairs of a function's name and whether all sessions share the cache."""
    writes = []
    for caches, kind in CACHES:
        write = kind.write_result

        def record(self, *args, caches=caches, write=write):
            shared = any(self is cache for cache in caches._function_caches.get(None, {}).values())
            writes.append((self.display_name, shared))
            return write(self, *args)

        monkeypatch.setattr(kind, "write_result", record)
    return writes


def hand_over(app: AppTest, page: str, name: str, data: bytes) -> AppTest:
    """Uploads a photo on a page that takes one."""
    if page == "explanations":
        app.radio(key="photo").set_value("Own photo").run()
    app.file_uploader[0].upload(name, data, "image/jpeg").run()
    assert not app.exception, app.exception[0].message
    return settled(app)


def cached(writes: list, shared: bool) -> list[str]:
    """Returns the names of the functions whose results were cached, for all sessions or for one."""
    return sorted(name for name, is_shared in writes if is_shared == shared)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_made_of_a_photo_is_for_its_session_alone(working_runs, written, page):  # noqa: F811
    # Drawings, which a page explains before it is given a photo, are everyone's.
    first, second = (settled(open_page(page)) for _ in range(2))
    written.clear()
    hand_over(first, page, "at-anna-s.jpg", picture(50))
    made = cached(written, shared=False)
    assert made
    written.clear()
    # The same photo in another session, while the first is still there: nothing is taken from the first, and nothing
    # goes where a third could find it.
    hand_over(second, page, "mine.jpg", picture(50))
    assert cached(written, shared=True) == []
    assert cached(written, shared=False) == made
    assert "at-anna" not in everything(second)
    written.clear()
    first.run()
    assert written == []  # what is shown again is not computed again


@pytest.mark.parametrize("page", PAGES)
def test_what_is_made_of_a_photo_goes_with_its_page(working_runs, written, page):  # noqa: F811
    app = hand_over(open_page(page), page, "mine.jpg", picture(51))
    made = cached(written, shared=False)
    assert made
    app.switch_page("pages/about.py").run()
    written.clear()
    app.switch_page(f"pages/{page}.py").run()  # page Classify goes on with its photo, and makes all of it anew
    hand_over(app, page, "mine.jpg", picture(51))
    assert set(cached(written, shared=False)) == set(made)  # but for what the choices are by now


def everything(app: AppTest) -> str:
    """Returns all that was sent to the reader, as text."""
    return re.sub(r"\\(.)", r"\1", str(app.main))


def test_these_are_all_pages_that_take_a_photo():
    takes = re.compile(r"st\.(file_uploader|camera_input|chat_input)\(")
    sources = [file for folder in ("pages", "garbage_app") for file in (ROOT / folder).rglob("*.py")]
    found = {file.relative_to(ROOT).as_posix() for file in sources if takes.search(file.read_text("utf-8"))}
    assert found == {
        "garbage_app/augmentation/preview.py",
        "garbage_app/classify/photo_input.py",
        "garbage_app/widgets/photo_picker.py",  # of page Explanations
    }
