"""What each strategy reaches, over all classes and for each, and how far that is from no strategy."""

from pathlib import Path

import pandas as pd
import streamlit as st

from garbage_app.imbalance.study import recalls
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_core.evaluation.metrics import METRICS
from garbage_core.figures.studies import recall_by_strategy, strategy_differences, strategy_values, training_photos
from garbage_core.studies import tables as studies
from garbage_core.utils.text import NBSP, escape


@st.fragment
def write_strategies(study: pd.DataFrame, path: Path, split: str, rarest: str) -> None:
    """Draws one metric for every strategy, and how far each is from no strategy.

    Args:
        study: From `study_or_stop`.
        path: File of the study; tells its figures from those of others.
        split: Photos to show, "test" or "val".
        rarest: Class with the fewest training photos.
    """
    st.subheader("What each strategy gains", anchor=False)
    metrics = {
        "macro_f1": ("Macro-F1", "", "Macro-F1: high only where every class, rare or common, has high F1."),
        "rarest": (
            f"Recall of {rarest}",
            rarest,
            f"Of the photos of {escape(rarest)}, the rarest class, how many are found.",
        ),
        "accuracy": ("Accuracy", "", METRICS["accuracy"].meaning),
    }
    metric = st.segmented_control(
        "Metric",
        list(metrics),
        default="macro_f1",
        required=True,
        format_func=lambda name: metrics[name][0],
        label_visibility="collapsed",
        key="measure",
        bind="query-params",
    )
    _, label, meaning = metrics[metric]
    what = ("recall" if label else metric, split, label)
    rows = studies.rows_of(study, *what)
    st.caption(f"{meaning} Dots are means over the seeds, thin marks single seeds, lines 95{NBSP}% intervals.")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Value**")
        figure = drawn(lambda: strategy_values(study, *what), "strategies", path, *what)
        show(figure, f"strategies-{metric}", data=rows)
    with right:
        st.markdown(
            "**Difference from no strategy**",
            help="On the same photos, so that most of the chance in both cancels out. Only an interval that excludes "
            "zero tells a difference from chance.",
        )
        figure = drawn(lambda: strategy_differences(study, *what), "strategy differences", path, *what)
        show(figure, f"differences-{metric}", data=rows)


def write_classes(study: pd.DataFrame, path: Path, split: str, classes: pd.DataFrame) -> None:
    """Draws the class distribution next to the recall of every class.

    Args:
        study: From `study_or_stop`.
        path: File of the study; tells its figures from those of others.
        split: Photos to show, "test" or "val".
        classes: From `studies.classes_of`.
    """
    st.subheader("Which classes gain and which lose", anchor=False)
    st.caption("Recall: of the photos of a class, how many are found. Under each class its training photos.")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown("**Training photos**")
        show(drawn(lambda: training_photos(classes), "training photos", path), "training-photos", data=classes)
    with right:
        st.markdown("**Recall**")
        figure = drawn(lambda: recall_by_strategy(study, classes, split), "recall by strategy", path, split)
        show(figure, "recall-by-strategy", data=lambda: recalls(study, split))


def write_numbers(numbers: pd.DataFrame) -> None:
    """Writes the most important metrics of every strategy as a table."""
    with st.expander("All numbers"):
        show_table(numbers, "strategies-table")
        st.caption(f"Log loss and calibration error after temperature scaling; 95{NBSP}% intervals in brackets.")
