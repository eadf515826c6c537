"""The benchmark of a folder sees what it is there to see, and the command passes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.folder import compare, damage, drawing, is_damaged, median_between
from garbage_core.data.images import decode_image
from garbage_core.errors import GarbageError
from tests.fixtures.networks import miniature_run

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = 20  # the sixteenth is damaged


def row(number: int, **changes: str) -> dict[str, str]:
    """The row that a file of this number should have."""
    damaged = is_damaged(number % PHOTOS)
    right = {"label": "" if damaged else "glass", "error": "It is cut off." if damaged else ""}
    return {"file": f"photos/000/{number:06}.jpg"} | right | changes


def test_every_file_as_it_should_be():
    counts = compare([row(number) for number in range(40)], 40, PHOTOS)
    assert counts == {"answered": 38, "refused": 2, "without_row": 0}


@pytest.mark.parametrize(
    ("rows", "wrong", "without"),
    [
        ([row(0), row(1, label="", error="It is cut off.")], 1, 0),
        ([row(number) for number in range(15)] + [row(15, label="glass", error="")], 1, 0),
        ([row(1), row(0)], 2, 0),
        ([row(0)], 0, 1),
    ],
    ids=["a sound photo is refused", "a damaged one is answered", "the order is another", "a file has no row"],
)
def test_what_is_wrong_is_counted(rows, wrong, without):
    counts = compare(rows, len(rows) + without, PHOTOS)
    assert (counts["wrong"], counts["without_row"]) == (wrong, without)


def test_memory_is_compared_between_places_in_the_table():
    samples = [(0, 100.0), (20, 200.0), (24, 204.0), (60, 900.0), (95, 300.0), (100, 310.0)]
    assert median_between(samples, 0.15, 0.25) == 202
    assert median_between(samples, 0.9, 1.0) == 305
    assert median_between(samples, 0.3, 0.4) == 204  # the nearest


def test_every_damage_is_refused():
    _, data = drawing(12)  # a small one
    for number in (15, 31, 47):
        with pytest.raises(GarbageError):
            decode_image(damage(number, data))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_passes(tmp_path):
    miniature_run(tmp_path / "models", "transfer", threshold=0.0)
    command = [sys.executable, "benchmarks/folder.py", "--files", "68", "--photos", "17", "--json"]
    environment = os.environ | {"GARBAGE_MODELS": str(tmp_path / "models")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    found = json.loads(done.stdout)
    # Its memory is not asked for: with so few files the command is hardly started when it ends.
    assert (found["rows"], found["answered"], found["refused"], found["wrong"]) == (68, 64, 4, 0), done.stderr
    assert found["memory_mb"]["most"] > 50
