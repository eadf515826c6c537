"""The soak test sees what it is there to see, and a server of miniatures passes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import numbered
from benchmarks.visitor import BARS, HEADER, SWAPPED, verdict
from garbage_core.data.images import decode_image
from tests.fixtures.networks import miniature_run, picture

ROOT = Path(__file__).resolve().parents[2]


def answer(label: str, share: str) -> dict[str, str]:
    """What the page is to say: both models take a photo for the same class with the same probability."""
    said = f"{label}, {share}"
    bars = {f"{title}{BARS}": f"{BARS}{share} 3.0 %" for title in ("Transfer", "Scratch")}
    return {HEADER: said, "Transfer": said, "Scratch": said, **bars}


def page(said: dict[str, str]) -> list[str]:
    """The texts of a page, in order, that says so."""
    parts = ["Another photo", f"{HEADER}: {said[HEADER]}", "Empty it."]
    for title in ("Transfer", "Scratch"):
        parts += [title, f"**{said[title]}**", said[title + BARS]]
    return [*parts, "Dotted line"]


MINE, OTHER = answer("Glass", "97 %"), answer("Metal", "97 %")


def test_the_right_answer_is_right():
    assert verdict(page(MINE), MINE, [MINE, OTHER]) == "right"


def test_the_answer_of_another_session_is_a_swap():
    assert verdict(page(OTHER), MINE, [MINE, OTHER]) == SWAPPED


def test_the_same_class_with_other_probabilities_is_a_swap_too():
    close = MINE | {"Scratch" + BARS: f"{BARS}97 % 2.9 %"}
    assert verdict(page(close), MINE, [MINE, close]) == SWAPPED


def test_a_page_without_an_answer_is_a_loss():
    assert verdict(["Garbage classification", "Or try one of these"], MINE, [MINE, OTHER]).startswith("lost")
    half = page(MINE)
    half.remove(MINE["Scratch" + BARS])
    assert verdict(half, MINE, [MINE, OTHER]).startswith("lost")


def test_an_error_on_the_page_is_told():
    assert verdict([*page(MINE), "error: it broke"], MINE, [MINE]) == "error: it broke"


def test_a_numbered_photo_is_another_file_of_the_same_picture():
    data = picture(0)
    one, two = numbered(data, 1), numbered(data, 2)
    assert len({data, one, two}) == 3
    assert (decode_image(one) == decode_image(data)).all()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_passes(tmp_path):
    for seed, name in enumerate(("scratch", "transfer")):
        miniature_run(tmp_path / "models", name, seed=seed, threshold=0.0)
    command = [sys.executable, "benchmarks/soak.py", "--sessions", "2", "--uploads", "6", "--json"]
    environment = os.environ | {"GARBAGE_MODELS": str(tmp_path / "models"), "GARBAGE_DATA": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert (found["right"], found["errors"], found["swapped"], found["lost"]) == (6, 0, 0, 0), done.stdout
    assert found["different_answers_expected"] == 2
    assert found["memory_mb"]["after 6"] > 50
