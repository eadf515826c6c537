"""Changing the theme in an open page: what is drawn stays readable, and the view stays as it was."""

import re

import pytest

from garbage_core.figures.style import contrast, matrix_scale
from tests.browser.conftest import PATIENCE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

BACKGROUNDS = {"light": (255, 255, 255), "dark": (18, 23, 26)}
# Every word in a figure with its color; those in the cells of a matrix with how strong the cell is, 0..1.
WORDS = """() => [...document.querySelectorAll(".js-plotly-plot")].flatMap(plot => {
    const heat = plot._fullData.find(trace => trace.type === "heatmap");
    const cells = heat ? [...heat.z].flatMap(row => [...row]).map(value => value / heat.zmax) : [];
    return [...plot.querySelectorAll("svg text")].filter(text => text.textContent.trim()).map(text => {
        const style = getComputedStyle(text);
        const note = text.closest(".annotation");
        return {
            text: text.textContent, color: style.fill, opacity: style.fillOpacity * style.opacity,
            cell: note && heat ? cells[note.dataset.index] : 0,
        };
    });
})"""


def on(background: tuple, color: tuple, opacity: float) -> list[float]:
    """Returns a color as it looks on a background."""
    return [opacity * a + (1 - opacity) * b for a, b in zip(color, background, strict=True)]


def unreadable(page, theme: str) -> list[str]:
    """Returns the words in figures whose contrast with what is behind them is below 4.5:1, as WCAG asks for."""
    words = page.evaluate(WORDS)
    assert len(words) > 100
    assert any(word["cell"] == 1 for word in words)
    background = BACKGROUNDS[theme]
    strongest = matrix_scale()[-1][1]
    found = []
    for word in words:
        behind = on(background, [int(strongest[i : i + 2], 16) for i in (1, 3, 5)], word["cell"])
        color = on(behind, [int(part) for part in re.findall(r"\d+", word["color"])[:3]], float(word["opacity"]))
        if contrast(color, behind) < 4.5:
            found.append(f"{word['text']}: {word['color']} at {word['opacity']} on {behind}")
    return found


def wait_until_readable(page, theme: str) -> None:
    """Waits until the page has this theme and every word in its figures can be read; says which cannot."""
    red, green, blue = BACKGROUNDS[theme]
    page.wait_for_function(
        "color => getComputedStyle(document.querySelector('.stApp')).backgroundColor === color",
        arg=f"rgb({red}, {green}, {blue})",
    )
    left = ["nothing was looked at"]
    for _ in range(PATIENCE // 2):
        page.wait_for_timeout(2000)
        left = unreadable(page, theme)
        if not left:
            return
    pytest.fail("\n".join(left[:10]))


def choose_theme(page, theme: str) -> None:
    """Chooses a theme in the page's own menu."""
    page.get_by_role("button", name="Main menu").click()
    page.get_by_role("menuitemradio", name=theme.capitalize()).click()
    page.keyboard.press("Escape")


def test_another_theme_in_an_open_page_keeps_the_view_and_stays_readable(open_page):
    page = open_page("evaluation?run=Scratch&split=Validation&true=glass", theme="light")
    page.locator(".st-key-coverage .legendtext").first.wait_for()  # the last figure of the page
    wait_until_readable(page, "light")
    address, answer = page.url, page.get_by_role("heading", level=3).first.inner_text()
    assert "Scratch is right on" in answer
    for theme, change in (
        ("dark", lambda: choose_theme(page, "dark")),
        ("light", lambda: choose_theme(page, "light")),
        ("light", lambda: choose_theme(page, "system")),
        ("dark", lambda: page.emulate_media(color_scheme="dark")),
    ):
        change()
        wait_until_readable(page, theme)
        assert page.url == address
        assert page.get_by_role("heading", level=3).first.inner_text() == answer
        assert page.get_by_role("combobox", name="True class").input_value() == "glass"
        for choice in ("Scratch", "Validation"):
            assert page.get_by_role("radio", name=choice).get_attribute("aria-checked") == "true"
