"""The hostile files are what they say, and the benchmark sees what must not happen."""

import time

import pytest

from benchmarks import hostile
from benchmarks.hostile_cases import HOSTILE
from garbage_core.data.file_types import photo_format
from garbage_core.data.images import ACCEPTED_FORMATS, MAX_BYTES
from garbage_core.inference.classifier import Failure


def test_there_are_files_of_every_format():
    assert len(HOSTILE) >= 60
    assert {name.split()[0] for name in HOSTILE} == set(ACCEPTED_FORMATS)


# One of each way of making them; the large ones take seconds.
@pytest.mark.parametrize(
    "name", ["PNG empty chunks", "GIF junk", "JPEG 900 scans", "TIFF overlapping tags", "WebP frames", "BMP many runs"]
)
def test_a_file_gets_past_the_first_look(name):
    data = HOSTILE[name]()
    assert photo_format(data) == name.split()[0]
    assert len(data) <= MAX_BYTES


class Answers:
    """A classifier that answers as it is told to."""

    def __init__(self, answer) -> None:
        self._answer = answer

    def classify_paths(self, paths):
        return [self._answer(str(path)) for path in paths]


def raises(_: str) -> Failure:
    raise ValueError("other")


def takes_memory(name: str) -> Failure:
    kept = bytearray(60_000_000)
    kept[::4096] = b"x" * len(kept[::4096])
    time.sleep(0.3)
    return Failure(name, "is large")


@pytest.mark.parametrize(
    ("answer", "said", "finding"),
    [
        (lambda name: Failure(name, "is damaged"), "is damaged", False),
        (lambda name: Failure(name, "Traceback\n  more"), "Traceback", True),
        (raises, "ValueError: other", True),
        (takes_memory, "is large", True),
    ],
)
def test_what_must_not_happen_is_a_finding(tmp_path, monkeypatch, answer, said, finding):
    monkeypatch.setattr(hostile, "MEGABYTES", 40)
    path = tmp_path / "PNG something"
    path.write_bytes(b"x")
    row = hostile.classify(Answers(answer), path)
    assert said in row["answer"]
    assert row["finding"] == finding
