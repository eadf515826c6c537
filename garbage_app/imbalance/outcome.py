"""What a strategy changes for the reader's own choice of training photos: class by class, and photo by photo."""

from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.imbalance.lab import DRAWS, Choice, Files, outcomes, said
from garbage_app.subject import dataset_or_none
from garbage_app.widgets.charts import drawn, is_dark, show, show_table
from garbage_app.widgets.gallery import chip
from garbage_app.widgets.photo_grid import photo_pages
from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.imbalance_lab import change_by_class
from garbage_core.figures.results import confusion_matrix
from garbage_core.studies.imbalance_findings import flips, price_sentence
from garbage_core.studies.imbalance_lab import Outcome
from garbage_core.studies.tables import BASELINE, strategy_name
from garbage_core.utils.text import escape, small

_KINDS = {"gained": "Now right", "lost": "Now wrong", "neither": "Wrong either way"}


def write_outcome(files: Files, choice: Choice) -> None:
    """Trains on the choice and shows what comes out, without a strategy and with the chosen one."""
    before, after = outcomes(files, choice)
    lab = files.lab
    # The class that was made rarest now, by the share of its photos that is left where several are equally few.
    place = min(range(len(lab.classes)), key=lambda c: (choice.counts[c], choice.counts[c] / lab.counts()[c]))
    st.markdown(f"**{said(price_sentence(lab, before, after, choice.strategy, place))}**")
    left, right = st.columns(2, gap="medium")
    with left:
        _write_classes(files, choice, before, after)
    with right:
        _write_matrix(files, choice, before, after)
    _write_flips(files, choice, flips(lab, before, after))


def _write_classes(files: Files, choice: Choice, before: Outcome, after: Outcome) -> None:
    metric = st.segmented_control(
        "Metric of every class",
        ("recall", "precision", "f1"),
        default="recall",
        required=True,
        format_func=lambda name: lookup(name).title,
        key="class_metric",
        bind="query-params",
        help=f"{lookup('recall').title}: {small(lookup('recall').meaning)} {lookup('precision').title}: "
        f"{small(lookup('precision').meaning)}",
    )
    a, b = before.per_class()[metric], after.per_class()[metric]
    figure = change_by_class(files.lab.classes, choice.counts, a, b, metric, choice.strategy)
    show(figure, f"classes-{metric}", data=lambda: _numbers(files, choice, before, after))
    st.caption(
        f"Means of {DRAWS} draws; lines reach from the lowest to the highest, and vanish where all photos are used, "
        "because then all draws are the same. Under each class its training photos."
    )


def _numbers(files: Files, choice: Choice, before: Outcome, after: Outcome) -> pd.DataFrame:
    parts = []
    for name, outcome in ((BASELINE, before), (choice.strategy, after)):
        for metric, values in outcome.per_class().items():
            table = pd.DataFrame(values, columns=list(files.lab.classes)).rename_axis("draw").reset_index()
            parts.append(table.assign(strategy=name, metric=metric))
    return pd.concat(parts, ignore_index=True)


def _write_matrix(files: Files, choice: Choice, before: Outcome, after: Outcome) -> None:
    names = {BASELINE: "Without", choice.strategy: f"With {small(strategy_name(choice.strategy))}"}
    shown = st.segmented_control(
        "Confusion matrix",
        list(names),
        default=choice.strategy,
        required=True,
        format_func=names.__getitem__,
        key=f"matrix_{choice.strategy}",
        help=f"Of the first draw, seed {choice.seed}: per cent of the true class.",
    )
    counted = pd.DataFrame(
        (before if shown == BASELINE else after).confusion[0].astype(int),
        list(files.lab.classes),
        list(files.lab.classes),
    )
    dark = is_dark()
    figure = drawn(
        lambda: confusion_matrix(counted, True, dark), "lab matrix", files.path, choice.counts, shown, choice.seed
    )
    show(figure, "lab-matrix", data=counted.rename_axis("true"))


def _write_flips(files: Files, choice: Choice, table: pd.DataFrame) -> None:
    st.markdown("**Photos that the strategy predicts otherwise**")
    there = [kind for kind in _KINDS if (table["kind"] == kind).any()]
    if not there:
        st.caption("None: with and without it, all test photos are predicted alike.")
        return
    sizes = table["kind"].value_counts()
    key = f"flips-{hash(choice)}"
    kind = st.segmented_control(
        "Photos",
        there,
        default=there[0],
        required=True,
        format_func=lambda kind: f"{_KINDS[kind]}: {sizes[kind]}",
        label_visibility="collapsed",
        key=key,
    )
    rows = table[table["kind"] == kind]
    if dataset_or_none() is None:
        words = {"file": "Photo", "label": "Class", "without": "Predicted without", "with": "Predicted with"}
        show_table(rows[list(words)].rename(columns=words), f"{key}-table")
        return

    classes = list(files.lab.classes)

    def caption(row: Any) -> str:
        return (
            f"{chip(row.label, classes.index(row.label))} {escape(row.label)}: {escape(row.without)} → "
            f"{escape(row.after)}"
        )

    photo_pages(rows.rename(columns={"with": "after"}), caption, f"{key}-{kind}")
