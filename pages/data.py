"""What is in the data: classes, splits, sizes, colors, and the photos themselves where they are on this machine."""

import pandas as pd
import streamlit as st

from garbage_app.data.photo_map import write_map
from garbage_app.data.views import split_name, write_balance, write_samples, write_statistics
from garbage_app.router import ensure_routed
from garbage_app.widgets.charts import show_table
from garbage_app.widgets.choosers import shared_runs
from garbage_app.widgets.gallery import dataset_or_none
from garbage_app.widgets.page_header import answer, question
from garbage_core.data.classes import CLASS_NAMES
from garbage_core.data.dataset import Dataset, official_splits, split_counts, split_dataset
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, escape, percent

ensure_routed()


def photos_by_split(dataset: Dataset | None, runs: list[Run]) -> tuple[pd.DataFrame, str]:
    """Returns a table file, label, split and where it comes from: the photos here, a run, or the authors' lists."""
    if dataset is not None:
        return split_dataset(dataset), f"Counted in {escape(dataset.source.name, 120)}."
    if runs:
        run = runs[-1]
        return run.predictions[["file", "label", "split"]], f"As recorded by the training of {escape(run.title)}."
    lists = pd.DataFrame(official_splits().items(), columns=["file", "split"])
    return lists.assign(label=lists["file"].str.split("/").str[0]), "From the lists of the data set's authors."


def write_problems(dataset: Dataset) -> None:
    """Lists files that cannot be used, by name."""
    if dataset.problems.empty:
        return
    st.subheader("What cannot be used", anchor=False)
    st.markdown(f"Left out: {count(len(dataset.problems), 'file')}.")
    show_table(dataset.problems.rename(columns={"file": "File", "reason": "Reason"}), "problems")


place = question("What is in the data?")
dataset, runs = dataset_or_none(), shared_runs()
photos, source = photos_by_split(dataset, runs)
present = list(photos["label"].unique())
classes = [name for name in (dataset.classes if dataset else sorted(present)) if name in present]
counts = split_counts(photos, classes)
totals = counts.sum(axis=1)
answer(
    place,
    f"{totals.sum():,} photos of {len(totals)} classes; the largest, {escape(totals.idxmax())}, has "
    f"{totals.max() / totals.min():.1f} times as many as the smallest, {escape(totals.idxmin())}.",
    source,
)
grid = st.grid(3, min_column_width=100)
for split in counts:
    grid.metric(
        split_name(split),
        f"{counts[split].sum():,}",
        percent(counts[split].sum() / totals.sum()),
        delta_color="off",
        delta_arrow="off",
        border=True,
    )

key = str(pd.util.hash_pandas_object(photos[["file", "label", "split"]], index=False).sum())
write_balance(counts, key)
write_samples(dataset, photos, classes)
write_statistics(photos, classes, key)
write_map(runs)
if dataset is not None:
    write_problems(dataset)
if set(classes) <= set(CLASS_NAMES):
    with st.expander("Where the photos come from"):
        st.markdown(
            "[TrashNet](https://github.com/garythung/trashnet) by Gary Thung and Mindy Yang, 2016, MIT license: things "
            "laid on a white posterboard and photographed with phones in sunlight or room light. Photos from a bin, a "
            "belt or a street look different, so expect more mistakes there."
        )
