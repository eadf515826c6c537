"""What different starting weights are worth to one recipe, for the runs in `models/studies/starts`."""

import pandas as pd
import streamlit as st

from garbage_app.comparison.matched import comparable_runs
from garbage_app.results import comparison_of, evaluation_of
from garbage_app.subject import studied_runs
from garbage_app.widgets.charts import show_table
from garbage_core.evaluation.comparison import is_matched
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, interval, listing, signed_interval

_LAST = "conv5"  # the stack that ImageNet weights may lack


def starting_points(split: str) -> list[Run]:
    """Returns runs of one recipe from different starts, the one whose start has the fewest layers first.

    Args:
        split: The photos that they are measured on; runs without predictions for them are left out.
    """
    studied = studied_runs("starts")
    known = (*comparable_runs(), *studied_runs("repeats"), *studied)
    groups = ([run for run in known if run is one or is_matched(one, run)] for one in studied)
    runs: list[Run] = max(groups, key=len, default=[])
    with_photos = [run for run in runs if split in set(run.predictions["split"])]
    return sorted(with_photos, key=lambda run: len((run.info.get("starting_weights") or {}).get("loaded", ())))


def start_title(run: Run) -> str:
    """Returns what a training started from: "ImageNet, conv1 to conv4" or what stands for it."""
    started = run.info.get("starting_weights") or {}
    if run.start != "ImageNet":
        return run.start
    if "taught" in started.get("origin", ""):
        return f"{run.start}, {_LAST} taught by another network"
    whole = any(layer.startswith(_LAST) for layer in started.get("loaded", ()))
    return f"{run.start}, all layers" if whole else f"{run.start}, conv1 to conv4"


def write_starts(split: str) -> None:
    """Writes what each start reaches, and how far it is from the first, if the study has been made."""
    runs = starting_points(split)
    if len(runs) < 2:
        return
    st.subheader("Which start? One recipe from different starting weights", anchor=False)
    first, rows = runs[0], []
    for run in runs:
        found = evaluation_of(run, split)
        accuracy, macro = found.metric("accuracy"), found.metric("macro_f1")
        gain = "" if run is first else signed_interval(*comparison_of(first, run, split).metric("accuracy"))
        rows.append((start_title(run), interval(*accuracy), interval(*macro), gain))
    columns = ["Start", "Accuracy", "Macro-F1", "Points of accuracy more"]
    show_table(pd.DataFrame(rows, columns=columns), "starts")
    recipe = listing([stage.name for stage in first.config.stages])
    st.caption(
        f"The same stages ({recipe}) and the same seed, measured on {count(evaluation_of(first, split).n, 'photo')}; "
        "brackets hold 95 % intervals. The last column compares with the first row, photo by photo."
    )
