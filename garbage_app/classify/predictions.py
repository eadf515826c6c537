"""Predictions for many photos, and their thumbnails, in this session."""

import base64
import io
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from garbage_app.cache import run_key
from garbage_app.classifiers import classifier_of
from garbage_app.photo import Photo, owner_of_session
from garbage_core.data.images import PhotoFile
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Failure, Prediction

THUMBNAIL = 96  # pixels


def predict_all(
    photos: list[Photo], runs: list[Run], flip: bool = False
) -> "dict[tuple[str, tuple], Prediction | Failure]":
    """Returns the predictions of several models for several photos, computing only what is new in this session.

    Their thumbnails are made on the way: the session then holds them by digest.

    Args:
        photos: Photos to classify.
        runs: Models that classify them.
        flip: Whether to take the mean over each photo and its mirror image.

    Returns:
        Predictions, or failures of photos that cannot be read, by the photo's digest and the run's key.
    """
    by_digest = {photo.digest: photo for photo in photos}
    known = {key: value for key, value in st.session_state.get("predictions", {}).items() if key[0] in by_digest}
    thumbnails = {d: t for d, t in st.session_state.get("thumbnails", {}).items() if d in by_digest}
    # In the session from the start: if the reader clicks meanwhile, what was computed so far is not lost.
    st.session_state["predictions"], st.session_state["thumbnails"] = known, thumbnails
    wanted = {(digest, run_key(run), flip) for digest in by_digest for run in runs}
    missing = wanted - known.keys()
    new = [photo for photo in by_digest.values() if any(key[0] == photo.digest for key in missing)]
    needed = [run for run in runs if any(key[1] == run_key(run) for key in missing)]
    if missing:
        from garbage_core.inference.classifier import classify_together

        bar = st.progress(0.0, "Classifying the photos")
        classifiers = [classifier_of(run) for run in needed]
        read = partial(
            _file_with_thumbnail,
            thumbnails=thumbnails,
            size=max(one.size for one in classifiers),
            owner=owner_of_session(),
        )
        named = ((photo.name, partial(read, photo)) for photo in new)
        stream = classify_together(classifiers, named, workers=0 if len(new) == 1 else None, flip=flip)
        for done, (photo, predictions) in enumerate(zip(new, stream, strict=True), 1):
            for run, prediction in zip(needed, predictions, strict=True):
                known[photo.digest, run_key(run), flip] = prediction
            bar.progress(done / len(new), escape(photo.name))
        bar.empty()
    return {key[:2]: known[key] for key in wanted}


def _file_with_thumbnail(photo: Photo, thumbnails: dict[str, str], size: tuple[int, int], owner: object) -> PhotoFile:
    """Returns the file of a photo after making its thumbnail from what a network of this size needs of it anyway."""
    file = PhotoFile(photo.data, photo.name, owner)  # not the photo's own, which would hold the pixels of a whole batch
    if photo.digest not in thumbnails:
        thumbnails[photo.digest] = thumbnail_of(file.decoded((2 * size[0], 2 * size[1])))
    return file


def thumbnail_of(rgb: np.ndarray) -> str:
    """Returns a small JPEG of a photo, uint8 of shape (h, w, 3), as a data address for the table."""
    image = Image.fromarray(rgb)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
