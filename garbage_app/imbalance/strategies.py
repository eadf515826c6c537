"""What each strategy gains with all photos, in heads on frozen features and in whole networks."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from garbage_app.imbalance.study import COMMAND, choose_split, findings_of, recalls, study_or_none, table_or_none
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_app.widgets.choosers import choose_metric
from garbage_app.widgets.page_header import answer
from garbage_core.evaluation.metrics import METRICS
from garbage_core.figures.studies import recall_by_strategy, strategy_differences, strategy_values
from garbage_core.studies import tables as studies
from garbage_core.training.imbalance import STRATEGIES
from garbage_core.utils.text import NBSP, escape

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def write_study(place: "DeltaGenerator | None") -> str:
    """Says and shows what the study of the strategies found.

    Args:
        place: Of the page's answer, where the study is all that there is to answer with.

    Returns:
        The split that the reader chose, "test" where there is no study.
    """
    read = study_or_none()
    if read is None:
        return "test"
    study, path = read
    st.subheader("With all photos: what does a strategy gain?", anchor=False)
    split = choose_split(study)
    found = findings_of(path, split, study)
    if place is None:
        st.markdown(f"**{found.sentence}**")
        st.caption(found.note)
    else:
        answer(place, found.sentence, found.note)
    _write_strategies(study, path, split, found.rarest)
    _write_numbers(found.numbers)
    _write_method()
    return split


@st.fragment
def _write_strategies(study: pd.DataFrame, path: Path, split: str, rarest: str) -> None:
    """Draws one metric for every strategy, and how far each is from no strategy.

    Args:
        study: From `study_or_none`.
        path: File of the study; tells its figures from those of others.
        split: Photos to show, "test" or "val".
        rarest: Class with the fewest training photos.
    """
    metrics = {
        "macro_f1": ("Macro-F1", "", "Macro-F1: high only where every class, rare or common, has high F1."),
        "rarest": (
            f"Recall of {rarest}",
            rarest,
            f"Of the photos of {escape(rarest)}, the rarest class, how many are found.",
        ),
        "accuracy": ("Accuracy", "", METRICS["accuracy"].meaning),
    }
    metric = choose_metric({name: title for name, (title, *_) in metrics.items()}, key="measure")
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


def _write_numbers(numbers: pd.DataFrame) -> None:
    """Writes the most important metrics of every strategy as a table."""
    with st.expander("All numbers"):
        show_table(numbers, "strategies-table")
        st.caption(f"Log loss and calibration error after temperature scaling; 95{NBSP}% intervals in brackets.")


def write_networks(split: str) -> None:
    """Says what strategies did to whole networks on a split; nothing if none were compared."""
    there = table_or_none(studies.STRATEGY_RUNS, studies.read_strategy_runs)
    if there is None:
        return
    study, path = there
    if split not in set(study["split"]):
        return
    found = findings_of(path, split, study)
    st.subheader("In whole networks: what does a strategy gain?", anchor=False)
    st.markdown(f"{found.sentence} {found.precision}")
    st.caption(
        f"Networks trained {escape(studies.strategies_setting(study))}; they differ in the strategy alone, which here "
        f"affects the features, too. {studies.ONE_TRAINING}"
    )
    st.markdown("**Recall**")
    figure = drawn(lambda: recall_by_strategy(study, found.classes, split), "recall in networks", path, split)
    show(figure, "recall-in-networks", data=lambda: recalls(study, split))
    show_table(found.numbers, "runs-table")


def write_descriptions() -> None:
    """Says in one line what each strategy does."""
    st.subheader("What each strategy does", anchor=False)
    st.markdown("\n".join(f"- **{strategy.title}.** {strategy.description}" for strategy in STRATEGIES.values()))


def _write_method() -> None:
    """Says how the study was made, and what it cannot tell."""
    with st.expander("How this was measured, and what it cannot tell"):
        st.markdown(
            "Only the last layer is trained, on the features that the transfer model starts from: ImageNet weights up "
            "to conv4, which were trained on none of these photos. Rebalancing a classifier apart from its features is "
            "the setting in which [Kang and others](https://arxiv.org/abs/1910.09217) found strategies to have the "
            "largest effect. This study cannot tell what a strategy does to the features of a network that is trained "
            "as a whole; where whole networks were compared, the result stands above.\n\n"
            "Every strategy had the same photos, steps, optimizer, learning rate and weight decay, which were chosen "
            "on the validation photos by the mean over all strategies. The last epoch counts. The intervals come from "
            "a bootstrap over the photos; the seeds determine initial weights, order and augmentation. Of five "
            f"95{NBSP}% intervals, one or more excludes zero by chance alone in up to one study of four."
        )
        st.code(COMMAND, language="bash")
