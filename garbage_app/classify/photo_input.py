"""Photo input on the landing page: files, a folder, the camera, the clipboard, an example."""

from typing import TYPE_CHECKING

import streamlit as st

from garbage_app.classify.examples import EXAMPLE, example_photo
from garbage_app.photo import Photo, photo_of
from garbage_app.uploads import PASTED, drop_kept_photo, forget_photos, kept_photo, within_rate
from garbage_core.data.walking import is_litter
from garbage_core.runs.run import Run

if TYPE_CHECKING:
    from streamlit.typing import UploadedFile

MOST_FILES = 200  # in one go
SOURCES = ("Photos", "Camera", "Folder", "Paste")  # so short that they stand in one row on a phone
_FORMATS = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF, up to 25 MB each."
PROMISE = ":material/lock: Your photos stay in memory and are never stored."


def choose_photos(runs: list[Run]) -> list[Photo]:
    """Lets the reader choose photos and returns them: new ones, else the example in the address, else the kept one."""
    source = st.segmented_control(
        "Where from",
        SOURCES,
        default="Photos",
        required=True,
        label_visibility="collapsed",
        key="source",
        on_change=_begin_anew,
    )
    if source != "Paste":
        st.session_state.pop(PASTED, None)
    if source == "Camera":
        photos = _taken()
    elif source == "Paste":
        photos = _pasted()
    else:
        photos = _uploaded(folder=source == "Folder")
    st.caption(PROMISE)
    if photos:
        return within_rate(photos)
    photo = example_photo(runs, st.query_params.get(EXAMPLE, "")) or kept_photo()
    return [photo] if photo else []


def ask_for_another() -> None:
    """Forgets all photos and empties the widgets they came from."""
    st.session_state["intake"] = st.session_state.get("intake", 0) + 1
    st.query_params.pop(EXAMPLE, None)
    forget_photos()


def _begin_anew() -> None:
    """Forgets the photo before, once the reader chooses another or takes it away."""
    st.query_params.pop(EXAMPLE, None)
    drop_kept_photo()


def _key(name: str) -> str:
    """Returns the key of a widget; another one is an empty widget."""
    turn = st.session_state.get("intake", 0)
    return f"{name}-{turn}" if turn else name


def _taken() -> list[Photo]:
    # Not as wide as the page: the prediction should be seen without scrolling.
    shot = st.camera_input(
        "Hold one object in front of the camera",
        key=_key("camera"),
        resolution="720p",
        width=640,
        on_change=_begin_anew,
    )
    return [photo_of("camera photo", shot.getvalue(), private=True)] if shot else []


def _uploaded(folder: bool) -> list[Photo]:
    key = _key("folder" if folder else "files")
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


def _pasted() -> list[Photo]:
    """Takes photos from the clipboard, by the only input of Streamlit's that reads it; its text is not used."""
    # Inside a container it stands here; on its own Streamlit would fix it to the lower edge of the window.
    with st.container():
        sent = st.chat_input(
            "Paste a photo here, then press Enter", key="clipboard", accept_file="multiple", on_submit=_begin_anew
        )
    if sent and sent.files:
        # The field forgets what was sent once the page runs again, for a slider say.
        st.session_state[PASTED] = _contents(sent.files)
    elif sent:
        st.info("That was text and no photo: copy a picture, then paste it here.", icon=":material/content_paste:")
    return [photo_of(name, data, private=True) for name, data in st.session_state.get(PASTED, [])]


def _contents(files: "list[UploadedFile]") -> list[tuple[str, bytes]]:
    """Returns names and contents of no more files than are classified in one go, and says so where there are more."""
    if len(files) > MOST_FILES:
        st.warning(f"{len(files)} files are too many at once; these are the predictions for the first {MOST_FILES}.")
    return [(file.name, file.getvalue()) for file in files[:MOST_FILES]]
