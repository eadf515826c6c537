"""The app for hosts that install the requirements.txt beside the file they start: in lite mode, without TensorFlow."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the library and the app

import streamlit as st

from garbage_app.server import MIDDLEWARE, lifespan

if __name__ == "__main__":  # a visit
    from garbage_app.router import route

    route()
else:
    app = st.App(__file__, lifespan=lifespan, middleware=MIDDLEWARE)
