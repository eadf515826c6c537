"""The app: `streamlit run streamlit_app.py`. Routes to the files in app_pages/ and does nothing else.

The folder must not be called pages/: Streamlit takes a folder of that name for its older kind of app until this file
has run once, so the first visitor who follows a link to a page would get that page without its frame, or none.
"""

from pathlib import Path

import streamlit as st

from app_pages.shared import stop_without

st.set_page_config(
    page_title="Garbage classification",
    page_icon=str(Path(__file__).parent / "app_pages" / "icon.svg"),  # a material icon would be fetched from Google
    layout="wide",
    menu_items={
        "About": "Tells cardboard, glass, metal, paper, plastic and trash apart with ResNet-50, once trained from "
        "scratch and once from ImageNet weights. Photos you upload stay in memory and are never stored."
    },
)


def page(title: str, icon: str, file: str, url_path: str, default: bool = False) -> "st.Page":
    """Declares the page in a file of app_pages/."""
    return st.Page(f"app_pages/{file}.py", title=title, icon=f":material/{icon}:", url_path=url_path, default=default)


chosen = st.navigation(
    {
        "": [page("Classify", "photo_camera", "classify", "classify", default=True)],
        "Data": [page("Data set", "photo_library", "data_set", "data")],
        "Training": [
            page("Augmentation", "shuffle", "augmentation", "augmentation"),
            page("Training curves", "show_chart", "training", "training"),
        ],
        "Results": [
            page("Evaluation", "target", "evaluation", "evaluation"),
            page("Comparison", "compare_arrows", "comparison", "comparison"),
        ],
        "About": [page("Models", "info", "about", "models")],
    }
)

# One column of content: on a wide screen lines of text stay short enough to read, on a phone it takes all there is.
with st.container(horizontal_alignment="center"), st.container(width=1100), stop_without():
    chosen.run()
