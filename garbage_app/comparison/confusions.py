"""What the second of two models moved in the confusion matrix, and how often both predict the same."""

import streamlit as st

from garbage_app.widgets.charts import drawn, is_dark, show
from garbage_core import figures
from garbage_core.evaluation.comparison import Comparison
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape, interval, percent


def write_confusions(pair: tuple[Run, Run], split: str, comparison: Comparison) -> None:
    """Draws the difference of both confusion matrices, and says how often both models predict the same."""
    b = escape(comparison.name_b)
    st.subheader(f"What does {b} confuse less? Difference of the confusion matrices", anchor=False)
    figure = drawn(
        lambda: figures.confusion_difference(comparison.photos, comparison.classes, comparison.name_b, is_dark()),
        "confusion-difference",
        *pair,
        split,
    )
    left, right = st.columns([5, 3], gap="large")
    with left:
        show(figure, "confusion-difference", data=lambda: comparison.photos.drop(columns="group"))
    with right:
        st.markdown(
            f"Each cell is the share of a class's photos with {b}, minus that with {escape(comparison.name_a)}. Teal "
            "is better: more on the diagonal, fewer beside it. Brown is worse."
        )
        rate, by_chance = comparison.agreement_rate, comparison.agreement_by_chance
        st.markdown(
            f"Both predict the same class, right or wrong, for **{interval(rate, *comparison.agreement_interval)}** of "
            f"the photos. Two models that share nothing but how often they predict each class would agree on "
            f"{percent(by_chance)}."
        )
        if by_chance < 1:
            st.caption(
                f"Cohen's kappa: {(rate - by_chance) / (1 - by_chance):.2f} (0 by chance, 1 for always the same)."
            )
