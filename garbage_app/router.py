"""The frame of the app: which pages there are, in which order, under which address.

Streamlit has two ways of making an app of many pages. This app uses `st.navigation`; but where a folder is named
pages/, Streamlit takes it for the older way until `st.navigation` has run once in the server. So a server's very first
visitor who follows a link to a page gets that page's file run by itself. Three things make this harmless:

* a page's address is the name of its file, so that both ways find the same page under the same address;
* every page begins with `ensure_routed`, which hands over to the router if it was not the router that ran the page;
* .streamlit/config.toml hides the older way's menu, which lists the files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from garbage_app.evaluation.view import note_page
from garbage_app.garbage_collector import settle
from garbage_app.narrow_screens import fit_narrow_screens
from garbage_app.photo_download import start_download
from garbage_app.steps import CLOSING, STEPS, menu_title, page_file
from garbage_app.theme import follow_theme
from garbage_app.uploads import forget_photos_elsewhere, keep_in_memory, run_on_reconnection, say_what_was_lost
from garbage_app.widgets.next_step import next_step
from garbage_app.widgets.page_header import EndOfPage
from garbage_core.data.worker_processes import use_processes
from garbage_core.errors import GarbageError
from garbage_core.utils.text import escape

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

PROCESSES_OF_SERVER = 2  # that decode photos: what fits into a host of 1 GB
_ROUTED = ContextVar("routed", default=False)  # in this run of the script, which has a thread of its own


def page(title: str, icon: str, name: str, *, default: bool = False, hidden: bool = False) -> "StreamlitPage":
    """Declares the page in pages/NAME.py, with the address /NAME, or the bare address if it is the default."""
    return st.Page(
        page_file(name),
        title=title,
        icon=f":material/{icon}:",
        url_path="" if default else name,
        default=default,
        visibility="hidden" if hidden else "visible",
    )


def route() -> None:
    """Draws the frame and runs the page that was asked for in it."""
    keep_in_memory()  # before any page has something to upload with
    use_processes(PROCESSES_OF_SERVER)
    start_download()
    # First, or the browser would fetch the chosen page's icon from Google for its tab.
    st.set_page_config(
        page_title="Garbage classification",
        page_icon=str(Path(__file__).with_name("icon.svg")),
        layout="wide",
        menu_items={
            "About": "Tells cardboard, glass, metal, paper, plastic and trash apart with ResNet-50, once trained from "
            "scratch and once from ImageNet weights. Photos you upload stay in memory and are never stored."
        },
    )
    st.set_option("client.showSidebarNavigation", True)  # from here on the menu is the router's
    chosen = st.navigation(
        {
            "": [
                page("Classify", "photo_camera", "classify", default=True),
                # Streamlit gives the default page the bare address and no other: whoever types /classify gets this one.
                page("Classify", "photo_camera", "classify", hidden=True),
            ],
            "The study": [page(menu_title(step), step.icon, step.page) for step in (*STEPS, CLOSING)],
            "Bench": [page("Evaluation", "target", "evaluation")],
            "About": [
                page("About", "info", "about"),
                # Earlier addresses, which lead to the pages that have their content now.
                *(page(name.capitalize(), "redo", name, hidden=True) for name in ("training", "models", "speed")),
            ],
        }
    )
    forget_photos_elsewhere(chosen.url_path)
    note_page(chosen.url_path)
    routed = _ROUTED.set(True)
    try:
        # One column of content: on a wide screen lines stay short enough to read, on a phone it takes all there is.
        with st.container(horizontal_alignment="center", gap=None):
            follow_theme()
            fit_narrow_screens()
            with st.container(width=1100):
                run_on_reconnection()
                say_what_was_lost()
                with _ending_early():
                    chosen.run()
                next_step(chosen.url_path)
    finally:
        _ROUTED.reset(routed)
        settle()


@contextmanager
def _ending_early() -> Iterator[None]:
    """Ends a page at `end_page`, or where it raises a `GarbageError`, whose sentence is shown in place.

    Every page is wrapped in it, so a page catches such an error only where it can go on without what failed. The way to
    the next step is below the page all the same.
    """
    try:
        yield
    except GarbageError as error:
        st.error(escape(str(error), 500), icon=":material/error:")
    except EndOfPage:
        pass


def ensure_routed() -> None:
    """Goes on if the router runs this page; otherwise lets the router do it and ends this run."""
    if not _ROUTED.get():
        route()
        st.stop()


def lead_on(name: str, **view: str) -> NoReturn:
    """Leads from an earlier address to the page NAME, with the address's own parameters and these."""
    st.switch_page(page_file(name), query_params=st.query_params.to_dict() | view)
