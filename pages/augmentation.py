"""What training changes in the photos: each transformation alone, and the named pipelines."""

import hashlib
from dataclasses import asdict

import numpy as np
import streamlit as st

from garbage_app import cache
from garbage_app.router import ensure_routed
from garbage_app.widgets.drawings import drawing
from garbage_app.widgets.gallery import TILE, dataset_or_none
from garbage_app.widgets.lite import needs_tensorflow
from garbage_app.widgets.page_header import answer, question
from garbage_core.data.images import decode_image, fit_canvas
from garbage_core.runs.run import list_runs
from garbage_core.utils.text import escape, listing

ensure_routed()

COPIES = 7  # of the whole pipeline
TRIES = 4  # of each transformation alone


def in_words(name: str, value: float) -> str:
    """Returns what a range means: "rotated by up to 45°"."""
    share = f"{100 * value:.0f}\u00a0%"
    return {
        "rotation": f"rotated by up to {value:.0f}°",
        "shift": f"shifted by up to {share}",
        "zoom": f"zoomed by up to {share}",
        "shear": f"sheared by up to {value:.2g}°",
        "horizontal_flip": "mirrored left to right",
        "vertical_flip": "mirrored top to bottom",
        "brightness": f"brighter or darker by up to {share}",
        "contrast": f"with up to {share} more or less contrast",
        "channel_shift": f"shifted in color by up to {value:.0f} of 255",
        "erase": "partly erased" if value == 1 else f"partly erased ({share} of them)",
        "mixup": "blended with another (MixUp)",
        "cutmix": "filled in with a part of another (CutMix)",
    }.get(name, f"{name} {value}")


def choose_photo() -> tuple[np.ndarray, list[np.ndarray], bool]:
    """Lets the reader upload a photo or draw samples.

    Returns:
        The photo, partners for mixing, each uint8 of shape (h, w, 3), and whether the photo is the reader's own.
    """
    dataset = dataset_or_none()
    file = st.file_uploader("Your own photo", key="augment_file", max_upload_size=25)
    samples = [drawing(0), drawing(1)]
    if dataset is not None:
        turn = st.session_state.setdefault("augment_sample", 0)
        rows = np.random.default_rng(turn).permutation(len(dataset.photos))[:4]
        samples = [decode_image(dataset.read_bytes(dataset.photos["file"].iloc[row])) for row in rows]
    if file is None:
        return samples[0], samples[1:], False
    return decode_image(file.getvalue(), file.name, at_least=(480, 640)), samples, True


@cache.data(
    max_entries=24,
    show_spinner="Loading Keras, once per server, and drawing",
    private=lambda digest, private, *rest: private,
)
def changed_copies(
    digest: str, private: bool, kind: str, name: str, strength: float, seed: int, _batch: np.ndarray
) -> np.ndarray:
    """Returns an augmented batch, uint8 of the batch's shape; TensorFlow loads here and not before."""
    from garbage_core.training.augmentation import augment_batch, pipeline, single

    augmentation = pipeline(name, strength) if kind == "pipeline" else single(name, strength)
    changed, _ = augment_batch(_batch, augmentation, seed)
    return np.clip(np.round(changed), 0, 255).astype(np.uint8)


def tiles(pictures: list[tuple[np.ndarray, str]]) -> None:
    """Shows pictures as a grid of equal tiles with a line under each."""
    grid = st.grid(4, min_column_width=150)
    for picture, caption in pictures:
        with grid.cell():
            st.image(picture, caption=caption, width="stretch", output_format="JPEG", alt=caption)


place = question("What does training change in the photos?")
needs_tensorflow("Changing photos as training does")
with st.spinner("Loading Keras, once per server"):
    from garbage_core.training.augmentation import PIPELINES, TRANSFORMATIONS, pipeline, single

used = {}
for run in list_runs():
    for used_name in dict.fromkeys(stage.augmentation for stage in run.config.stages):
        if used_name in PIPELINES:
            used.setdefault(used_name, []).append(run.title)

left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom")
with left:
    name = st.segmented_control(
        "Pipeline",
        list(PIPELINES),
        default="standard",
        required=True,
        format_func=str.capitalize,
        key="pipeline",
        bind="query-params",
        help="A pipeline applies all of its transformations to every photo, each with a strength drawn at random.",
    )
with right:
    strength = st.slider(
        "Strength",
        0.0,
        2.0,
        1.0,
        0.1,
        key="strength",
        bind="query-params",
        help="Multiplies every range; 1 is what training uses.",
    )
with st.expander("Use your own photo"):
    photo, partners, private = choose_photo()
with st.container(horizontal=True):
    if st.button("New random numbers", icon=":material/casino:"):
        st.session_state["augment_seed"] = st.session_state.get("augment_seed", 0) + 1
    if dataset_or_none() is not None and st.button("Another sample photo", icon=":material/photo_library:"):
        st.session_state["augment_sample"] = st.session_state.get("augment_sample", 0) + 1
        st.rerun()
seed = st.session_state.get("augment_seed", 0)

height, width = TILE if photo.shape[1] >= photo.shape[0] else TILE[::-1]
photo, *partners = (fit_canvas(picture, height, width) for picture in [photo, *partners])
# Mixing pairs the first photo of a batch with the last, the second with the last but one, and so on.
batch = np.stack([photo] * COPIES + [partners[i % len(partners)] for i in range(COPIES)])
digest = hashlib.sha256(batch.tobytes()).hexdigest()

ranges = {key: value for key, value in asdict(pipeline(name, strength)).items() if value}
words = listing([in_words(key, value) for key, value in ranges.items()]) if ranges else "left as they are"
trained = f"{listing([escape(title) for title in used[name]])} learned from these. " if name in used else ""
others = [f"{escape(title)} from {other}" for other, titles in used.items() if other != name for title in titles]
answer(
    place,
    f"{name.capitalize()}: photos are {words}.",
    trained + (f"{'Also' if trained else 'The models learned otherwise'}: {listing(others)}." if others else ""),
)

st.subheader("The whole pipeline", anchor=False)
copies = changed_copies(digest, private, "pipeline", name, strength, seed, batch)[:COPIES]
tiles([(photo, "original"), *((copy, f"copy {i + 1}") for i, copy in enumerate(copies))])

st.subheader("Each transformation alone", anchor=False)
st.caption("With the range that the pipeline strong gives it, times the strength.")
alone = []
middle = batch[COPIES - TRIES : COPIES + TRIES]
for key in TRANSFORMATIONS:
    value = getattr(single(key, strength), key)
    copies = changed_copies(digest, private, "single", key, strength, seed + 1, middle)[:TRIES]
    # A flip leaves every second copy as it is; the one that changed most shows what the transformation does. A mixture
    # that changed most is the other photo alone; the least changed but one still shows both.
    order = np.abs(copies.astype(np.int16) - photo).mean(axis=(1, 2, 3)).argsort()
    shown = copies[order[1 if key in ("mixup", "cutmix") else -1]]
    alone.append((shown, in_words(key, value) if value else f"{key.replace('_', ' ')}: off"))
tiles(alone)
