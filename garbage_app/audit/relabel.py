"""Labels that the reader corrects: what they do to the metrics of a run, and the table to keep.

The choices belong to the reader's session. They change no file: the table that can be downloaded is what is left.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.widgets.choosers import SPLIT_NAMES
from garbage_app.widgets.downloads import csv
from garbage_app.widgets.metric_tiles import tile_row
from garbage_core.evaluation.metrics import METRICS
from garbage_core.runs.run import Run
from garbage_core.utils.text import count, percent, points

if TYPE_CHECKING:
    from garbage_core.evaluation.evaluation import Evaluation

_CORRECTED = "corrected_labels"
HEADLINES = ("accuracy", "macro_f1")


def corrected_labels() -> dict[str, str]:
    """Returns the labels that the reader has corrected, by file."""
    return st.session_state.setdefault(_CORRECTED, {})


def choose_label(given: dict[str, str], options: Iterable[str], key: str) -> None:
    """Writes labels as buttons; the one that is pressed is the label of all these photos.

    Args:
        given: Label in the data set by file, of the photos of one finding.
        options: Labels to choose from.
        key: Tells the finding from others.
    """
    corrected = corrected_labels()
    now = {corrected.get(file, label) for file, label in given.items()}
    key = f"label-{key}"
    st.session_state[key] = now.pop() if len(now) == 1 else None  # None: each photo has its own
    st.segmented_control(
        "Label",
        list(dict.fromkeys(options)),
        label_visibility="collapsed",
        key=key,
        on_change=_take,
        args=(given, key),
        width="stretch",
    )


def _take(given: dict[str, str], key: str) -> None:
    """Takes over a pressed button; one that is pressed again gives every photo its own label back."""
    chosen, corrected = st.session_state[key], corrected_labels()
    for file, label in given.items():
        corrected.pop(file, None)
        if chosen is not None and chosen != label:
            corrected[file] = chosen


@cache.data(max_entries=64)
def _evaluation(run: Run, split: str, corrected: tuple[tuple[str, str], ...]) -> "Evaluation":
    """Returns the metrics of a run without intervals, so that a click is answered at once. Raises GarbageError."""
    from garbage_core.evaluation.evaluation import evaluate

    table = run.predictions
    labels = table["file"].map(dict(corrected))
    table = table.assign(label=labels.where(labels.isin(run.classes), table["label"]))
    return evaluate(table, run.classes, split, temperature=run.temperature, resamples=0)


def write_metrics(run: Run, split: str) -> None:
    """Writes the metrics of a run on a split by the labels as the reader has corrected them."""
    corrected = corrected_labels()
    photos = dict(run.predictions.drop_duplicates("file").set_index("file")["split"])
    here = tuple(sorted((file, label) for file, label in corrected.items() if photos.get(file) == split))
    before, after = _evaluation(run, split, ()), _evaluation(run, split, here)
    grid, words = tile_row(), SPLIT_NAMES.get(split, split)
    for name in HEADLINES:
        value, change = after.metric(name)[0], after.metric(name)[0] - before.metric(name)[0]
        said = f"{points(change)} points" if here else None
        grid.metric(METRICS[name].title, percent(value), said, help=f"{run.title}, {words} photos, your labels.")
    elsewhere = len(corrected) - len(here)
    grid.metric(
        "Labels corrected",
        f"{len(here):,}",
        f"{elsewhere:,} elsewhere" if elsewhere else None,
        delta_color="off",
        delta_arrow="off",
        help=f"Of the {words} photos, on which {run.title} is evaluated; labels of other splits change nothing here.",
    )


def write_actions(run: Run, suggested: dict[str, str]) -> None:
    """Writes what can be done with the labels of all photos.

    Args:
        run: Run whose photos are downloaded with their labels.
        suggested: Label that the audit suggests by file, of all label issues.
    """
    corrected = corrected_labels()
    st.button(
        "All suggestions",
        icon=":material/done_all:",
        on_click=lambda: corrected.update(suggested),
        help="The suggestions come from classifiers, so labels changed to them all make any classifier look better "
        "than it is.",
    )
    st.button(
        "Labels as given",
        icon=":material/restart_alt:",
        on_click=corrected.clear,
        disabled=not corrected,
        help="Forgets your corrections.",
    )
    st.download_button(
        "Corrected labels",
        lambda: csv(label_table(run, corrected)),
        "labels.csv",
        "text/csv",
        icon=":material/download:",
        help=f"A table of every photo and its label (CSV); {count(len(corrected), 'label')} corrected by you.",
        on_click="ignore",
    )


def label_table(run: Run, corrected: dict[str, str]) -> pd.DataFrame:
    """Returns every photo of a run: columns `file`, `split`, `label` as corrected, and `given_label`."""
    table = run.predictions.drop_duplicates("file")[["file", "split", "label"]].reset_index(drop=True)
    labels = table["file"].map(corrected).fillna(table["label"])
    return table.assign(label=labels, given_label=table["label"])
