"""Landing page: photos in, both models' answers out, with the reasons."""

import numpy as np
import streamlit as st

from garbage_app.classifiers import Photo, choose_models, photo_of, start_loading
from garbage_app.gallery import dataset_or_none
from garbage_app.many_photos import write_batch
from garbage_app.one_photo import write_answer
from garbage_app.router import ensure_routed
from garbage_app.shared import capital, chip, plain, runs_or_stop
from garbage_app.uploads import keep_in_memory
from garbage_core.classes import LOCAL_RULES, class_hint
from garbage_core.runs import Run

ensure_routed()
keep_in_memory()  # before the page has anything to upload with

MOST_FILES = 200  # in one go


def ask_for_photos(runs: list[Run]) -> list[Photo]:
    """Shows the ways to hand over photos and returns those that were."""
    dataset = dataset_or_none()
    icons = {"Photos": "upload", "Folder": "folder_open", "Camera": "photo_camera", "Sample": "casino"}
    sources = [name for name in icons if dataset or name != "Sample"]
    source = st.segmented_control(
        "Where from",
        sources,
        default="Photos",
        required=True,
        format_func=lambda name: f":material/{icons[name]}: {name}",
        label_visibility="collapsed",
        key="source",
    )
    if source == "Camera":
        shot = st.camera_input("Hold one thing before the camera", key="camera", resolution="720p")
        return [photo_of("camera photo", shot.getvalue(), shown=True)] if shot else []
    if source == "Sample":
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
    folder = source == "Folder"
    files = st.file_uploader(
        "All photos of a folder, one thing per photo" if folder else "One thing per photo, as large as it will go",
        accept_multiple_files="directory" if folder else True,
        key="folder" if folder else "files",
        help="JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF, up to 25 MB each. Photos stay in memory for the answer "
        "and are never stored.",
    )
    if len(files) > MOST_FILES:
        st.warning(f"{len(files)} files are too many at once; these are the answers for the first {MOST_FILES}.")
    return [photo_of(file.name, file.getvalue()) for file in files[:MOST_FILES]]


def write_welcome(runs: list[Run]) -> None:
    """Says what can be told apart, until there is a photo."""
    classes = runs[-1].classes
    st.subheader("What the models can tell apart", anchor=False)
    grid = st.grid(3, min_column_width=240, border=True)
    for place, name in enumerate(classes):
        with grid.cell(), st.container(gap="xxsmall"):
            st.markdown(f"{chip(name, place)} **{plain(capital(name))}**")
            if hint := class_hint(name):
                st.caption(hint)
    if any(map(class_hint, classes)):
        st.caption(LOCAL_RULES)


st.title("Which bin?", anchor=False)
runs = choose_models(runs_or_stop())
photos = ask_for_photos(runs)
if not photos:
    for key in ("answers", "thumbnails", "preview"):
        st.session_state.pop(key, None)
    write_welcome(runs)
elif len(photos) == 1:
    write_answer(photos[0], runs)
else:
    write_batch(photos, runs)
# Last, so that the page is on the screen before TensorFlow takes the processor.
for run in runs:
    start_loading(run)
