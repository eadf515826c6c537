"""Logit adjustment of networks that have been trained: recall of the rarest class is bought with precision."""

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.imbalance.lab import said
from garbage_app.subject import shared_runs, studied_runs
from garbage_app.widgets.charts import drawn, show
from garbage_core.errors import GarbageError
from garbage_core.figures.imbalance_lab import adjustment_curves
from garbage_core.runs.run import Run
from garbage_core.studies.imbalance_findings import TAUS, adjustment_curve, adjustment_sentence
from garbage_core.studies.tables import BASELINE, strategy_name
from garbage_core.utils.text import capital, escape, small

# Where a study keeps runs that differ from those of the app in their strategy alone, without their networks.
_STUDIED = "remedies"


@cache.resource(max_entries=16)
def _curve(run: Run) -> tuple[pd.DataFrame, str]:
    return adjustment_curve(run)


def _runs() -> list[Run]:
    runs = [*shared_runs(), *studied_runs(_STUDIED)]
    return [run for run in runs if {"train", "test"} <= set(run.predictions["split"])]


def _title(run: Run) -> str:
    """Names a run; one that a study keeps by its start and its strategy, which is all that it differs in."""
    if run.path.parent.name != _STUDIED:
        return run.title
    return f"{capital(run.name.partition('-')[0])}, {small(strategy_name(run.config.imbalance))}"


@st.fragment
def write_adjustment() -> None:
    """Lets the reader adjust the stored probabilities of a trained network, and says what recall costs."""
    try:
        runs = _runs()
    except GarbageError as error:
        st.warning(escape(str(error), 500))
        return
    if not runs:
        return
    st.subheader("After training: what does recall cost? Logit adjustment", anchor=False)
    st.caption(
        "A trained network needs no new training for it: each probability is divided by the share of its class among "
        "the training photos, to the power of the strength, and the highest is predicted."
    )
    left, right = st.columns([2, 3], gap="medium")
    with left:
        titles = {_title(run): run for run in runs}
        run = titles[
            st.segmented_control(
                "Model", list(titles), default=list(titles)[-1], required=True, key="adjusted", wrap=True
            )
        ]
        tau = st.slider(
            "Strength",
            min(TAUS),
            max(TAUS),
            1.0,
            0.1,
            format="%.1f",
            key="tau",
            bind="query-params",
            help="0: as trained. 1: the frequencies of the classes are taken out.",
        )
        table, label = _curve(run)
        st.markdown(f"**{said(adjustment_sentence(table, label, _title(run), tau))}**")
        strategy = run.config.imbalance
        trained = (
            "Trained without a strategy."
            if strategy == BASELINE
            else f"Trained with {small(strategy_name(strategy))}, so that a part of this is done already."
        )
        one = 100 / table["photos"].iloc[0]
        st.caption(f"{trained} One test photo of {escape(label)} is {one:.1f} points of recall.")
    with right:
        figure = drawn(lambda: adjustment_curves(table, label, tau), "adjustment", run, tau)
        show(figure, "adjustment", data=table)
