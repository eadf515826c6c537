"""The learning curves of two runs over each other."""

import pandas as pd
import streamlit as st

from garbage_app.results import training_of
from garbage_app.widgets.charts import drawn, is_dark, show
from garbage_core import figures
from garbage_core.evaluation.metrics import lookup
from garbage_core.runs.run import Run

HISTORY = ("macro_f1", "accuracy", "loss")


@st.fragment
def write_learning_curves(pair: tuple[Run, Run]) -> None:
    """Draws the learning curves of both models over each other."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("How they learned: the learning curves", anchor=False)
        metric = st.segmented_control(
            "Measured in",
            HISTORY,
            default="macro_f1",
            required=True,
            format_func=lambda name: lookup(name).title,
            label_visibility="collapsed",
            key="history",
            bind="query-params",
        )
    figure = drawn(
        lambda: figures.learning_curves(list(map(training_of, pair)), dark=is_dark(), panels=[metric]),
        "learning curves",
        *pair,
        metric,
    )
    show(figure, "learning-curves", data=lambda: pd.concat([run.history.assign(model=run.name) for run in pair]))
    st.caption("Bars on top: the stages of each training. The large mark is the best checkpoint, which is the model.")
