"""Why a model predicts what it does: heat maps of the models side by side, and whether they show what counts."""

import streamlit as st

from garbage_app.classifiers import choose_models, start_loading
from garbage_app.explanations.explain import explain
from garbage_app.explanations.layout import choose_map
from garbage_app.explanations.telling import show_filmstrip
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import runs_that_answer
from garbage_app.widgets.page_header import answer, question
from garbage_app.widgets.photo_picker import pick_photo

ensure_routed()

place = question("Which part of the photo decides?", "explanations")
runs = choose_models(runs_that_answer())
main, strip = st.columns([3, 1], gap="medium")
with strip:
    photo = pick_photo(runs)
    choice = choose_map(list(dict.fromkeys(name for run in runs for name in run.classes)))
if photo is None:
    answer(place, "Choose a photo, and see what in it speaks for the prediction.")
    with main:
        show_filmstrip(runs, "")
else:
    explain(photo, runs, choice, place, main)
for run in runs:
    start_loading(run)
