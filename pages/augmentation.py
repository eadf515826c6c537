"""What training changes in the photos: each transformation alone, and the named pipelines."""

from dataclasses import asdict

import streamlit as st

from garbage_app.augmentation.preview import choose_photo, write_pipeline, write_transformations
from garbage_app.augmentation.words import pipeline_in_words, trained_with, versions_in_words
from garbage_app.router import ensure_routed
from garbage_app.widgets.gallery import dataset_or_none
from garbage_app.widgets.page_header import answer, needs_tensorflow, question, to_try
from garbage_core.runs.run import list_runs

ensure_routed()

place = question("What does training change in the photos?", "augmentation")
needs_tensorflow("Changing photos as training does")
with st.spinner("Loading Keras, once per server"):
    from garbage_core.training.augmentation import PIPELINES, pipeline

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
pictures = st.container()
with st.expander("Use your own photo"):
    batch = choose_photo()
with st.container(horizontal=True):
    if st.button("New random numbers", icon=":material/casino:"):
        st.session_state["augment_seed"] = st.session_state.get("augment_seed", 0) + 1
    if dataset_or_none() is not None and st.button("Another sample photo", icon=":material/photo_library:"):
        st.session_state["augment_sample"] = st.session_state.get("augment_sample", 0) + 1
        st.rerun()
seed = st.session_state.get("augment_seed", 0)
shown = f"{name.capitalize()}: photos are {pipeline_in_words(asdict(pipeline(name, strength)))}."
runs = list_runs()
answer(place, versions_in_words(runs[:2]) or shown, f"{shown} {trained_with(runs, name, list(PIPELINES))}")
with pictures:
    to_try("set the strength to 2: can you still tell what it is?")
    write_pipeline(batch, name, strength, seed)
write_transformations(batch, strength, seed)
