"""Landing page: photos in, both models' predictions out, with the reasons."""

import streamlit as st

from garbage_app.classifiers import choose_models, start_loading
from garbage_app.classify.many_photos import write_batch
from garbage_app.classify.one_photo import write_prediction
from garbage_app.classify.photo_input import choose_photos
from garbage_app.router import ensure_routed
from garbage_app.uploads import forget_photos
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.gallery import chip
from garbage_core.data.classes import LOCAL_RULES, class_hint
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, escape

ensure_routed()


def write_welcome(runs: list[Run]) -> None:
    """Says what can be told apart, until there is a photo."""
    classes = runs[-1].classes
    st.subheader("What the models can tell apart", anchor=False)
    grid = st.grid(3, min_column_width=240, border=True)
    for place, name in enumerate(classes):
        with grid.cell(), st.container(gap="xxsmall"):
            st.markdown(f"{chip(name, place)} **{escape(capital(name))}**")
            if hint := class_hint(name):
                st.caption(hint)
    if any(map(class_hint, classes)):
        st.caption(LOCAL_RULES)


st.title("Which bin?", anchor=False)
runs = choose_models(runs_or_stop())
photos = choose_photos(runs)
if not photos:
    forget_photos()
    write_welcome(runs)
elif len(photos) == 1:
    write_prediction(photos[0], runs)
else:
    write_batch(photos, runs)
# Last, so that the page is on the screen before TensorFlow takes the processor.
for run in runs:
    start_loading(run)
