"""The pair of trainings that differs in its start alone, and what more photos bring from each start."""

import pandas as pd
import streamlit as st

from garbage_app.classifiers import accuracy
from garbage_app.imbalance.study import table_or_none
from garbage_app.subject import shared_runs, studied_runs
from garbage_app.widgets.charts import drawn, show
from garbage_app.widgets.choosers import choose_metric
from garbage_core.data.photo_sets import MAIN_SET
from garbage_core.evaluation.comparison import is_matched
from garbage_core.evaluation.metrics import METRICS
from garbage_core.figures.data_size import data_size_curves
from garbage_core.runs.run import Run
from garbage_core.studies.tables import DATA_SIZE, read_data_size
from garbage_core.utils.text import NBSP, count, escape, listing, percent


def comparable_runs() -> list[Run]:
    """Returns the trained runs, then those of `models/studies/matched`, which have no networks."""
    return [*shared_runs(), *studied_runs("matched")]


def matched_pair(runs: list[Run]) -> tuple[Run, Run] | None:
    """Returns the first two runs that differ in their start alone, the one from random weights first."""
    pairs = ((a, b) for a in runs for b in runs if a.start == "random weights")
    return next(((a, b) for a, b in pairs if is_matched(a, b)), None)


def write_best_recipes(runs: list[Run], pair: tuple[Run, Run], split: str) -> None:
    """Says beside a matched pair what the best recipe of each start reaches."""
    best = [run for run in runs if run.name in ("scratch", "transfer") and split in set(run.predictions["split"])]
    if not is_matched(*pair) or len(best) < 2:
        return
    told = [f"{escape(run.title)} {percent(accuracy(run, split, MAIN_SET))}" for run in best]
    st.markdown(f"**With the best recipe of each:** {listing(told)}.")


def write_data_size() -> None:
    """Draws what more training photos bring from each start, if the study has been made."""
    found = table_or_none(DATA_SIZE, read_data_size)
    if found is None:
        return
    table, path = found
    st.subheader("How many photos is pretraining worth? Learning curves over data", anchor=False)
    metric = choose_metric({name: METRICS[name].title for name in ("accuracy", "macro_f1")}, key="size_metric")
    st.markdown(photos_worth(table, metric))
    show(
        drawn(lambda: data_size_curves(table, metric), "data-size", str(path), metric),
        "data-size",
        data=lambda: table[(table["metric"] == metric) & (table["split"] == "test")],
    )
    photos = int(table["photos"].max())
    st.caption(
        f"One recipe, one seed, the same {count(photos, 'test photo')}. Each share has the photos of the smaller ones "
        f"and is trained for as many epochs, so with fewer steps. The lines are 95{NBSP}% intervals."
    )


def photos_worth(table: pd.DataFrame, metric: str) -> str:
    """Says what each start reaches with the fewest photos, and with how many one is as good as the other with all.

    Args:
        table: From `read_data_size`; the first start is what the other is compared with.
        metric: Name of a metric that is a share.
    """
    rows = table[(table["metric"] == metric) & (table["split"] == "test") & (table["class"] == "")]
    (first, own), (other, its) = list(rows.groupby("start", sort=False))[:2]
    fewest = int(rows["train_photos"].min())
    values = [part.set_index("train_photos")["value"] for part in (own, its)]
    first, other = escape(str(first)), escape(str(other))
    text = (
        f"With {count(fewest, 'training photo')}, {percent(values[1][fewest])} from {other} and "
        f"{percent(values[0][fewest])} from {first}."
    )
    most = int(own["train_photos"].max())
    enough = [int(photos) for photos in sorted(values[1].index) if values[1][photos] >= values[0][most]]
    if enough and enough[0] < most:
        text += f" **{count(enough[0], 'photo')} from {other} do what {most:,} do from {first}.**"
    return text
