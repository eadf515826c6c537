"""Trainings as tables: run by run, stage by stage, epoch by epoch."""

import pandas as pd
import streamlit as st

from garbage_app.widgets.charts import show_table
from garbage_core.runs.history import BestEpoch, stages_of
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, duration, escape

_SHARE = st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")


def write_tables(runs: list[Run], best_epochs: list[BestEpoch]) -> None:
    """Writes what each training and each of its stages took and reached, and folds away all epochs."""
    st.subheader("Run by run", anchor=False)
    show_table(_runs(runs, best_epochs), "training-summary", {"Macro-F1": _SHARE})
    st.subheader("Stage by stage", anchor=False)
    show_table(_stages(runs), "training-stages", {"Best macro-F1 at that size": _SHARE})
    with st.expander("Every epoch as a table"):
        for run in runs:
            st.markdown(f"**{escape(run.title)}**")
            show_table(run.history, f"history-{run.name}")


def _runs(runs: list[Run], best_epochs: list[BestEpoch]) -> pd.DataFrame:
    """Returns one row per run: how long, on what, from where, what came of it."""
    return pd.DataFrame(
        [
            {
                "Model": run.title,
                "Epochs": len(run.history),
                "Best epoch": best.epoch,
                "Macro-F1": 100 * best.value,
                "Training time": duration(run.info.get("duration_seconds") or run.history["seconds"].sum()),
                "Per epoch": duration(run.history["seconds"].median()),
                "Machine": run.info.get("device", ""),
                "Starting weights": (run.info.get("starting_weights") or {}).get("source") or "random",
            }
            for run, best in zip(runs, best_epochs, strict=True)
        ]
    )


def _stages(runs: list[Run]) -> pd.DataFrame:
    """Returns one row per stage of every run."""
    rows = pd.concat([stages_of(run).assign(run=run.title) for run in runs])
    known = (rows["width"] > 0) & (rows["height"] > 0)
    size = rows["width"].astype(str) + " x " + rows["height"].astype(str)
    first = rows["first"].astype(str)
    return pd.DataFrame(
        {
            "Model": rows["run"],
            "Stage": rows["stage"],
            "Epochs": first.where(rows["epochs"] == 1, first + " to " + rows["last"].astype(str)),
            "Photos, pixels": size.where(known, "unknown"),
            "Best macro-F1 at that size": 100 * rows["best_val_macro_f1"],
            "Time": [duration(seconds) for seconds in rows["seconds"]],
            "Per epoch": [duration(seconds) for seconds in rows["seconds"] / rows["epochs"]],
        }
    )
