"""The networks that classify in the app, one of each per server, loaded in the background; and their predictions.

TensorFlow takes seconds to load, so it is never imported by a page, and not at all for a run that was exported to
another runtime. The landing page asks for its models once it has been drawn; a thread loads them while the reader
chooses a photo.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from garbage_app import cache
from garbage_app.photo import Photo
from garbage_app.subject import fingerprint
from garbage_app.widgets.page_header import end_page
from garbage_core.inference.ood_detector import path_of
from garbage_core.runs.run import Run

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Classifier, Prediction

# One at a time: two imports of TensorFlow would only wait for each other, and memory peaks while a network is read.
_LOADER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load-model")
MOST_MODELS = 3  # each takes about 100 MB


def start_loading(run: Run) -> "Future[Classifier]":
    """Begins to load the network of a run, unless that is done or under way, and returns at once."""
    return _classifier(run, _photos(run))


def classifier_of(run: Run) -> "Classifier":
    """Returns the classifier of a run, shared by all sessions, waiting for it if need be. Raises GarbageError."""
    try:
        return start_loading(run).result()
    except Exception:
        _classifier.clear(run, _photos(run))  # so that a mended file is tried again
        raise


def is_loaded(run: Run) -> bool:
    """Returns whether `classifier_of` would return at once."""
    return start_loading(run).done()


@cache.resource(max_entries=MOST_MODELS)
def _classifier(run: Run, photos: str | None) -> "Future[Classifier]":
    return _LOADER.submit(_load, run, photos)


def _photos(run: Run) -> str | None:
    """Returns the fingerprint of the pages' photos if the run has an OOD detector that was fitted to them."""
    photos = fingerprint()
    place = path_of(run, photos)
    return photos if place.parent != run.path and place.is_file() else None


def _load(run: Run, photos: str | None) -> "Classifier":
    from garbage_core.inference.classifier import Classifier

    classifier = Classifier.from_run(run, fingerprint=photos)
    classifier.warm_up()
    return classifier


# Which models


def choose_models(runs: list[Run]) -> list[Run]:
    """Returns the runs that classify, the best on photos of all kinds first; of many, those that the reader chooses."""
    usable = usable_runs(runs)
    if not usable:
        if any(run.has_weights for run in runs):
            st.info("The networks are here, but not TensorFlow. Export them where it is installed, to use them here:")
            st.code("python -m garbage_core export transfer --format openvino --int8", language="bash")
            end_page()
        st.info(
            "The results of the models are here, but not the networks themselves. Train them again to classify photos:"
        )
        st.code("python -m garbage_core train transfer", language="bash")
        end_page()
    if len(usable) <= MOST_MODELS:
        return usable
    by_name = {run.name: run for run in usable}
    names = st.pills(
        "Models",
        list(by_name),
        selection_mode="multi",
        default=list(by_name)[:MOST_MODELS],
        format_func=lambda name: by_name[name].title,
        key="models",
        bind="query-params",
    )
    return leading_first([by_name[name] for name in (names or list(by_name))[:MOST_MODELS]])


def usable_runs(runs: Sequence[Run]) -> list[Run]:
    """Returns the runs that have a network which can be used here, the leading one first."""
    return leading_first([run for run in runs if _can_classify(run, sorted(filter(Path.is_file, run.path.iterdir())))])


@cache.data(max_entries=64)
def _can_classify(run: Run, files: list[Path]) -> bool:
    from garbage_core.inference.runtimes import can_classify

    return can_classify(run)  # reads exported files in full, to see whether they are whole


def leading_first(runs: Sequence[Run]) -> list[Run]:
    """Returns runs in the order in which they answer; equals stay in theirs."""
    return sorted(runs, key=val_accuracy, reverse=True)


def val_accuracy(run: Run) -> float:
    """Returns the accuracy on the validation photos, 0..1, the mean over the sets: who leads there answers first."""
    found = [share for name in run.sets if (share := accuracy(run, "val", name)) is not None]
    return float(np.mean(found)) if found else 0.0


@cache.data(max_entries=64)
def accuracy(run: Run, split: str, name: str) -> float | None:
    """Returns the accuracy on the photos of a split of one of `Run.sets`, 0..1; None if there are none."""
    rows = run.predictions_of(name)
    rows = rows[rows["split"] == split]
    predicted = rows[[f"p_{label}" for label in run.classes]].to_numpy().argmax(axis=1)
    return float((np.asarray(run.classes)[predicted] == rows["label"].to_numpy()).mean()) if len(rows) else None


# Predictions


@cache.resource(max_entries=64, private=lambda photo, run: photo.private)
def predict_with_heatmap(photo: Photo, run: Run) -> "tuple[Prediction, np.ndarray]":
    """Returns the prediction for a photo and its activation map, float16 (h, w). Raises GarbageError."""
    classifier = classifier_of(run)
    # Without the photo's name: an equal photo of another name gets the same prediction.
    prediction, heat = classifier.classify_with_activation(photo.file.prepared(*classifier.size))
    return prediction, heat.astype(np.float16)


@cache.resource(max_entries=64, private=lambda photo, run: photo.private)
def predict_with_mirror_image(photo: Photo, run: Run) -> "Prediction":
    """Returns the mean prediction for a photo and its mirror image. Raises GarbageError."""
    classifier = classifier_of(run)
    return classifier.classify_photo(photo.file.prepared(*classifier.size), flip=True)
