"""The foot of a step of the study: the link to the one after it."""

import streamlit as st

from garbage_app.steps import CLOSING, STEPS, menu_title, number_of, page_file, shown


def next_step(page: str) -> None:
    """Writes the link to the step after a page, or to the closing page after the last; nothing for other pages."""
    number = number_of(page)
    if number is None:
        return
    after = STEPS[number] if number < len(STEPS) else CLOSING
    st.divider()
    with st.container(horizontal_alignment="right"):
        st.page_link(
            page_file(after.page),
            label=f"**Next: {menu_title(after)}**, {shown(after).teaser}",
            icon=":material/arrow_forward:",
            icon_position="right",
        )
