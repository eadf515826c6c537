"""Uploaded photos stay in memory, and no longer than the page that asked for them is shown."""

import streamlit as st

from garbage_app.cache import forget_private
from garbage_core.data.images import MAX_BYTES

PASTED = "pasted"  # photos from the clipboard
_OF_PHOTOS = (PASTED, "predictions", "thumbnails", "preview")  # keys of the session's state


def keep_in_memory() -> None:
    """Has the server hold uploads in memory while they arrive, not in temporary files.

    Starlette, on which Streamlit runs, holds a form's file in memory up to 1 MB and moves a larger one to a temporary
    file. Streamlit refuses what is larger than a photo may be before that, so the memory is bounded all the same.
    """
    try:
        from starlette.formparsers import MultiPartParser
    except ImportError:  # an older Streamlit, on Tornado, holds uploads in memory anyway
        return
    MultiPartParser.spool_max_size = 2 * MAX_BYTES


def forget_photos() -> None:
    """Drops the photos in this session's state, and what was made of them."""
    for key in _OF_PHOTOS:
        st.session_state.pop(key, None)
    forget_private()


def forget_photos_elsewhere(page: str) -> None:
    """Drops them if the reader has come from another page; Streamlit itself drops the files of an upload widget."""
    if st.session_state.get("page_of_photos") != page:
        forget_photos()
        st.session_state["page_of_photos"] = page
