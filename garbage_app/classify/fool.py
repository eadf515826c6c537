"""Try to fool it: the photo turned, darkened, blurred or put elsewhere, and what the models make of it at once."""

import dataclasses
import io

import numpy as np
import streamlit as st
from PIL import Image, ImageEnhance, ImageFilter

from garbage_app.classifiers import classifier_of
from garbage_app.classify.decision import with_threshold
from garbage_app.classify.verdict import write_models
from garbage_app.photo import Photo, preview_of
from garbage_core.data.images import prepare_photo
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.synthetic.foreground import placed

SURFACE = 3  # seed of the other background


@st.fragment
def write_fooling(photo: Photo, runs: list[Run]) -> None:
    """Lets the reader change the photo, and classifies what comes of it; nothing else on the page runs again."""
    st.subheader("Try to fool it", anchor=False)
    left, middle, right = st.columns([1, 1, 1], gap="medium")
    with left:
        turn = st.slider("Turn", -180, 180, 0, 15, key="fool_turn", format="%d°")
        light = st.slider("Light", 20, 200, 100, 10, key="fool_light", format="%d %%")
        blur = st.slider("Blur", 0, 12, 0, 1, key="fool_blur")
        zoom = st.slider("Zoom", 100, 400, 100, 25, key="fool_zoom", format="%d %%")
        elsewhere = st.toggle("Another background", key="fool_background", help="Works on light, plain backgrounds.")
    try:
        rgb = changed(preview_of(photo), turn, light / 100, blur, zoom / 100, elsewhere)
        predictions = {}
        for run in runs:
            classifier = classifier_of(run)
            one = classifier.classify_photo(prepare_photo(rgb, *classifier.size))
            predictions[run.name] = with_threshold(one, run)
    except GarbageError as error:
        st.error(str(error), icon=":material/error:")
        return
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=88)
    middle.image(buffer.getvalue(), width="stretch", alt="The photo as you changed it")
    with right:
        write_models(dataclasses.replace(photo, note=""), predictions, runs)


def changed(rgb: np.ndarray, turn: int, light: float, blur: int, zoom: float, elsewhere: bool) -> np.ndarray:
    """Changes a photo as the reader's hand and camera could.

    Args:
        rgb: uint8 (h, w, 3).
        turn: Degrees, counterclockwise; what comes in from outside has the color of the photo's edge.
        light: Factor of the brightness.
        blur: Radius in pixels.
        zoom: Factor, 1 or more, into the middle.
        elsewhere: Whether to replace the background, where a foreground is found.

    Returns:
        uint8 (h, w, 3).
    """
    replaced = placed(rgb, SURFACE) if elsewhere else None
    image = Image.fromarray(rgb if replaced is None else replaced)
    if turn:
        pixels = np.asarray(image)
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        image = image.rotate(turn, Image.Resampling.BICUBIC, fillcolor=tuple(map(int, np.median(edge, axis=0))))
    if zoom > 1:
        width, height = image.size
        left, top = width * (1 - 1 / zoom) / 2, height * (1 - 1 / zoom) / 2
        image = image.resize(image.size, Image.Resampling.BICUBIC, box=(left, top, width - left, height - top))
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(ImageEnhance.Brightness(image).enhance(light))
