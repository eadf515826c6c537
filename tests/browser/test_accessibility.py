"""No page has a serious fault that axe-core finds: contrast, names of controls, structure; in both themes."""

from pathlib import Path

import pytest

from tests.browser.conftest import running_app

ROOT = Path(__file__).resolve().parents[2]
# Streamlit wraps the entries of its own menu in other elements; nothing of it is ours to change.
MENU = '[data-testid="stSidebarNavItems"]'

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The address of the app with the committed runs, for what a page shows depends on them."""
    with running_app(ROOT / "models", tmp_path_factory.mktemp("machine")) as url:
        yield url


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault_on_any_page(committed, new_tab, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab = new_tab(theme=theme)
    tab.goto(committed)
    tab.wait_for_selector("h1")
    pages = tab.locator(f"{MENU} a").evaluate_all("links => links.map(link => link.href)")
    assert len(pages) > 5
    faults = []
    for page in pages:
        tab.goto(page)
        tab.wait_for_selector("h1")
        tab.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        found: list[str] = []
        for _ in range(4):  # elements fade in and words arrive late: such faults go by themselves
            tab.wait_for_timeout(1500)
            if not (found := faults_of(axe, tab, page)):
                break
        faults += found
    assert not faults, "\n".join(faults)


def faults_of(axe, tab, page: str) -> list[str]:
    """Returns the serious faults of an open page."""
    violations = axe.run(tab, {"exclude": [[MENU]]}).response["violations"]
    return [
        f"{page} {fault['id']}: {node['html'][:200]}"
        for fault in violations
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
