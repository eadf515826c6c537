"""The view of the bench outlives a visit to another page: it is there again after the browser's Back.

All of it stands in the address. But where a link to another page is followed, Streamlit first drops it from the
address, so that Back leads to the bare page.
"""

import streamlit as st

from garbage_app.steps import page_file

PAGE = "evaluation"
_VIEW, _LAST = "bench_view", "last_page"


def note_page(page: str) -> None:
    """Notes which page is shown, once in every run of the whole app; then `restore_view` knows which came before."""
    before = st.session_state.get(_LAST)
    st.session_state[_LAST] = page
    if page == PAGE and before != page and not st.query_params and st.session_state.get(_VIEW):
        st.switch_page(page_file(PAGE), query_params=st.session_state[_VIEW])


def keep_view() -> None:
    """Notes the view, once all of it has been drawn."""
    st.session_state[_VIEW] = st.query_params.to_dict()
