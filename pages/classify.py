"""Landing page: what this is, photos in, and the verdict with its reasons."""

import streamlit as st

from garbage_app.classifiers import choose_models, start_loading, usable_runs
from garbage_app.classify.examples import show_examples
from garbage_app.classify.landing import write_findings, write_title
from garbage_app.classify.many_photos import write_batch
from garbage_app.classify.one_photo import write_prediction
from garbage_app.classify.photo_input import ask_for_another, choose_photos
from garbage_app.router import ensure_routed
from garbage_app.subject import all_runs
from garbage_app.uploads import forget_photos
from garbage_app.widgets.choosers import runs_that_answer

ensure_routed()

if not usable_runs(all_runs()):
    write_title(all_runs())
top, middle = st.container(), st.container()  # the verdict stands above the input it comes from
with middle:
    runs = choose_models(runs_that_answer())
    heading = st.empty()
    photos = choose_photos(runs)
    if photos:
        heading.subheader("Another photo", anchor=False)
    st.subheader("Or try one of these", anchor=False)
    show_examples(runs, ask_for_another)
with top:
    if photos:
        st.button(
            "Another photo",
            icon=":material/arrow_back:",
            type="tertiary",
            help="Forgets this one.",
            on_click=ask_for_another,
            key="another",
        )
    if not photos:
        forget_photos()
        write_title(runs)
        write_findings(runs)
    elif len(photos) == 1:
        write_prediction(photos[0], runs)
    else:
        write_batch(photos, runs)
# Last, so that the page is on the screen before TensorFlow takes the processor.
for run in runs:
    start_loading(run)
