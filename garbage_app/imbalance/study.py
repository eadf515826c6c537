"""The table of the imbalance study, and what it found on a split."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.subject import fingerprint
from garbage_app.widgets.choosers import SPLIT_NAMES
from garbage_core.errors import GarbageError
from garbage_core.studies import tables as studies
from garbage_core.utils.text import NBSP, capital, count, escape, interval, points

COMMAND = "python -m garbage_core study imbalance --weights imagenet"
ENDS = ["value", "low", "high"]


@cache.data(max_entries=4)
def read_study(path: Path, _reader: Callable[[Path], pd.DataFrame] = studies.read_imbalance) -> pd.DataFrame:
    """Reads a study's table once for all sessions, until its file changes."""
    return _reader(path)


def table_or_none(name: str, reader: Callable[[Path], pd.DataFrame]) -> tuple[pd.DataFrame, Path] | None:
    """Returns a study's table of the photos at hand, and its file; None without one, or, after a warning, of a bad one.

    Args:
        name: Of the study, see `studies.study_path`.
        reader: Function that reads such a table.
    """
    path = studies.study_path(name, fingerprint())
    if not path.is_file():
        return None
    try:
        return read_study(path, reader), path
    except GarbageError as error:
        st.warning(escape(str(error), 500))
        return None


@dataclass(frozen=True)
class Findings:
    """What the study found on a split. Shared by all sessions: the tables must not be changed.

    Attributes:
        sentence: What the strategies gain.
        note: What it rests on.
        precision: How much precision the rarest class loses for its recall.
        rarest: The class with the fewest training photos.
        classes: From `studies.classes_of`.
        numbers: Every strategy's metrics as a reader sees them.
    """

    sentence: str
    note: str
    precision: str
    rarest: str
    classes: pd.DataFrame
    numbers: pd.DataFrame


@cache.resource(max_entries=8)
def findings_of(path: Path, split: str, _study: pd.DataFrame) -> Findings:
    """Works out once for all sessions what the study found on a split."""
    rarest = studies.rarest_class(_study)
    photos = int(studies.rows_of(_study, "macro_f1", split)["photos"].iloc[0])
    seeds = _study["seed"].nunique() - 1  # the rows of the mean over the seeds are named like one more
    return Findings(
        escape(studies.imbalance_conclusion(_study, split), 600),
        f"{count(photos, f'{SPLIT_NAMES[split]} photo')}, mean over {count(seeds, 'seed')}, compared with no strategy "
        f"on the same photos. Only differences whose 95{NBSP}% interval excludes zero are stated.",
        escape(studies.rarest_precision(_study, split), 600),
        rarest,
        studies.classes_of(_study),
        _numbers(_study, split, rarest),
    )


def study_or_none() -> tuple[pd.DataFrame, Path] | None:
    """Returns the study's table and its file; without it, says how to make it."""
    path = studies.study_path("imbalance", fingerprint())
    if path.is_file():
        return read_study(path), path
    st.info(
        f"The study has not been made yet: there is no {escape(str(path), 200)}. It takes the data set's photos "
        "and, without a GPU, about half an hour. Make it, then reload this page:",
        icon=":material/experiment:",
    )
    st.code(COMMAND, language="bash")
    return None


def choose_split(study: pd.DataFrame) -> str:
    """Lets the reader choose among the splits of the study; the choice stands in the address."""
    splits = [name for name in ("test", "val") if name in set(study["split"])]
    return st.segmented_control(
        "Split",
        splits,
        default=splits[0],
        required=True,
        format_func=lambda name: capital(SPLIT_NAMES[name]),
        key="split",
        bind="query-params",
        help="What all strategies have in common, such as the learning rate, was chosen on the validation photos. The "
        "test photos were set aside for the result.",
    )


def recalls(study: pd.DataFrame, split: str) -> pd.DataFrame:
    """Returns the rows behind the recall of every class."""
    return study[(study["metric"] == "recall") & (study["split"] == split)]


def _numbers(study: pd.DataFrame, split: str, rarest: str) -> pd.DataFrame:
    """Returns the most important metrics of every strategy in words."""
    columns = {
        "Strategy": [studies.strategy_name(name) for name in studies.rows_of(study, "accuracy", split)["strategy"]]
    }
    for metric, label, title in (
        ("macro_f1", "", "Macro-F1"),
        ("recall", rarest, f"Recall of {rarest}"),
        ("accuracy", "", "Accuracy"),
    ):
        rows = studies.rows_of(study, metric, split, label)
        columns[title] = [interval(*row) for row in rows[ENDS].to_numpy()]
        differences = rows[["difference", "difference_low", "difference_high"]].to_numpy()
        columns[f"{title}, difference in points"] = [
            "" if pd.isna(row[0]) else f"{points(row[0])} ({points(row[1])} to {points(row[2])})" for row in differences
        ]
        if label:
            precision = studies.rows_of(study, "precision", split, label)[ENDS].to_numpy()
            columns[f"Precision of {label}"] = [interval(*row) for row in precision]
    for metric, title in (("log_loss_calibrated", "Log loss"), ("ece_calibrated", "Calibration error")):
        rows = studies.rows_of(study, metric, split)
        share = metric.startswith("ece")
        columns[title] = [interval(*row) if share else f"{row[0]:.3f}" for row in rows[ENDS].to_numpy()]
    return pd.DataFrame(columns)
