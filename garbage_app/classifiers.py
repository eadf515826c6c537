"""The networks that answer on the landing page, one of each per server, loaded in the background; and their answers.

TensorFlow takes seconds to load, so it is never imported by a page, and not at all for a run that was exported to
another runtime. The landing page asks for its models once it has been drawn; a thread loads them while the reader
chooses a photo.
"""

import base64
import hashlib
import io
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from garbage_app.widgets.shared import plain, run_key
from garbage_core.data.images import PhotoFile, prepare_photo
from garbage_core.inference.ood_detector import OOD_FILE
from garbage_core.runs.run import Run

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Classifier

# One at a time: two imports of TensorFlow would only wait for each other, and memory peaks while a network is read.
_LOADER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load-model")
MOST_MODELS = 3  # each takes about 100 MB
THUMBNAIL = 96  # pixels
PREVIEW = (480, 640)  # pixels that a photo is shown with, and what most networks want it decoded to


def model_key(run: Run) -> str:
    """Returns what tells one trained network from another: a run that was trained again gives new answers."""
    detector = run.path / OOD_FILE
    fitted = detector.stat().st_mtime_ns if detector.is_file() else ""
    return f"{run.path} {run.weights_sha256} {run.temperature} {run.threshold} {fitted}"


def start_loading(run: Run) -> "Future[Classifier]":
    """Begins to load the network of a run, unless that is done or under way, and returns at once."""
    return _classifier(model_key(run), run)


def classifier_of(run: Run) -> "Classifier":
    """Returns the classifier of a run, shared by all sessions, waiting for it if need be. Raises GarbageError."""
    try:
        return start_loading(run).result()
    except Exception:
        _classifier.clear(model_key(run), run)  # so that a mended file is tried again
        raise


def is_loaded(run: Run) -> bool:
    """Returns whether `classifier_of` would answer at once."""
    return start_loading(run).done()


@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _classifier(key: str, _run: Run) -> "Future[Classifier]":
    return _LOADER.submit(_load, _run)


def _load(run: Run) -> "Classifier":
    from garbage_core.inference.classifier import Classifier

    classifier = Classifier.from_run(run)
    classifier.warm_up()
    return classifier


# Which models


def choose_models(runs: list[Run]) -> list[Run]:
    """Returns the runs that answer: those with a network, the first two unless the reader chooses others."""
    usable = [run for run in runs if _can_classify(str(run.path), _stamps(run), run)]
    if not usable:
        if any(run.has_weights for run in runs):
            st.info("The networks are here, but not TensorFlow. Export them where it is installed, to use them here:")
            st.code("python -m garbage_core export transfer --format openvino --int8", language="bash")
            st.stop()
        st.info(
            "The results of the models are here, but not the networks themselves. Train them again to classify photos:"
        )
        st.code("python -m garbage_core train transfer", language="bash")
        st.stop()
    if len(usable) <= 2:
        return usable
    by_name = {run.name: run for run in usable}
    names = st.pills(
        "Models",
        list(by_name),
        selection_mode="multi",
        default=list(by_name)[:2],
        format_func=lambda name: by_name[name].title,
        key="models",
        bind="query-params",
    )
    return [by_name[name] for name in (names or list(by_name))[:MOST_MODELS]]


@st.cache_data(max_entries=64, show_spinner=False)
def _can_classify(path: str, stamps: tuple, _run: Run) -> bool:
    from garbage_core.inference.runtimes import can_classify

    return can_classify(_run)  # reads exported files in full, to see whether they are whole


def _stamps(run: Run) -> tuple:
    return tuple(sorted((file.name, file.stat().st_mtime_ns) for file in run.path.iterdir() if file.is_file()))


def val_accuracy(run: Run) -> float:
    """Returns the share of right answers on the validation photos; the model that leads there gives the headline."""
    return _val_accuracy(run_key(run), run)


@st.cache_data(max_entries=64, show_spinner=False)
def _val_accuracy(key: tuple, _run: Run) -> float:
    rows = _run.predictions[_run.predictions["split"] == "val"]
    answers = rows[[f"p_{name}" for name in _run.classes]].to_numpy().argmax(axis=1)
    return float((np.asarray(_run.classes)[answers] == rows["label"].to_numpy()).mean()) if len(rows) else 0.0


# Photos and their answers


