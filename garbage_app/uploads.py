"""Uploaded photos stay in memory.

One is kept as long as its session, so that other pages can go on with it; many, and what was made of them, no longer
than the page that asked for them is shown.
"""

import os
import time
from dataclasses import replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from garbage_app.cache import forget_private
from garbage_app.photo import Photo
from garbage_app.sessions import forget_refusal, owner_of_upload, refusal_of
from garbage_core.data.images import MAX_BYTES
from garbage_core.utils.text import count

PHOTOS_A_MINUTE = 240  # of a session; what two cores classify of ordinary photos
_EXAMPLE = "shown_example"  # the example that stood in the address last
_OF_PHOTOS = ("predictions", "thumbnails", "preview", _EXAMPLE)  # keys of the session's state
_KEPT = "kept_photo"
_TAKEN = "photos_taken"  # when this session gave each photo, by its digest
_LOST = "lost_files"  # ids of files that were given to a session which has ended
_TURN = "intake"  # part of the keys of all widgets that take photos


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


def within_rate(photos: list[Photo]) -> list[Photo]:
    """Returns the photos of a visitor that may be classified now, and says in a line how many have to wait.

    $GARBAGE_PHOTOS_A_MINUTE sets how many new ones a session may give in a minute.
    """
    now, most = time.monotonic(), int(os.environ.get("GARBAGE_PHOTOS_A_MINUTE") or PHOTOS_A_MINUTE)
    present = {photo.digest for photo in photos}
    taken: dict[str, float] = st.session_state.get(_TAKEN, {})
    taken = {digest: when for digest, when in taken.items() if now - when < 60 or digest in present}
    free = most - sum(now - when < 60 for when in taken.values())
    new = [digest for digest in dict.fromkeys(photo.digest for photo in photos) if digest not in taken]
    taken |= dict.fromkeys(new[: max(0, free)], now)
    st.session_state[_TAKEN] = taken
    allowed = [photo for photo in photos if photo.digest in taken]
    if waiting := len(photos) - len(allowed):
        st.warning(
            f"{count(waiting, 'photo')} of {len(photos)} must wait: a visitor may give {most} a minute. Choose "
            "anything on this page in a minute, and they are classified.",
            icon=":material/hourglass:",
        )
    return allowed


# Widgets that take photos


def widget_key(name: str) -> str:
    """Returns the key of a widget that takes photos, another one after `empty_widgets`."""
    turn = st.session_state.get(_TURN, 0)
    return f"{name}-{turn}" if turn else name


def empty_widgets() -> None:
    """Empties all widgets that take photos, and has the server let go of what they held."""
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    release_files()


def release_files() -> None:
    """Has the server let go of this session's uploads: for when the widget that holds them is not drawn any more."""
    if context := get_script_run_ctx():
        context.uploaded_file_mgr.remove_session_files(context.session_id)
        forget_refusal(context.session_id)


@st.fragment(run_every="24h")
def run_on_reconnection() -> None:
    """Has the browser run its page again once it has found a server that was away.

    It does so only for pages that have a fragment with an interval; others stay as they are, with what has gone.
    """


def say_what_was_lost() -> None:
    """Says in a line which uploads the server has refused, or has lost because their session ended.

    A browser that finds its server again, or comes back after a long pause, gets a new session. Its widgets go on
    showing files that it gave to the old one, which nobody has any more; so these widgets are emptied.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    states = context.session_state._state._new_widget_state.as_widget_states()
    files = [file for state in states for file in state.file_uploader_state_value.uploaded_file_info]
    lost = {
        file.file_id for file in files if owner_of_upload(file.file_urls.upload_url) not in (None, context.session_id)
    }
    known: set[str] = st.session_state.get(_LOST, set())
    if lost - known:
        st.session_state[_LOST] = known | lost
        st.session_state[_TURN] = time.time_ns()  # none that the old session can have had
        known |= lost
    elif len(files) > len(lost):
        known = st.session_state[_LOST] = set()
    refusal = refusal_of(context.session_id)
    with st.empty():  # always there, so that nothing below it is drawn anew
        if known:
            st.warning(
                f"The connection to the server was lost, and with it {count(len(known), 'photo')} that you gave: "
                "give them again.",
                icon=":material/sync_problem:",
            )
        elif refusal:
            st.warning(refusal, icon=":material/block:")


# Photos of this session


def keep_photo(photo: Photo) -> None:
    """Keeps a photo for the session, in place of an earlier one; other pages find it with `kept_photo`."""
    st.session_state[_KEPT] = replace(photo)  # without its pixels


def kept_photo() -> Photo | None:
    """Returns the photo that this session has classified last, unless it was forgotten."""
    photo: Photo | None = st.session_state.get(_KEPT)
    return photo and replace(photo)


def drop_kept_photo() -> None:
    """Forgets the photo that was kept for the session."""
    st.session_state.pop(_KEPT, None)


def note_example(name: str) -> None:
    """Notes the example in the address, "" for none; forgets the kept photo if the browser's Back took it from there.

    Args:
        name: What the address names now.
    """
    if st.session_state.get(_EXAMPLE) and not name:
        drop_kept_photo()
    st.session_state[_EXAMPLE] = name


def forget_photos() -> None:
    """Drops the photos in this session's state, and what was made of them."""
    drop_kept_photo()
    _forget_results()


def forget_photos_elsewhere(page: str) -> None:
    """Drops what was made of the photos if the reader has come from another page, and all but the one that is kept.

    Streamlit itself drops the files of an upload widget then.
    """
    if st.session_state.get("page_of_photos") != page:
        _forget_results()
        release_files()
        st.session_state["page_of_photos"] = page


def _forget_results() -> None:
    for key in _OF_PHOTOS:
        st.session_state.pop(key, None)
    forget_private()
