"""The confusion matrices of two runs, and how often both predict the same."""

from functools import partial

import streamlit as st

from garbage_app.results import evaluation_of
from garbage_app.widgets.charts import drawn, is_dark, show
from garbage_core import figures
from garbage_core.evaluation.comparison import Comparison
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape, interval, percent


def write_confusions(pair: tuple[Run, Run], split: str, comparison: Comparison) -> None:
    """Draws both confusion matrices, and how often both models predict the same."""
    st.subheader("What each confuses: the confusion matrices", anchor=False)
    grid = st.grid(2, min_column_width=330, gap="medium")
    for run in pair:
        confusion = evaluation_of(run, split).confusion
        figure = drawn(partial(figures.confusion_matrix, confusion, dark=is_dark()), "confusion-matrix", run, split)
        with grid.cell():
            st.markdown(f"**{escape(run.title)}**")
            show(figure, f"confusion-{run.name}", data=confusion)

    st.subheader("How often both predict the same", anchor=False)
    rate, by_chance = comparison.agreement_rate, comparison.agreement_by_chance
    left, right = st.columns([5, 3], gap="large")
    with right:
        st.markdown(
            f"Both predict the same class, right or wrong, for **{interval(rate, *comparison.agreement_interval)}** of "
            f"the photos. Two models that share nothing but how often they predict each class would agree on "
            f"{percent(by_chance)}."
        )
        if by_chance < 1:
            st.caption(
                f"Cohen's kappa: {(rate - by_chance) / (1 - by_chance):.2f} (0 by chance, 1 for always the same)."
            )
    figure = drawn(
        lambda: figures.agreement_matrix(comparison.agreement, comparison.name_a, comparison.name_b, is_dark()),
        "agreement",
        *pair,
        split,
    )
    with left:
        show(figure, "agreement", data=comparison.agreement)
