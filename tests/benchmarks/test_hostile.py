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


@pytest.mark.slow
def test_a_server_under_attack_goes_on_to_answer_sound_photos(monkeypatch):
    """Two hostile files of one session, beside sessions with sound photos; the times are the benchmark's to judge."""
    from benchmarks import hostile_server

    monkeypatch.setattr(hostile_server, "SOUND", 2)
    monkeypatch.setattr(hostile_server, "BEFORE", 1)
    names = ("PNG 1x59m", "AVIF says 512x384")
    seen = []
    found = hostile_server.attack_server({name: HOSTILE[name] for name in names}, seen.append)
    assert seen == [row["file"] for row in found["rows"]] == list(names)
    assert all(row["answer"].startswith("error: ") and row["file"] in row["answer"] for row in found["rows"])
    assert not [text for text in found["findings"] if "answered by" in text]
    assert len(hostile_server.in_words(found)) >= 2
