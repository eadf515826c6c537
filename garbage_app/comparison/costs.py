"""What each of two runs took to train, takes to store and takes to run, the latter measured when a reader asks."""

import os
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.cache import run_key
from garbage_app.classifiers import classifier_of
from garbage_app.widgets.charts import show_table
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, duration, escape

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


@st.fragment
def write_costs(pair: tuple[Run, Run]) -> None:
    """Writes what each model took to train, takes to store and takes to run."""
    st.subheader("What each costs", anchor=False)
    place = st.container()
    networks = [run for run in pair if run.has_weights]
    if networks and st.button("Measure the speed on this server", icon=":material/speed:", key="measure_speed"):
        try:
            with st.spinner("Loading the models and measuring", show_time=True):
                measure(networks)
        except GarbageError as error:
            st.error(escape(str(error), 500), icon=":material/error:")
    speeds = {run.name: speed_of(run) for run in pair}
    rows = {
        run.title: {
            "Parameters": f"{run.info['parameters']:,}" if run.info.get("parameters") else "unknown",
            "File": f"{run.info['weights']['bytes'] / 1e6:.1f} MB" if run.info["weights"].get("bytes") else "unknown",
            "Training time": duration(run.info.get("duration_seconds") or run.history["seconds"].sum()),
            "Epochs": f"{len(run.history):,}",
            "Trained on": str(run.info.get("device", "unknown")),
            "Started from": (run.info.get("starting_weights") or {}).get("source") or "random weights",
            "Milliseconds per photo": str(speeds[run.name] or "not measured yet"),
        }
        for run in pair
    }
    with place:
        show_table(pd.DataFrame(rows).rename_axis("What").reset_index(), "costs", {"What": ""})
    if any(speeds.values()):
        cores = next(speed.cores for speed in speeds.values() if speed)
        st.caption(
            f"Milliseconds: median and middle half of {REPEATS} measurements on this server "
            f"({count(cores, 'processor core')}), one photo at a time, without reading the photo."
        )
