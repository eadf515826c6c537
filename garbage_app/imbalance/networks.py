"""What the strategies do to networks that are trained as a whole, if such runs were compared."""

import streamlit as st

from garbage_app.imbalance.study import findings_of, read_study, recalls
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_core.errors import GarbageError
from garbage_core.figures.studies import recall_by_strategy
from garbage_core.studies import tables as studies
from garbage_core.utils.text import escape


def write_networks(split: str) -> None:
    """Says what strategies did to whole networks on a split; nothing if none were compared."""
    path = studies.study_path(studies.STRATEGY_RUNS)
    if not path.is_file():
        return
    try:
        study = read_study(path, studies.read_strategy_runs)
    except GarbageError as error:
        st.warning(str(error))
        return
    if split not in set(study["split"]):
        return
    found = findings_of(path, split, study)
    st.subheader("In whole networks", anchor=False)
    st.markdown(f"{found.sentence} {found.precision}")
    st.caption(
        f"Networks trained {escape(studies.strategies_setting(study))}; they differ in the strategy alone, which here "
        f"affects the features, too. {studies.ONE_TRAINING}"
    )
    st.markdown("**Recall**")
    figure = drawn(lambda: recall_by_strategy(study, found.classes, split), "recall in networks", path, split)
    show(figure, "recall-in-networks", data=lambda: recalls(study, split))
    show_table(found.numbers, "runs-table")
