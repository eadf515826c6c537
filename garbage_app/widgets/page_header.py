"""The head of a page: its question, and the computed sentence that answers it."""

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def question(title: str) -> "DeltaGenerator":
    """Writes a page's question and returns the place of its answer, to be filled with `answer`."""
    st.title(title, anchor=False)
    return st.empty()


def answer(place: "DeltaGenerator", sentence: str, note: str = "") -> None:
    """Writes the computed sentence under a page's question.

    Args:
        place: What `question` returned.
        sentence: The answer, as Markdown.
        note: What it rests on, in muted type: split, number of photos, meaning of the interval.
    """
    with place.container(gap="xsmall"):
        st.subheader(sentence, anchor=False)
        if note:
            st.caption(note)
