"""The photo that is augmented in the preview, and the photos that it is mixed with."""

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st

from garbage_app.widgets.drawings import drawing
from garbage_app.widgets.gallery import TILE, dataset_or_none
from garbage_core.data.images import decode_image, fit_canvas

COPIES = 7  # of the whole pipeline


@dataclass(frozen=True, eq=False)
class Batch:
    """A photo as often as it is augmented, and its partners for mixing.

    Attributes:
        photo: RGB, uint8, shape (height, width, 3).
        pixels: `COPIES` times the photo and as many partners, uint8, shape (2 * COPIES, height, width, 3). Mixing
            pairs the first of a batch with the last, the second with the last but one, and so on.
        digest: SHA-256 of the pixels.
        is_private: Whether the photo is a reader's own.
    """

    photo: np.ndarray
    pixels: np.ndarray
    digest: str
    is_private: bool


def choose_photo() -> Batch:
    """Lets the reader upload a photo; otherwise it is one of the data set, or a drawing where that is not here."""
    dataset = dataset_or_none()
    file = st.file_uploader("Your own photo", key="augment_file", max_upload_size=25)
    samples = [drawing(0), drawing(1)]
    if dataset is not None:
        turn = st.session_state.setdefault("augment_sample", 0)
        rows = np.random.default_rng(turn).permutation(len(dataset.photos))[:4]
        samples = [decode_image(dataset.read_bytes(dataset.photos["file"].iloc[row])) for row in rows]
    if file is None:
        return _batch(samples[0], samples[1:], is_private=False)
    return _batch(decode_image(file.getvalue(), file.name, at_least=(480, 640)), samples, is_private=True)


def _batch(photo: np.ndarray, partners: list[np.ndarray], is_private: bool) -> Batch:
    height, width = TILE if photo.shape[1] >= photo.shape[0] else TILE[::-1]
    photo, *partners = (fit_canvas(picture, height, width) for picture in [photo, *partners])
    pixels = np.stack([photo] * COPIES + [partners[i % len(partners)] for i in range(COPIES)])
    return Batch(photo, pixels, hashlib.sha256(pixels.tobytes()).hexdigest(), is_private)
