"""What training changes in the photos: their backgrounds first, then whole pipelines, then each transformation."""

from dataclasses import asdict

import streamlit as st

from garbage_app.augmentation.backgrounds import worth_in_words, write_backgrounds, write_worth
from garbage_app.augmentation.preview import choose_photo, write_pipeline, write_transformations
from garbage_app.augmentation.words import pipeline_in_words, trained_with, versions_in_words
from garbage_app.augmentation.worth import write_transformations_worth
from garbage_app.router import ensure_routed
from garbage_app.subject import dataset_or_none, shared_runs
from garbage_app.widgets.page_header import answer, needs_tensorflow, question, to_try

ensure_routed()

place = question("What does training change in the photos?", "augmentation")
runs = shared_runs()
compared = runs[:2]
to_try("draw other backgrounds. You still see what it is; a network has to learn that.")
pictures = st.container()
with st.container(horizontal=True, vertical_alignment="center"):
    if st.button("Draw others", icon=":material/casino:", help="New random numbers for everything on this page"):
        st.session_state["augment_seed"] = st.session_state.get("augment_seed", 0) + 1
    if dataset_or_none() is not None and st.button("Another photo", icon=":material/photo_library:"):
        st.session_state["augment_sample"] = st.session_state.get("augment_sample", 0) + 1
with st.expander("Use your own photo"):
    batch = choose_photo()
seed = st.session_state.get("augment_seed", 0)
with pictures:
    st.subheader("Background replacement: what an object lies on says nothing about what it is", anchor=False)
    write_backgrounds(batch, seed)
write_worth(runs)
worth, versions = worth_in_words(compared), versions_in_words(compared)
if worth or versions:
    answer(place, worth or versions, versions if worth else "")

st.subheader("The whole pipeline", anchor=False)
needs_tensorflow("Changing photos as training does")
with st.spinner("Loading Keras, once per server"):
    from garbage_core.training.augmentation import PIPELINES, TRANSFORMATIONS, pipeline, single

with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    name = st.selectbox(
        "Pipeline",
        list(PIPELINES),
        index=list(PIPELINES).index("standard"),
        format_func=str.capitalize,
        key="pipeline",
        bind="query-params",
        width=160,
        help="A pipeline applies all of its transformations to every photo, each with a strength drawn at random.",
    )
    strength = st.slider(
        "Strength",
        0.0,
        2.0,
        1.0,
        0.1,
        key="strength",
        bind="query-params",
        width=300,
        help="Multiplies every range; 1 is what training uses.",
    )
st.caption(
    f"{name.capitalize()}: photos are {pipeline_in_words(asdict(pipeline(name, strength)))}. "
    f"{trained_with(runs, name, list(PIPELINES))}"
)
write_pipeline(batch, name, strength, seed)
write_transformations(batch, strength, seed)
write_transformations_worth({name: getattr(single(name), name) for name in TRANSFORMATIONS})
