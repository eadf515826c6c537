"""Timing things against each other, fairly: in turns, so that whatever else the machine does hits all of them alike."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def in_turns(
    sides: Mapping[str, Callable[[], Any]], repeats: int = 15, warm_up: int = 2, pause: float = 0.0
) -> dict[str, np.ndarray]:
    """Times several things in turns: each once, then each again, every second round in reverse order.

    Args:
        sides: What to call, by name.
        repeats: Rounds that are timed, at least 1.
        warm_up: Rounds before them that are not.
        pause: Seconds before every call. Threads that wait for more work by spinning, as those of several runtimes do,
            take a core from whoever comes next.

    Returns:
        Milliseconds of every call by name, each of shape (repeats,).

    Raises:
        ValueError: For no repeats.
    """
    if repeats < 1:
        raise ValueError(f"There must be at least one repeat, not {repeats}.")
    times = {name: [] for name in sides}
    for round_number in range(-warm_up, repeats):
        names = list(sides) if round_number % 2 == 0 else list(sides)[::-1]
        for name in names:
            time.sleep(pause)
            start = time.perf_counter()
            sides[name]()
            elapsed = time.perf_counter() - start
            if round_number >= 0:
                times[name].append(1000 * elapsed)
    return {name: np.array(values) for name, values in times.items()}


def median_ratio(times: np.ndarray, reference: np.ndarray) -> float:
    """Returns how many times as long the first takes as the second: the median over rounds of the ratio within each.

    The two calls of a round lie close together in time, so a machine that slows down half way does not move it.
    """
    return float(np.median(times / reference))
