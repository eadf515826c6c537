"""Photo input on the landing page: files, the camera, the clipboard, a sample of the data set."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from garbage_app.photo import Photo, photo_of
from garbage_app.uploads import PASTED
from garbage_app.widgets.gallery import dataset_or_none
from garbage_core.data.sources import is_litter
from garbage_core.runs.run import Run

if TYPE_CHECKING:
    from streamlit.typing import UploadedFile

    from garbage_core.data.dataset import Dataset

MOST_FILES = 200  # in one go
_ICONS = {
    "Photos": "upload",
    "Camera": "photo_camera",
    "Folder": "folder_open",
    "Paste": "content_paste",
    "Sample": "casino",
}
_FORMATS = (
    "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF, up to 25 MB each. Photos stay in memory for the prediction and are "
    "never stored."
)


def choose_photos(runs: list[Run]) -> list[Photo]:
    """Lets the reader choose photos and returns them; samples are test photos to all these runs."""
    dataset = dataset_or_none()
    source = st.segmented_control(
        "Where from",
        [name for name in _ICONS if dataset or name != "Sample"],
        default="Photos",
        required=True,
        format_func=lambda name: f":material/{_ICONS[name]}: {name}",
        label_visibility="collapsed",
        key="source",
    )
    if source != "Paste":
        st.session_state.pop(PASTED, None)
    if source == "Camera":
        # Not as wide as the page: the prediction below should be seen without scrolling.
        shot = st.camera_input("Hold one object in front of the camera", key="camera", resolution="720p", width=640)
        return [photo_of("camera photo", shot.getvalue(), shown=True, private=True)] if shot else []
    if source == "Paste":
        return _pasted()
    if source == "Sample":
        return _sample(runs, dataset) if dataset else []
    return _uploaded(folder=source == "Folder")


def _uploaded(folder: bool) -> list[Photo]:
    files = st.file_uploader(
        "All photos of a folder, one object per photo" if folder else "One object per photo, as large as it will go",
        accept_multiple_files="directory" if folder else True,
        key="folder" if folder else "files",
        help=_FORMATS,
    )
    if folder:
        # Browsers hand a folder over in the order of the disk.
        files = sorted((file for file in files if not _is_litter(file.name)), key=lambda file: file.name.casefold())
        if not files and st.session_state["folder"]:
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
        sent = st.chat_input("Paste a photo here, then press Enter", key="clipboard", accept_file="multiple")
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


def _sample(runs: list[Run], dataset: "Dataset") -> list[Photo]:
    rows = runs[-1].predictions
    usable = set(dataset.photos["file"])
    for run in runs:
        usable -= set(run.predictions["file"][run.predictions["split"] != "test"])
    tests = rows[(rows["split"] == "test") & rows["file"].isin(usable)].reset_index(drop=True)
    if tests.empty:
        st.info("None of the test photos of these models is on this machine.")
        return []
    turn = st.session_state.setdefault("sample", int(np.random.default_rng().integers(len(tests))))
    if st.button("Another sample", icon=":material/casino:"):
        turn = st.session_state["sample"] = int(np.random.default_rng().integers(len(tests)))
    row = tests.iloc[turn % len(tests)]
    return [photo_of(row["file"], dataset.read_bytes(row["file"]), row["label"])]
