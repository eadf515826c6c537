"""Timing in turns: the order is fair, and a slow machine does not change who is faster."""

import time

import numpy as np
import pytest

from benchmarks.app_speed.timing import in_turns, median_ratio


def test_sides_take_turns_and_warm_up_rounds_are_not_counted():
    calls = []
    times = in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=3, warm_up=1)
    assert "".join(calls) in ("abbaabba", "baabbaab")
    assert {name: values.shape for name, values in times.items()} == {"a": (3,), "b": (3,)}


def test_milliseconds_are_measured():
    times = in_turns({"long": lambda: time.sleep(0.03), "short": lambda: time.sleep(0.01)}, repeats=2)
    assert times["short"].min() >= 9.9
    assert times["long"].min() >= 29.9


def test_ratio_is_taken_within_rounds():
    reference = np.array([10.0, 10.0, 1000.0, 1000.0, 1000.0])  # the machine slows down half way
    assert median_ratio(reference / 2, reference) == pytest.approx(0.5)


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="at least one repeat, not 0"):
        in_turns({"a": list}, repeats=0)
