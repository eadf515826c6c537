"""The head of a page: its question, the computed sentence that answers it, what to try, or why it cannot."""

from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from garbage_app.steps import STEPS, number_of, shown
from garbage_app.subject import subject_name
from garbage_core.inference.engine import keras_is_installed

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def question(title: str, page: str = "") -> "DeltaGenerator":
    """Writes a page's question, of which photos, and returns the place of its answer, to be filled with `answer`.

    Args:
        title: The question.
        page: Name of the page's file if it is a step of the study, whose number then stands above the question.
    """
    with st.container(gap=None):
        number, name = number_of(page), subject_name()
        step = f"Step {number} of {len(STEPS)}: {shown(STEPS[number - 1]).title}" if number else ""
        if words := ". ".join(filter(None, [step, name and f"Photos of {name}"])):
            st.caption(words)
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


def to_try(sentence: str) -> None:
    """Writes what a reader can try on the page, as Markdown."""
    st.markdown(f":primary[:material/touch_app:] **Try it:** {sentence}")


class EndOfPage(Exception):  # noqa: N818 -- nothing went wrong
    """Ends a page before its last line; the frame around it, which catches it, goes on."""


def end_page() -> NoReturn:
    """Ends a page that has said why it cannot go on; the way to the next step stands below it all the same.

    After `st.stop`, Streamlit would draw nothing more.
    """
    raise EndOfPage


def needs_tensorflow(what: str) -> None:
    """Ends a page that cannot do its work without TensorFlow, in one line that says so; does nothing where it is."""
    if not keras_is_installed():
        st.info(f"{what} needs TensorFlow, which is not installed on this server.", icon=":material/info:")
        end_page()
