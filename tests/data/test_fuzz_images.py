"""Damaged photos: a short part of benchmarks/fuzz_images.py, and that its watch sees what it is there to see."""

import os
import time
from collections import Counter

import pytest

from benchmarks.damage import damaged_files, mend_checksums, sound_files
from benchmarks.fuzz_images import check, fuzz
from garbage_core.data.images import ACCEPTED_FORMATS

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow remarks on damaged files


def test_sound_files_of_every_format_decode():
    outcomes = {name: check(data, None) for name, data in sound_files().items()}
    assert set(outcomes.values()) == {"decoded"}
    assert {name.split()[0] for name in outcomes} == set(ACCEPTED_FORMATS)


def test_damaged_files_decode_or_are_refused():
    outcomes = Counter()
    for place, (name, done, data) in enumerate(damaged_files(42, seed=0)):
        outcome = check(data, (None, (96, 128))[place % 2])
        assert outcome in ("decoded", "refused"), f"{place}: {name}, {done}"
        outcomes[name.split()[0], outcome] += 1
    # The damage is neither harmless nor so bad that nothing gets past the header.
    assert {kind for kind, outcome in outcomes if outcome == "decoded"} == set(ACCEPTED_FORMATS)
    assert {kind for kind, outcome in outcomes if outcome == "refused"} == set(ACCEPTED_FORMATS)


def test_the_same_seed_gives_the_same_damage():
    assert list(damaged_files(8, 5)) == list(damaged_files(8, 5))
    assert list(damaged_files(8, 5)) != list(damaged_files(8, 6))


def test_mended_checksums_let_changes_through():
    data = sound_files()["PNG"]
    wider = data[:19] + bytes([data[19] - 1]) + data[20:]  # the last byte of the width
    assert check(wider, None) == "refused"
    assert check(mend_checksums(wider), None) == "decoded"
    assert mend_checksums(data) == data


def misbehave(data: bytes, at_least: tuple[int, int] | None) -> str:
    """Does what the file says; sound files are let through, for they only load the decoders."""
    if data == b"down":
        os._exit(3)
    if data == b"asleep":
        time.sleep(600)
    while data == b"for ever":
        pass
    if data == b"busy":
        end = time.process_time() + 0.5
        while time.process_time() < end:
            pass
    if data == b"greedy":
        return "decoded" if len(bytes(range(256)) * 2_500_000) else ""
    return "ValueError: other" if data == b"other" else "decoded"


@pytest.mark.slow
def test_the_watch_sees_what_must_not_happen_and_goes_on():
    wrong = {b"other": "ValueError: other", b"busy": " in 0.", b"down": "status 3", b"greedy": " MB"}
    files = [("PNG", "none", data) for bad in wrong for data in (b"good", bad)] + [("PNG", "none", b"good")]
    found = fuzz(iter(files), misbehave, patience=200, limits=(0.4, 450))
    assert [finding["data"] for finding in found.findings] == list(wrong)
    for said, finding in zip(wrong.values(), found.findings, strict=True):
        assert said in finding["finding"]
    assert found.outcomes["PNG", "decoded"] == len(wrong) + 1 + 2  # the slow and the greedy one did decode


@pytest.mark.slow
@pytest.mark.parametrize(("data", "patience"), [(b"asleep", 0.5), (b"for ever", 500)])
def test_the_watch_ends_what_does_not_answer(data, patience):
    found = fuzz(iter([("PNG", "none", data), ("PNG", "none", b"good")]), misbehave, patience, (0.1, 1000))
    (finding,) = found.findings
    assert "no answer within" in finding["finding"]
    assert found.outcomes["PNG", "decoded"] == 1
