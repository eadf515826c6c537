"""Photo input on the landing page: files, a folder, the camera, what is pasted or dropped on the page, an example."""

from typing import TYPE_CHECKING

import streamlit as st

from garbage_app.classify.anywhere import take_from_anywhere
from garbage_app.classify.examples import EXAMPLE, example_photo
from garbage_app.photo import Photo, photo_of
from garbage_app.uploads import (
    drop_kept_photo,
    empty_widgets,
    forget_photos,
    kept_photo,
    note_example,
    release_files,
    widget_key,
    within_rate,
)
from garbage_core.data.walking import is_litter
from garbage_core.runs.run import Run

if TYPE_CHECKING:
    from streamlit.typing import UploadedFile

MOST_FILES = 200  # in one go
SOURCES = ("Photos", "Camera", "Folder")
_FORMATS = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF, up to 25 MB each."
PROMISE = ":material/lock: Your photos stay in memory and are never stored."


def choose_photos(runs: list[Run]) -> list[Photo]:
    """Lets the reader choose photos and returns them: new ones, else the example in the address, else the kept one."""
    st.session_state.setdefault("source", SOURCES[0])
    source = st.segmented_control(
        "Where from",
        SOURCES,
        required=True,
        label_visibility="collapsed",
        key="source",
        on_change=_change_source,
    )
    photos = _taken() if source == "Camera" else _uploaded(folder=source == "Folder")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        take_from_anywhere(st.session_state.get("intake", 0), _make_room)
        st.caption(PROMISE, width="content")
    example = st.query_params.get(EXAMPLE, "")
    note_example(example)
    if photos:
        return within_rate(photos)
    photo = example_photo(runs, example) or kept_photo()
    return [photo] if photo else []


def ask_for_another() -> None:
    """Forgets all photos and empties the widgets they came from."""
    empty_widgets()
    st.query_params.pop(EXAMPLE, None)
    forget_photos()


def _make_room() -> None:
    """Puts an empty uploader of photos on the page."""
    st.session_state["source"] = SOURCES[0]
    ask_for_another()


def _begin_anew() -> None:
    """Forgets the photo before, once the reader chooses another or takes it away."""
    st.query_params.pop(EXAMPLE, None)
    drop_kept_photo()


def _change_source() -> None:
    """Forgets what was chosen before: the widget that holds it is drawn no more."""
    _begin_anew()
    release_files()


def _taken() -> list[Photo]:
    # Not as wide as the page: the prediction should be seen without scrolling.
    shot = st.camera_input(
        "Hold one object in front of the camera",
        key=widget_key("camera"),
        resolution="720p",
        width=640,
        on_change=_begin_anew,
    )
    return [photo_of("camera photo", shot.getvalue(), private=True)] if shot else []


def _uploaded(folder: bool) -> list[Photo]:
    key = widget_key("folder" if folder else "files")
    files = st.file_uploader(
        "All photos of a folder, one object per photo" if folder else "Drop photos of waste here, one object per photo",
        accept_multiple_files="directory" if folder else True,
        key=key,
        help=_FORMATS,
        on_change=_begin_anew,
    )
    if folder:
        # Browsers hand a folder over in the order of the disk.
        files = sorted((file for file in files if not _is_litter(file.name)), key=lambda file: file.name.casefold())
        if not files and st.session_state[key]:
            st.info("There is no photo in this folder: choose another.", icon=":material/folder_open:")
    return [photo_of(name, data, private=True) for name, data in _contents(files)]


def _is_litter(path: str) -> bool:
    """Returns whether a file of an uploaded folder is one that nobody means to upload."""
    # The first part is the folder that was chosen, which may have any name.
    return is_litter(path.partition("/")[2])


def _contents(files: "list[UploadedFile]") -> list[tuple[str, bytes]]:
    """Returns names and contents of no more files than are classified in one go, and says so where there are more."""
    if len(files) > MOST_FILES:
        st.warning(f"{len(files)} files are too many at once; these are the predictions for the first {MOST_FILES}.")
    return [(file.name, file.getvalue()) for file in files[:MOST_FILES]]
