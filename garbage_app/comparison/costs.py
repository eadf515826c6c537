"""What each of two runs took to train, takes to store and takes to run, the latter measured when a reader asks."""

import pandas as pd
import streamlit as st

from garbage_app.about.speed import REPEATS, measure, speed_of
from garbage_app.widgets.charts import show_table
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, duration, escape


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
