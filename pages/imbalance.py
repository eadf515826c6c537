"""Class imbalance: a lab in which the reader makes classes rare, and what the studies of strategies found."""

import streamlit as st

from garbage_app.imbalance.adjustment import write_adjustment
from garbage_app.imbalance.lab import choose, files_or_none
from garbage_app.imbalance.outcome import write_outcome
from garbage_app.imbalance.rarity import headline, write_rarity
from garbage_app.imbalance.strategies import write_descriptions, write_networks, write_study
from garbage_app.router import ensure_routed
from garbage_app.subject import check_dataset
from garbage_app.widgets.page_header import answer, question, to_try
from garbage_core.utils.text import escape

ensure_routed()

place = question("What does imbalance do?", "imbalance")
check_dataset()
files = files_or_none()
if files is not None:
    answer(place, *headline(files))
    quick, curve = st.container(), st.container()
    to_try(
        f"leave {escape(files.lab.classes[files.lab.rarest])} five photos. How many of them are still found, and what "
        "does a strategy ask for the others?"
    )
    st.subheader("Make any class rare: imbalance lab", anchor=False)
    sliders = st.container()
    choice = choose(files.lab, quick, sliders)
    with curve:
        write_rarity(files, choice)
    write_outcome(files, choice)
write_adjustment()
write_networks(write_study(place if files is None else None))
write_descriptions()