@dataclass(frozen=True)
class Photo:
    """A photo to classify.

    Attributes:
        name: As the reader knows it.
        data: Content of the file.
        digest: SHA-256 of the content; equal content gets equal answers, whatever its name.
        label: Its true class, where that is known.
        shown: Whether the page shows it already.
    """

    name: str
    data: bytes
    digest: str
    label: str | None = None
    shown: bool = False

    @cached_property
    def file(self) -> PhotoFile:
        """The file, decoded once for all that one run of the page does with it; goes with the run."""
        return PhotoFile(self.data, self.name)


def photo_of(name: str, data: bytes, label: str | None = None, shown: bool = False) -> Photo:
    """Makes a `Photo` from the content of a file."""
    return Photo(name, data, hashlib.sha256(data).hexdigest(), label, shown)


@st.cache_data(max_entries=64, show_spinner=False)
def look(digest: str, model: str, _run: Run, _photo: Photo):
    """Returns the answer for a photo and its heat map as float16 (h, w), cached by content. Raises GarbageError."""
    classifier = classifier_of(_run)
    prediction, heat = classifier.classify_with_activation(_photo.file.prepared(*classifier.size), _photo.name)
    return prediction, heat.astype(np.float16)


@st.cache_data(max_entries=64, show_spinner=False)
def look_twice(digest: str, model: str, _run: Run, _photo: Photo):
    """Returns the answer for a photo and its mirror image together, cached by content. Raises GarbageError."""
    classifier = classifier_of(_run)
    return classifier.classify_photo(_photo.file.prepared(*classifier.size), _photo.name, flip=True)


def preview_of(photo: Photo) -> np.ndarray:
    """Returns the photo in the size it is shown in; kept for this session until another takes its place."""
    kept = st.session_state.get("preview")
    if kept is None or kept[0] != photo.digest:
        kept = (photo.digest, prepare_photo(photo.file.decoded(PREVIEW), *PREVIEW))
        st.session_state["preview"] = kept
    return kept[1]


def thumbnail_of(rgb: np.ndarray) -> str:
    """Returns a small JPEG of a photo as a data address for the table."""
    picture = Image.fromarray(rgb)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def answers_for(photos: list[Photo], runs: list[Run], flip: bool = False) -> dict:
    """Returns {(digest, model key): Prediction}, computing only what is new in this session; also makes thumbnails.

    Args:
        photos: What to answer for.
        runs: Which models to ask.
        flip: Whether to ask for each photo and its mirror image together.
    """
    by_digest = {photo.digest: photo for photo in photos}
    kept = {key: value for key, value in st.session_state.get("answers", {}).items() if key[0] in by_digest}
    thumbnails = {d: t for d, t in st.session_state.get("thumbnails", {}).items() if d in by_digest}
    # Kept from the start: if the reader does something meanwhile, what was computed so far is not lost.
    st.session_state["answers"], st.session_state["thumbnails"] = kept, thumbnails
    wanted = {(digest, model_key(run), flip) for digest in by_digest for run in runs}
    missing = wanted - kept.keys()
    new = [photo for photo in by_digest.values() if any(key[0] == photo.digest for key in missing)]
    asked = [run for run in runs if any(key[1] == model_key(run) for key in missing)]
    if missing:
        from garbage_core.inference.classifier import classify_together

        bar = st.progress(0.0, "Looking at the photos")
        classifiers = [classifier_of(run) for run in asked]
        read = partial(_file_with_thumbnail, thumbnails=thumbnails, size=max(one.size for one in classifiers))
        stream = classify_together(classifiers, ((photo.name, partial(read, photo)) for photo in new), flip=flip)
        for done, (photo, answers) in enumerate(zip(new, stream, strict=True), 1):
            for run, answer in zip(asked, answers, strict=True):
                kept[photo.digest, model_key(run), flip] = answer
            bar.progress(done / len(new), plain(photo.name))
        bar.empty()
    return {key[:2]: kept[key] for key in wanted}


def _file_with_thumbnail(photo: Photo, thumbnails: dict[str, str], size: tuple[int, int]) -> PhotoFile:
    """Returns the file of a photo after making its thumbnail from what a network of this size needs of it anyway."""
    file = PhotoFile(photo.data, photo.name)  # not the photo's own, which would keep the pixels of all of a batch
    if photo.digest not in thumbnails:
        thumbnails[photo.digest] = thumbnail_of(file.decoded((2 * size[0], 2 * size[1])))
    return file
