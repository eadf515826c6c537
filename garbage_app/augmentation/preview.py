"""The augmentation preview: what a pipeline, and each transformation alone, make of a photo."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from garbage_app import cache
from garbage_app.augmentation.words import range_in_words
from garbage_app.subject import dataset_or_none
from garbage_app.uploads import widget_key
from garbage_app.widgets.drawings import drawing
from garbage_app.widgets.gallery import TILE
from garbage_core.data.images import decode_image, fit_canvas

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

COPIES = 7  # of the whole pipeline
TRIES = 4  # of each transformation alone


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
    file = st.file_uploader("Your own photo", key=widget_key("augment_file"), max_upload_size=25)
    samples = [drawing(0), drawing(1)]
    if dataset is not None:
        turn = st.session_state.setdefault("augment_sample", 0)
        samples = _samples(dataset, turn)
    if file is None:
        return _batch(samples[0], samples[1:], is_private=False)
    return _batch(decode_image(file.getvalue(), file.name, at_least=(480, 640)), samples, is_private=True)


@cache.data(max_entries=4)
def _samples(dataset: "Dataset", turn: int) -> list[np.ndarray]:
    """Returns photos drawn at random, one whose background can be replaced first if there is one among them."""
    from garbage_core.synthetic.foreground import extract_foreground

    rows = np.random.default_rng(turn).permutation(len(dataset.photos))[:4]
    photos = [decode_image(dataset.read_bytes(dataset.photos["file"].iloc[row])) for row in rows]
    return sorted(photos, key=lambda photo: extract_foreground(fit_canvas(photo, *TILE)) is None)


def _batch(photo: np.ndarray, partners: list[np.ndarray], is_private: bool) -> Batch:
    height, width = TILE if photo.shape[1] >= photo.shape[0] else TILE[::-1]
    photo, *partners = (fit_canvas(picture, height, width) for picture in [photo, *partners])
    pixels = np.stack([photo] * COPIES + [partners[i % len(partners)] for i in range(COPIES)])
    return Batch(photo, pixels, hashlib.sha256(pixels.tobytes()).hexdigest(), is_private)


def write_pipeline(batch: Batch, name: str, strength: float, seed: int) -> None:
    """Shows a photo and copies of it that a whole pipeline has augmented."""
    copies = _augmented(batch.digest, batch.is_private, "pipeline", name, strength, seed, batch.pixels)[:COPIES]
    write_tiles([(batch.photo, "original"), *((copy, f"copy {i + 1}") for i, copy in enumerate(copies))])


def write_transformations(batch: Batch, strength: float, seed: int) -> None:
    """Shows what each transformation alone does to a photo."""
    from garbage_core.training.augmentation import TRANSFORMATIONS, single

    st.subheader("Each transformation alone", anchor=False)
    st.caption("With the range that the pipeline strong gives it, times the strength.")
    middle, tiles = batch.pixels[COPIES - TRIES : COPIES + TRIES], []
    for name in TRANSFORMATIONS:
        value = getattr(single(name, strength), name)
        copies = _augmented(batch.digest, batch.is_private, "single", name, strength, seed + 1, middle)[:TRIES]
        # A flip leaves every second copy as it is; the one that changed most shows what the transformation does. A
        # mixture that changed most is the other photo alone; the least changed but one still shows both.
        order = np.abs(copies.astype(np.int16) - batch.photo).mean(axis=(1, 2, 3)).argsort()
        shown = copies[order[1 if name in ("mixup", "cutmix") else -1]]
        tiles.append((shown, range_in_words(name, value) if value else f"{name.replace('_', ' ')}: off"))
    write_tiles(tiles)


@cache.data(
    max_entries=24,
    show_spinner="Loading Keras, once per server, and drawing",
    private=lambda digest, is_private, *rest: is_private,
)
def _augmented(
    digest: str, is_private: bool, kind: str, name: str, strength: float, seed: int, _pixels: np.ndarray
) -> np.ndarray:
    """Returns an augmented batch, uint8 of the batch's shape; TensorFlow loads here and not before."""
    from garbage_core.training.augmentation import augment_batch, pipeline, single

    augmentation = pipeline(name, strength) if kind == "pipeline" else single(name, strength)
    changed, _ = augment_batch(_pixels, augmentation, seed)
    return np.clip(np.round(changed), 0, 255).astype(np.uint8)


def write_tiles(pictures: list[tuple[np.ndarray, str]]) -> None:
    """Shows pictures as a grid of equal tiles with a line under each."""
    grid = st.grid(4, min_column_width=150)
    for picture, caption in pictures:
        with grid.cell():
            st.image(picture, caption=caption, width="stretch", output_format="JPEG", alt=caption)
