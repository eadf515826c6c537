"""The checkpoint that each training led to, and which values cannot be compared with it."""

import pandas as pd
import streamlit as st

from garbage_core.runs.history import BestEpoch, smaller_stages, stages_of
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape, listing, percent


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
