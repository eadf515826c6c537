"""On a phone nothing is cut off: what scrolls sideways says so, words wrap, and rows of choices stay one row."""

from pathlib import Path

import pytest

from tests.browser.conftest import running_app
from tests.browser.test_browser import PHONE, fits

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    "",
    "data",
    "audit",
    "augmentation",
    "imbalance",
    "comparison",
    "explanations",
    "findings",
    "evaluation",
    "about",
]
READY = "[data-testid=stApp][data-test-script-state=notRunning]"
# What is wider than its place without a sign of it, with its words. One pixel is for the reader of a screen only.
CUT = """() => {
    const main = document.querySelector("[data-testid=stMain]"), found = [];
    for (const element of main.querySelectorAll("*")) {
        const style = getComputedStyle(element), width = element.clientWidth;
        if (width <= 1 || element.scrollWidth - width <= 1 || style.overflowX === "visible") continue;
        if (element.closest("svg, .js-plotly-plot") || style.visibility === "hidden") continue;
        const holder = element.closest("[data-testid=stDataFrame]") ?? element.parentElement;
        if (/auto|scroll/.test(style.overflowX) && holder.matches("[data-more]")) continue;
        const words = element.innerText || element.value || element.className;
        found.push(`${element.tagName} ${width} < ${element.scrollWidth}: ${words.slice(0, 60)}`);
    }
    return found;
}"""
# Choices that stand below each other although they belong to one row.
WRAPPED = """() => [...document.querySelectorAll("[data-testid=stButtonGroup]")].filter(group =>
    new Set([...group.querySelectorAll("button[role]")].map(button => button.offsetTop)).size > 1
).map(group => group.innerText)"""
TOP = """() => Math.min(...[...document.querySelectorAll("[data-testid=stMain] [data-testid=stElementContainer]")]
    .map(element => element.getBoundingClientRect()).filter(box => box.height > 5).map(box => box.top))"""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The address of the app with the committed runs, for what a page shows depends on them."""
    with running_app(ROOT / "models", tmp_path_factory.mktemp("machine")) as url:
        yield url


@pytest.fixture
def open_settled(committed, new_tab):
    """Opens a page as on a phone, unfolds all of it, and waits until nothing moves any more."""

    def open_it(name: str):
        page = new_tab(**PHONE)
        page.goto(f"{committed}/{name}")
        page.wait_for_selector("h1")
        page.wait_for_selector(READY)
        page.wait_for_timeout(1500)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        page.wait_for_timeout(1500)
        page.wait_for_selector(READY)
        return page

    return open_it


@pytest.mark.parametrize("name", NAMES, ids=[name or "classify" for name in NAMES])
def test_nothing_is_cut_off_on_a_phone(open_settled, name):
    page = open_settled(name)
    assert page.evaluate(TOP) <= 60
    assert fits(page)
    assert page.evaluate(WRAPPED) == []
    found = page.evaluate(CUT)
    for _ in range(10):  # the marks follow what is drawn a moment later
        if not found:
            break
        page.wait_for_timeout(1000)
        found = page.evaluate(CUT)
    assert not found, "\n".join(found)


def test_the_mark_stands_at_the_side_where_there_is_more(open_settled):
    page = open_settled("augmentation")
    table = page.get_by_test_id("stDataFrame").first
    scroll = "(table, by) => { table.querySelector('.dvn-scroller').scrollLeft = by; }"
    for by, sides in ((0, "right"), (60, "left right"), (5000, "left"), (0, "right")):
        table.evaluate(scroll, by)
        page.wait_for_function("([table, sides]) => table.dataset.more === sides", arg=[table.element_handle(), sides])
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_function("table => !table.hasAttribute('data-more')", arg=table.element_handle())
