"""The app: `streamlit run streamlit_app.py`. The server imports this file once, and runs it for each visit."""

import streamlit as st

from garbage_app.server import MIDDLEWARE, lifespan

if __name__ == "__main__":  # a visit
    from garbage_app.router import route

    route()
else:
    app = st.App(__file__, lifespan=lifespan, middleware=MIDDLEWARE)
