"""Photos like it: the training photos whose features are nearest to those of a photo."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.classifiers import classifier_of
from garbage_app.photo import Photo
from garbage_app.subject import dataset_or_none
from garbage_app.widgets.gallery import chip, gallery, offer_download
from garbage_core.audit.embeddings import embedding_files, load_embeddings
from garbage_core.data.dataset import Dataset, read_photos
from garbage_core.errors import GarbageError
from garbage_core.runs.results import is_trained_on
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape

PER_CLASS = 60  # photos that are compared, of each class
SHOWN = 8
_BATCH = 24


def write_alike(photo: Photo, run: Run) -> None:
    """Shows the training photos that look most like a photo to a model. Raises GarbageError."""
    st.subheader("Photos like it", anchor=False)
    dataset = dataset_or_none()
    if dataset is not None and not is_trained_on(run.info, dataset):
        st.caption(f"{escape(run.title)} was trained on other photos than those on this machine.")
        return
    if dataset is None:
        offer_download("The photos to compare it with are not on this machine.")
        return
    stored = embedding_files(run, run.info.get("data_fingerprint"))[1]
    found = None if photo.private else _stored(photo.name, run, stored)
    if found is None:
        photos, features = _features(run, dataset)
        classifier = classifier_of(run)
        own = _deep(classifier.features([photo.file.prepared(*classifier.size)]), classifier.feature_widths)[0]
    else:
        photos, features, own = found
    shown = photos.iloc[nearest(own, features)[:SHOWN]]
    places = {name: place for place, name in enumerate(run.classes)}
    captions = [f"{chip(label, places.get(label, 0))} {escape(label)}" for label in shown["label"]]
    gallery(shown["file"].tolist(), captions, dataset)
    st.caption(
        f"The nearest of {len(photos):,} training photos by the features of {escape(run.title)}: what it takes to be "
        "alike."
    )


def nearest(own: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Returns the rows of features, nearest first, by the cosine of the angle between standardized features.

    Args:
        own: Features of one photo, (D,).
        features: Features of N photos, (N, D).
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    others, one = (features - mean) / deviation, (own - mean) / deviation
    cosine = others @ one / (np.linalg.norm(others, axis=1) * np.linalg.norm(one) + 1e-9)
    return np.argsort(-cosine, kind="stable")


@cache.data(max_entries=64)
def _stored(file: str, run: Run, embeddings: Path) -> tuple[pd.DataFrame, np.ndarray, np.ndarray] | None:
    """Returns the training photos, their embeddings and that of a photo of the data set, if they were computed."""
    if not embeddings.is_file():
        return None
    try:
        stored = load_embeddings(run, run.info.get("data_fingerprint"))
        own = stored.vectors[stored.places([file])[0]]
    except GarbageError:
        return None
    rows = run.predictions[(run.predictions["split"] == "train") & run.predictions["file"].isin(stored.files)]
    photos = rows[rows["file"] != file][["file", "label"]].reset_index(drop=True)
    return photos, stored.vectors[stored.places(photos["file"])], own


def _deep(features: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    """Returns the features of the last stack of layers."""
    return features[:, -widths[-1] :].astype(np.float32)


@cache.resource(max_entries=3, show_spinner="Looking at the training photos, once per server")
def _features(run: Run, dataset: Dataset) -> tuple[pd.DataFrame, np.ndarray]:
    """Returns file and label of the photos that are compared, and their features, float32 (N, D)."""
    known = run.predictions[run.predictions["split"] == "train"]
    known = known[known["file"].isin(dataset.photos["file"])][["file", "label"]]
    photos = known.sample(frac=1, random_state=0).groupby("label").head(PER_CLASS).reset_index(drop=True)
    classifier = classifier_of(run)
    found = []
    for start in range(0, len(photos), _BATCH):
        batch = read_photos(dataset, photos["file"].iloc[start : start + _BATCH], *classifier.size)
        found.append(_deep(classifier.features(batch, batch_size=_BATCH), classifier.feature_widths))
    return photos, np.concatenate(found)
