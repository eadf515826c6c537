"""What the landing page says before there is a photo: what this is, and what the study found."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.classifiers import accuracy
from garbage_app.steps import page_file
from garbage_app.subject import dataset_or_none, fingerprint
from garbage_app.widgets.gallery import class_icon
from garbage_core.data.classes import CLASS_NAMES
from garbage_core.errors import GarbageError
from garbage_core.runs.results import TRASHNET, is_trained_on
from garbage_core.runs.run import Run
from garbage_core.studies.tables import (
    BASELINE,
    STRATEGY_RUNS,
    rarest_class,
    read_strategy_runs,
    rows_of,
    strategy_name,
    study_path,
)
from garbage_core.utils.text import escape, listing, number, percent, small

TITLE = "Garbage classification"
UNEVEN = 1.5  # the largest class has so many times as many photos as the smallest, or more
_START = {"random weights": "from scratch", "ImageNet": "pretrained on ImageNet"}


def write_title(runs: list[Run]) -> None:
    """Writes the project's name, and in a sentence what it is."""
    st.title(TITLE, anchor=False)
    classes = listing([escape(one) for one in (runs[0].classes if runs else CLASS_NAMES)])
    if not runs:
        st.markdown(f"Which bin? A ResNet-50 tells {classes} apart, once it has been trained.")
        return
    counts = _photos_by_class(runs[0])
    name = "TrashNet's " if fingerprint() == runs[0].info.get("data_fingerprint") == TRASHNET else ""
    uneven = "unevenly spread " if counts.max() >= UNEVEN * counts.min() else ""
    starts = list(dict.fromkeys(_START.get(run.start, f"from {escape(run.start)}") for run in runs))
    more = any(run.info.get("extra_sets") for run in runs)
    once = "once " * (len(starts) + more > 1)
    said = [once + start for start in starts] + ["once with photos as people take them"] * more
    st.markdown(
        f"Which bin? A ResNet-50 tells {classes} apart. It learned from {name}{number(counts.sum())} {uneven}photos"
        f"{':' if once else ','} {listing(said)}."
    )


def write_findings(runs: list[Run]) -> None:
    """Writes what the study found, one link each to the page that shows it."""
    found = list(_findings(runs))
    widths = [12 + len(label) for _, _, label in found]  # a link that does not fit is cut off
    for column, (page, icon, label) in zip(st.columns(widths, gap="xxsmall"), found, strict=True):
        column.page_link(page_file(page), label=label, icon=f":material/{icon}:", width="stretch")


def _findings(runs: list[Run]) -> Iterator[tuple[str, str, str]]:
    """Yields page, icon and Markdown of each finding whose numbers are on this machine."""
    by_name = {run.name: run for run in runs if run.info.get("data_fingerprint") == fingerprint()}
    if {"scratch", "transfer"} <= by_name.keys():
        scratch, transfer = (
            percent(accuracy(by_name[name], "test", by_name[name].sets[0])) for name in ("scratch", "transfer")
        )
        yield "comparison", "compare_arrows", f"**{scratch}** from scratch, **{transfer}** pretrained"
    dataset = dataset_or_none()
    counts = _photos_by_class(runs[0]) if dataset is None or is_trained_on(runs[0].info, dataset) else dataset.counts()
    rarest = str(counts.idxmin())
    if counts.max() >= UNEVEN * counts.min():
        label = f"**1 photo in {counts.sum() / counts.min():.0f}** is {escape(rarest)}"
    else:
        label = f"**{number(counts.sum())} photos** of {number(len(counts))} classes"
    yield "data", class_icon(rarest), label
    try:
        yield "imbalance", "balance", what_happens_to_the_rarest(study_path(STRATEGY_RUNS, fingerprint()))
    except GarbageError:
        yield "imbalance", "balance", "What happens to it, and what helps"


@cache.data(max_entries=16)
def _photos_by_class(run: Run) -> pd.Series:
    """Returns the number of photos of each class that a run knows."""
    return run.predictions.drop_duplicates("file")["label"].value_counts()


@cache.data(max_entries=4)
def what_happens_to_the_rarest(path: Path) -> str:
    """Returns what the strategy that raises the recall of the rarest class most makes of it. Raises GarbageError."""
    table = read_strategy_runs(path)
    rarest = rarest_class(table)
    recalls = rows_of(table, "recall", "test", rarest).set_index("strategy")["value"]
    best = str(recalls.idxmax())
    if best == BASELINE:
        return f"**{percent(recalls[BASELINE], 0)} of {escape(rarest)}** is found, and no strategy finds more"
    return (
        f"**{percent(recalls[BASELINE], 0)}** of {escape(rarest)} is found, **{percent(recalls[best], 0)}** with "
        f"{small(strategy_name(best))}"
    )
