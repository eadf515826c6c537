"""The first visitors of a freshly started app: whatever link they follow, they get that page in its frame.

Streamlit takes a folder named pages/ for its older kind of app until the router has run once (garbage_app/router.py).
"""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MENU = [
    "Classify",
    "1 Data",
    "2 Audit",
    "3 Augmentation",
    "4 Imbalance",
    "5 Scratch against transfer",
    "6 Explanations",
    "What we learned",
    "Evaluation",
    "About",
]
EVALUATION = "How good is it, and where does it fail?"

# Keeps every entry the menu ever shows, however briefly: it runs before the browser draws a change.
REMEMBER_MENU = """
    window.menu = new Set();
    new MutationObserver(() => {
        for (const link of document.querySelectorAll('[data-testid=stSidebarNavLink]')) {
            if (link.innerText) window.menu.add(link.innerText.split('\\n').pop());
        }
    }).observe(document, {subtree: true, childList: true, characterData: true});
"""


def check(page, question: str, chosen: str) -> None:
    """Checks that a tab shows one page, in its frame, with its own entry of the menu marked."""
    page.get_by_role("heading", name=question, level=1).wait_for()
    menu = page.get_by_test_id("stSidebarNavLink")
    menu.filter(has_text="What we learned").wait_for()
    assert [name.split("\n")[-1] for name in menu.all_inner_texts()] == MENU
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_text("Page not found").count() == 0
    marked = page.locator("[data-testid=stSidebarNavLink][aria-current=page]")
    marked.wait_for()
    assert marked.inner_text().split("\n")[-1] == chosen


def test_first_visitor_follows_a_link_then_looks_around(new_tab, fresh_address):
    page = new_tab()
    page.add_init_script(REMEMBER_MENU)
    page.goto(f"{fresh_address}/evaluation?run=Scratch&split=Validation")
    page.get_by_text("Scratch is right on").wait_for()
    check(page, EVALUATION, "Evaluation")
    assert page.evaluate("[...menu]") == MENU, "the menu showed something else before"
    assert page.url.endswith("/evaluation?run=Scratch&split=Validation")
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Classify").click()
    check(page, "Garbage classification", "Classify")
    page.reload()
    check(page, "Garbage classification", "Classify")
    page.go_back()
    check(page, EVALUATION, "Evaluation")
    page.reload()
    check(page, EVALUATION, "Evaluation")


def test_two_first_visitors_at_once(new_tab, fresh_address):
    links = {"about": ("Which models are these?", "About"), "": ("Garbage classification", "Classify")}
    tabs = {link: new_tab() for link in links}
    for link, page in tabs.items():
        page.goto(f"{fresh_address}/{link}", wait_until="commit")
    for link, page in tabs.items():
        check(page, *links[link])


def test_the_landing_page_can_be_called_by_its_name(new_tab, fresh_address):
    page = new_tab()
    page.goto(f"{fresh_address}/classify")
    page.get_by_role("heading", name="Garbage classification", level=1).wait_for()
    page.reload()  # the second visit, which Streamlit treats differently
    page.get_by_text("Or try one of these").wait_for()
    menu = page.get_by_test_id("stSidebarNavLink")
    menu.filter(has_text="What we learned").wait_for()
    assert [name.split("\n")[-1] for name in menu.all_inner_texts()] == MENU
    assert page.get_by_text("Page not found").count() == 0
    assert page.url == f"{fresh_address}/classify"
    menu.filter(has_text="Evaluation").click()
    page.get_by_role("heading", name=EVALUATION, level=1).wait_for()
    page.go_back()
    page.get_by_text("Or try one of these").wait_for()
    menu.filter(has_text="Classify").click()
    page.wait_for_url(f"{fresh_address}/")
    check(page, "Garbage classification", "Classify")
