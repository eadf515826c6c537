"""How long a photo takes with each model on this server, measured when a reader asks."""

import json
import os
import time
from dataclasses import dataclass

import numpy as np
import streamlit as st

from garbage_app import cache
from garbage_app.cache import run_key
from garbage_app.classifiers import classifier_of, usable_runs
from garbage_app.widgets.charts import drawn, show
from garbage_core.errors import GarbageError
from garbage_core.figures.speed import goals_of_speed, times_per_photo
from garbage_core.runs.run import Run, models_dir
from garbage_core.utils.text import count, escape

REPEATS = 15


@dataclass(frozen=True)
class Speed:
    """Times of one photo at a time through a warm network, without reading the photo, in milliseconds.

    Attributes:
        median: Half of the repeats took less.
        low: A quarter took less.
        high: A quarter took more.
        cores: Processor cores of the server.
    """

    median: float
    low: float
    high: float
    cores: int

    def __str__(self) -> str:
        return f"{self.median:.0f} ({self.low:.0f} to {self.high:.0f})"


@cache.resource(max_entries=1)
def _measured() -> dict[tuple, Speed]:
    return {}


def speed_of(run: Run) -> Speed | None:
    """Returns what was measured for a run since the server started, or None."""
    return _measured().get(run_key(run))


def measure(runs: list[Run]) -> None:
    """Measures the networks of some runs, in turns, so that whatever else the server does slows all of them alike.

    Raises:
        GarbageError: If a network cannot be loaded.
    """
    classifiers = {run_key(run): classifier_of(run) for run in runs}
    rng = np.random.default_rng(0)
    photos = {key: rng.integers(0, 256, (*c.size, 3), dtype=np.uint8) for key, c in classifiers.items()}
    times: dict[tuple, list[float]] = {key: [] for key in classifiers}
    for turn in range(REPEATS + 1):
        for key, classifier in classifiers.items():
            start = time.perf_counter()
            classifier.probabilities([photos[key]])
            if turn:  # the first one may still wake something up
                times[key].append(1000 * (time.perf_counter() - start))
    for key, measured in times.items():
        low, median, high = np.quantile(measured, [0.25, 0.5, 0.75])
        _measured()[key] = Speed(float(median), float(low), float(high), os.cpu_count() or 1)


def write_goals() -> None:
    """Draws the figures of `python -m benchmarks` as bars, each as the share of its goal that it uses up."""
    rows = goals()
    if not rows:
        return
    met = sum(row[-1] for row in rows)
    st.subheader("Is it as quick as it should be?", anchor=False)
    st.markdown(f"**{met} of {count(len(rows), 'goal')} are met.**")
    show(drawn(lambda: goals_of_speed(rows), "goals of speed", *rows), "goals-of-speed")
    st.caption("Up to 100 % a goal is met. Each figure, its goal and how it was measured are in docs/speed.md.")


def goals() -> list[tuple[str, str, str, float, bool]]:
    """Returns the rows of `figures.speed.goals_of_speed`; none if there are none, or of earlier versions."""
    try:
        content = json.loads((models_dir() / "studies" / "bench.json").read_text("utf-8"))
        return [_goal(row) for row in content["rows"] if row["goal"] and row.get("bound")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return []


def _goal(row: dict) -> tuple[str, str, str, float, bool]:
    value = row["ours"] if row["ratio"] is None else row["ratio"]
    measured = f"{value:.2f}" if row["ratio"] is not None else f"{value:,.3g} {row['unit']}"
    share = row["goal"] / value if row["unit"] == "photos/s" else value / row["goal"]
    return row["title"], measured, row["bound"], float(share), bool(row["met"])


@st.fragment
def write_speed(runs: list[Run]) -> None:
    """Measures the models when asked to, and draws the milliseconds that a photo takes with each.

    Args:
        runs: All runs; those without a usable network are left out.
    """
    usable = usable_runs(runs)
    st.subheader("How long does a photo take here?", anchor=False)
    if not usable:
        st.info("No network of these models can be used on this server.", icon=":material/info:")
        return
    if st.button("Measure the speed on this server", icon=":material/speed:", key="measure_speed"):
        try:
            with st.spinner("Loading the models and measuring", show_time=True):
                measure(usable)
        except GarbageError as error:
            st.error(escape(str(error), 500), icon=":material/error:")
    speeds = [(run.title, speed) for run in usable if (speed := speed_of(run))]
    if not speeds:
        st.caption(f"Takes some seconds: {count(REPEATS, 'photo')} through each of {count(len(usable), 'model')}.")
        return
    title, fastest = min(speeds, key=lambda item: item[1].median)
    st.markdown(f"**A photo takes {fastest.median:.0f} ms here with {escape(title)}.**")
    rows = [(name, speed.median, speed.low, speed.high) for name, speed in speeds]
    show(drawn(lambda: times_per_photo(rows), "times per photo", *rows), "times-per-photo")
    st.caption(
        f"Median and middle half of {REPEATS} measurements on {count(fastest.cores, 'processor core')}, one photo at a "
        "time, without reading the photo."
    )
