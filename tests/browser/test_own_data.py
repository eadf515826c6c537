"""The app in a browser beside data sets of one's own: every page opens, names the set, and shows no other's."""

import pytest

from garbage_app.steps import CLOSING, STEPS
from tests.app.test_own_data import SETS
from tests.browser.conftest import running_app
from tests.fixtures.photos import write_folder

pytestmark = pytest.mark.browser
PAGES = (*(step.page for step in (*STEPS, CLOSING)), "evaluation", "about")


@pytest.mark.parametrize("name", SETS)
def test_every_page_beside_ones_own_photos_speaks_of_these(name, models, tmp_path, new_tab, monkeypatch):
    folder = write_folder(tmp_path / name, SETS[name])
    place = tmp_path / "machine"
    place.mkdir()
    with running_app(models, place, data=folder) as address:
        page = new_tab()
        for path in ("", *PAGES):
            page.goto(f"{address}/{path}")
            page.wait_for_selector("h1")
            page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
            said = page.inner_text('[data-testid="stApp"]')
            assert "TrashNet" not in said, path
            assert "5 Comparison" in said, path
            assert "Scratch against transfer" not in said, path
            assert not path or f"Photos of {name}" in said, path
            errors = page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]')
            assert errors.count() == 0, (path, errors.all_inner_texts())
