"""Choosing a run and a split; the choice stands in the address, so a view can be shared as a link."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

import streamlit as st

from garbage_app.subject import all_runs, check_dataset, shared_runs, subject_name
from garbage_app.widgets.page_header import end_page
from garbage_core.runs.run import Run, models_dir
from garbage_core.utils.text import capital, escape

ALONE = "No other model"
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test", "all": ""}


def runs_or_stop() -> list[Run]:
    """Returns what `shared_runs` does; without any, says how to get one and ends the page.

    Raises:
        GarbageError: `GARBAGE_DATA` names something that cannot be used.
    """
    check_dataset()
    return shared_runs() or _stop_without_runs()


def _stop_without_runs() -> NoReturn:
    if all_runs():
        st.info(
            f"No model was trained on the photos of {subject_name()}. Train one, then reload this page; or see on page "
            "Evaluation what the other models make of them.",
            icon=":material/model_training:",
        )
        st.code("python -m garbage_core train transfer --name mine", language="bash")
    else:
        st.info(
            f"There are no trained models in {escape(str(models_dir()), 200)}. Train both, then reload this page:",
            icon=":material/model_training:",
        )
        st.code("python -m garbage_core train scratch\npython -m garbage_core train transfer", language="bash")
    end_page()


def runs_that_answer() -> list[Run]:
    """Returns the runs to classify photos with: those of the photos that the pages speak of, else all.

    Without any run it ends the page as `runs_or_stop` does.
    """
    return shared_runs() or all_runs() or runs_or_stop()


def choose_run(runs: Sequence[Run], label: str = "Model", key: str = "run", default: str = "transfer") -> Run:
    """Lets the reader choose a run; the choice stands in the address, so a view can be shared as a link."""
    by_name = {run.name: run for run in runs}
    names = list(by_name)
    start = default if default in by_name else names[-1]
    if len(names) == 1:
        return runs[0]
    keep_valid(key, names)

    def title(name: str) -> str:
        return by_name[name].title

    if len(names) <= 3:
        name = st.segmented_control(
            label, names, default=start, required=True, format_func=title, key=key, bind="query-params"
        )
    else:
        name = st.selectbox(label, names, index=names.index(start), format_func=title, key=key, bind="query-params")
    return by_name[name]


def keep_valid(key: str, options: Sequence) -> None:
    """Forgets the choice of a chooser if it is none of the options, as after a change to a run of other classes."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]


def choose_split(run: Run, key: str = "split") -> str:
    """Lets the reader choose among the splits a run has predictions for; test first."""
    there: set[str] = set(run.predictions["split"])
    splits: list[str] = [name for name in ("test", "val", "train") if name in there] or sorted(there)
    keep_valid(key, splits)
    return st.segmented_control(
        "Split",
        splits,
        default=splits[0],
        required=True,
        format_func=lambda name: capital(SPLIT_NAMES.get(name) or str(name)),
        key=key,
        bind="query-params",
        help="Training photos: what the model learned from. Validation photos chose the epoch, the temperature and the "
        "threshold. Test photos were held out for the result.",
    )


def choose_metric(metrics: Mapping[str, str], key: str = "metric") -> str:
    """Lets the reader choose what a chart shows; the choice stands in the address.

    Args:
        metrics: Title of each choice by its name; the first is chosen at first.
        key: Key of the chooser, and its name in the address.
    """
    return st.segmented_control(
        "Metric",
        list(metrics),
        default=next(iter(metrics)),
        required=True,
        format_func=metrics.__getitem__,
        label_visibility="collapsed",
        key=key,
        bind="query-params",
    )


def choose_other(runs: Sequence[Run], run: Run, key: str = "with") -> Run | None:
    """Lets the reader choose a second run, with the same classes, to stand beside the first; None for none."""
    others = {other.name: other for other in runs if other.name != run.name and other.classes == run.classes}
    if not others:
        return None
    keep_valid(key, [ALONE, *others])
    name = st.selectbox(
        "Compared with",
        [ALONE, *others],
        format_func=lambda name: others[name].title if name in others else name,
        key=key,
        bind="query-params",
        width=160,
        help="A second model, as a column of every table.",
    )
    return others.get(name)
