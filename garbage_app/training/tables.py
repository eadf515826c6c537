"""Trainings in words and tables: the best checkpoint of each, what is not comparable; run by run, stage by stage."""

import pandas as pd
import streamlit as st

from garbage_app.widgets.charts import show_table
from garbage_core.runs.history import BestEpoch, smaller_stages, stages_of
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, duration, escape, listing, percent

_SHARE = st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")


def conclusion(run: Run, best: BestEpoch) -> str:
    """Says which checkpoint of a training is its model, and how good it is on val; without the full stop."""
    epochs, name = int(run.history["epoch"].max()), escape(run.title)
    value = "" if pd.isna(best.value) else f", with macro\u2011F1 {percent(best.value)}"
    if best.epoch is None:
        return f"{name} trained for {epochs} epochs"
    if best.epoch == 0:
        return f"{name} was best before the first of {epochs} epochs, with its linear probe{value}"
    return f"{name} was best at epoch {best.epoch} of {epochs}{value}"


def write_caveats(runs: list[Run], best_epochs: list[BestEpoch]) -> None:
    """Says which values are not comparable, and why."""
    for run, best in zip(runs, best_epochs, strict=True):
        if smaller := smaller_stages(run):
            sizes = stages_of(run).set_index("stage").loc[smaller, ["width", "height"]].drop_duplicates()
            pixels = listing([f"{width} by {height}" for width, height in sizes.itertuples(index=False)])
            stages = f"the stage{'s' if len(smaller) > 1 else ''} {listing([escape(name) for name in smaller])}"
            st.info(
                f"{escape(run.title)}: {stages} used photos of {pixels} pixels, and the values of those epochs were "
                "measured on such photos. They are not comparable with the best checkpoint, which takes "
                f"{run.config.width} by {run.config.height} pixels and was measured with them.",
                icon=":material/photo_size_select_small:",
            )
        if best.epoch == 0:
            st.info(
                f"{escape(run.title)}: no epoch was better on the validation photos than the linear probe, the head "
                "that was fitted to the starting weights before the first epoch; so the probe is the model.",
                icon=":material/start:",
            )


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
