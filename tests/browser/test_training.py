"""The curves of the trainings in a real browser: the mouse marks one epoch in all of them."""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

FIGURE = ".st-key-learning-curves"


def test_the_mouse_marks_the_same_epoch_in_all_charts(open_page):
    page = open_page("training")  # the earlier address, which leads to this view
    page.wait_for_function(f"document.querySelectorAll('{FIGURE} .nsewdrag').length >= 5")  # the stages, four charts
    page.locator(FIGURE).first.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # until the page has stopped moving
    boxes = [plane.bounding_box() for plane in page.locator(f"{FIGURE} .nsewdrag").all()]
    chart = next(box for box in boxes if box["height"] > 100)
    seen = []
    for share in (0.3, 0.8):
        page.mouse.move(chart["x"] + share * chart["width"], chart["y"] + chart["height"] / 2, steps=4)
        page.wait_for_function(f"document.querySelectorAll('{FIGURE} .hovertext').length >= 4")
        page.wait_for_timeout(300)
        labels = page.locator(f"{FIGURE} .hovertext")
        words = " ".join(text for text in labels.all_text_contents() if "epoch" in text)
        seen.append(set(re.findall(r"epoch (\d+)", words)))
        heights = {round(label.bounding_box()["y"] // 100) for label in labels.all()}
        assert len(heights) >= 3, "the labels stand in several charts"
    assert all(len(epochs) == 1 for epochs in seen), seen
    assert seen[0] != seen[1]
