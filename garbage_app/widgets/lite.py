"""Lite mode: what a page says where TensorFlow is not installed, see requirements-lite.txt."""

import streamlit as st

from garbage_core.inference.engine import keras_is_installed


def needs_tensorflow(what: str) -> None:
    """Ends a page that cannot do its work without TensorFlow, in one line that says so; does nothing where it is."""
    if not keras_is_installed():
        st.info(f"{what} needs TensorFlow, which is not installed on this server.", icon=":material/info:")
        st.stop()
