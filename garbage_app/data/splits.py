"""The photos by class and split, where they come from, and what needs a look."""

import pandas as pd
import streamlit as st

from garbage_app.subject import fingerprint
from garbage_app.widgets.charts import show_table
from garbage_app.widgets.choosers import SPLIT_NAMES
from garbage_core.data.class_balance import class_sizes
from garbage_core.data.classes import CLASS_NAMES
from garbage_core.data.dataset import Dataset, official_splits, split_if_possible
from garbage_core.runs.results import TRASHNET
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, escape


def split_name(split: str) -> str:
    """Returns "Training", "Validation", "Test", or another split's own name."""
    return capital(SPLIT_NAMES.get(split) or split)


def photos_by_split(dataset: Dataset | None, runs: list[Run]) -> tuple[pd.DataFrame, str]:
    """Returns a table file, label, split and where it comes from: the photos here, a run, or the authors' lists."""
    if dataset is not None:
        photos, unsplit = split_if_possible(dataset)
        source = f"Counted in {escape(dataset.source.name, 120)}."
        return photos, f"{source} Not split: {escape(unsplit, 400)}" if unsplit else source
    if runs:
        run = runs[-1]
        return run.predictions[["file", "label", "split"]], f"As recorded by the training of {escape(run.title)}."
    lists = pd.DataFrame(official_splits().items(), columns=["file", "split"])
    return lists.assign(label=lists["file"].str.split("/").str[0]), "From the lists of the data set's authors."


def unevenness(photos: pd.DataFrame) -> str:
    """Says how many photos there are and how uneven their classes are, from their `label`."""
    totals = photos["label"].value_counts()
    return f"{totals.sum():,} photos of {len(totals)} classes{escape(class_sizes(totals), 300)}."


def write_problems(dataset: Dataset) -> None:
    """Lists what cannot be used, and what was read in a way that is to be known, by name."""
    if dataset.problems.empty:
        return
    st.subheader("What needs a look", anchor=False)
    st.markdown(f"Left out, or read in a way to be known: {len(dataset.problems):,}.")
    show_table(dataset.problems.rename(columns={"file": "File", "reason": "Reason"}), "problems")


def write_source(classes: list[str]) -> None:
    """Says where the photos come from, if they are those of TrashNet."""
    if fingerprint() in (None, TRASHNET) and set(classes) <= set(CLASS_NAMES):
        with st.expander("Where the photos come from"):
            st.markdown(
                "[TrashNet](https://github.com/garythung/trashnet) by Gary Thung and Mindy Yang, 2016, MIT license: "
                "objects on a white posterboard, photographed with phones in sunlight or room light. Photos from a "
                "bin, a belt or a street differ from these, so expect more mistakes there."
            )
