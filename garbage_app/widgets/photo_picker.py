"""The photo picker, for one photo to explain: a photo of the data set, the reader's own, or a drawing."""

import io

import pandas as pd
import streamlit as st
from PIL import Image

from garbage_app import cache
from garbage_app.photo import Photo, photo_of
from garbage_app.subject import dataset_or_none
from garbage_app.uploads import kept_photo, release_files, widget_key
from garbage_app.widgets.choosers import SPLIT_NAMES
from garbage_app.widgets.drawings import named_drawing
from garbage_app.widgets.gallery import offer_download
from garbage_core.data.images import MAX_BYTES
from garbage_core.runs.results import is_trained_on
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital

# What stands on a button stands in the address, too.
SOURCES = ("Data set", "Own photo", "Drawing")
DRAWINGS = ("bottle", "can", "bottle-on-wood", "can-on-tiles", "page", "plain")
OPENING = "glass/glass354.jpg"  # the photo that is shown first: the models see different things in it
EVERY, DISAGREE = "every photo", "models disagree"
ANY_CLASS = "every class"


def pick_photo(runs: list[Run]) -> Photo | None:
    """Shows the ways to choose a photo and returns the chosen one, or None while there is none.

    A photo of the data set stands in the address as `?file=glass/glass1.jpg`, so that other pages can link to it.

    Args:
        runs: The models whose mistakes are named in the list of photos; the last one says which photo is in which
            split.
    """
    here = dataset_or_none() is not None
    first = "Data set" if here or "file" in st.query_params else "Drawing"
    source = st.radio(
        "Photo", SOURCES, index=SOURCES.index(first), key="photo", bind="query-params", on_change=release_files
    )
    if source == "Own photo":
        file = st.file_uploader(
            "One object, as large as it will go",
            key=widget_key("own_photo"),
            max_upload_size=MAX_BYTES // 2**20,
            help="JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF. The photo stays in memory and is never stored.",
        )
        return photo_of(file.name, file.getvalue(), private=True) if file else kept_photo()
    if source == "Drawing":
        name = st.selectbox(
            "Of a",
            DRAWINGS,
            key="drawing",
            bind="query-params",
            format_func=lambda name: name.replace("-", " "),
            help="Drawn by the app, for machines without photos. The models were not trained on drawings, so their "
            "predictions may be odd.",
        )
        return photo_of(f"drawing of a {name}", _drawing(name))
    return _from_data_set(runs)


def choose_file(runs: list[Run], file: str) -> None:
    """Chooses a photo of the data set as if the reader had; called before the page is drawn.

    Args:
        runs: As for `pick_photo`.
        file: Name of the photo.
    """
    table = predicted_classes(runs)
    st.session_state["photo"] = "Data set"
    if file in set(table["file"]):
        st.session_state["split"] = table.loc[table["file"] == file, "split"].iloc[0]
    st.session_state["its_class"], st.session_state["which"] = ANY_CLASS, EVERY
    st.session_state["file"] = file


def choose_drawing(name: str) -> None:
    """Chooses one of `DRAWINGS` as if the reader had; called before the page is drawn."""
    st.session_state["photo"], st.session_state["drawing"] = "Drawing", name


@cache.data(max_entries=len(DRAWINGS))
def _drawing(name: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(named_drawing(name)).save(buffer, "PNG")
    return buffer.getvalue()


def _from_data_set(runs: list[Run]) -> Photo | None:
    dataset = dataset_or_none()
    if dataset is None:
        offer_download("The photos of the data set are not on this machine. Until then, use an own photo or a drawing.")
        return None
    runs = [run for run in runs if is_trained_on(run.info, dataset)]  # others know photos of the same names, not these
    photos = predicted_classes(runs) if runs else dataset.photos[["file", "label"]]
    photos = photos[photos["file"].isin(dataset.photos["file"])]
    if photos.empty:
        st.info("None of the photos that these models know is on this machine.")
        return None
    linked = photos[photos["file"] == st.query_params.get("file", OPENING)]
    with st.expander("Search the data set", icon=":material/search:", key="search"):
        if runs:
            photos = photos[photos["split"] == _choose_split(photos, linked)]
        classes = [name for name in (runs[-1].classes if runs else dataset.classes) if name in set(photos["label"])]
        label = st.selectbox("Its class", [ANY_CLASS, *classes], key="its_class", bind="query-params")
        columns = {f"mistakes of {run.title}": f"p_{run.name}" for run in runs}
        which = [EVERY, *columns, *([DISAGREE] if len(runs) > 1 else [])]
        chosen = st.selectbox("Which", which, key="which", bind="query-params")
        if label != ANY_CLASS:
            photos = photos[photos["label"] == label]
        if chosen == DISAGREE:
            predicted = photos[list(columns.values())]
            photos = photos[predicted.ne(predicted.iloc[:, 0], axis=0).any(axis=1)]
        elif chosen != EVERY:
            photos = photos[photos[columns[chosen]] != photos["label"]]
        files = list(photos["file"])
        first = files.index(OPENING) if OPENING in files else 0
        file = st.selectbox("File", files, index=first, key="file", bind="query-params")
    if file is None:
        st.info("There is no such photo: choose another class, or every photo.")
        return None
    row = photos[photos["file"] == file].iloc[0]
    return photo_of(file, dataset.read_bytes(file), row["label"])


def _choose_split(photos: pd.DataFrame, linked: pd.DataFrame) -> str:
    splits = [name for name in ("test", "val", "train") if name in set(photos["split"])]
    return st.segmented_control(
        "Split",
        splits,
        default=splits[0] if linked.empty else linked["split"].iloc[0],
        required=True,
        format_func=lambda name: capital(SPLIT_NAMES[name]),
        key="split",
        bind="query-params",
        wrap=True,
        help="The models learned from the training photos; test photos were held out.",
    )


@cache.resource(max_entries=8)
def predicted_classes(runs: list[Run]) -> pd.DataFrame:
    """Returns file, split and label of every photo, and in a column p_<name> the class that each model predicts."""
    table = runs[-1].predictions[["file", "split", "label"]].drop_duplicates("file")
    for run in runs:
        known = run.predictions.drop_duplicates("file").set_index("file")
        predicted = known[[f"p_{name}" for name in run.classes]].idxmax(axis=1).map(lambda column: str(column)[2:])
        # A photo without a prediction of a model is not its mistake.
        table[f"p_{run.name}"] = table["file"].map(predicted).fillna(table["label"])
    return table
