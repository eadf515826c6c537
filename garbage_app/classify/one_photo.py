"""One photo on the landing page: the verdict beside the photo, the models as rows, what each saw folded away."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from garbage_app.classifiers import is_loaded, leading_first, predict_with_heatmap, predict_with_mirror_image
from garbage_app.classify.alike import write_alike
from garbage_app.classify.decision import (
    chosen_threshold,
    headline,
    if_waste,
    ood_share,
    sentence,
    uses_mirror_image,
    with_threshold,
    write_settings,
)
from garbage_app.classify.fool import write_fooling
from garbage_app.classify.verdict import write_models, write_verdict
from garbage_app.photo import Photo, preview_of
from garbage_app.steps import page_file
from garbage_app.uploads import keep_photo
from garbage_app.widgets.charts import show
from garbage_app.widgets.heat_view import HeatMap, show_heat_view
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import chance, escape, percent

ALIKE, FOOL = "Photos like it", "Try to fool it"

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Prediction

    Found = dict[str, tuple["Prediction", np.ndarray]]


def write_prediction(photo: Photo, runs: list[Run], heading: Callable[..., object] = st.title) -> None:
    """Writes the verdict on one photo, the photo with its heat map, and what each model says and saw.

    Args:
        photo: The photo.
        runs: Models that classify it.
        heading: Writes the verdict; `st.header` where the page has another title.
    """
    try:
        preview_of(photo)  # held by the session; here it is seen whether the photo can be read
    except GarbageError as error:
        st.error(escape(str(error), 500), icon=":material/broken_image:")
        return
    keep_photo(photo)
    found = _predict(photo, leading_first(runs))
    runs = [run for run in leading_first(runs) if run.name in found]
    if not runs:
        return
    alone = {run.name: with_threshold(found[run.name][0], run) for run in runs}
    predictions = alone
    if uses_mirror_image():
        predictions = {run.name: with_threshold(predict_with_mirror_image(photo, run), run) for run in runs}
    left, right = st.columns([1, 1], gap="medium", vertical_alignment="top")
    with left:
        heading(headline(predictions[runs[0].name]), anchor=False)
        write_verdict(photo, predictions, runs)
        if uses_mirror_image():
            write_changes(runs, alone, predictions)
    with right:
        show_heat_view(photo, HeatMap(runs[0], found[runs[0].name][1], alone[runs[0].name].label))
    write_models(photo, predictions, runs)
    write_next_steps(photo, runs)
    with st.expander("What each model saw, and all probabilities", icon=":material/visibility:"):
        # A single model takes half the width too: its heat map would fill the screen.
        for column, run in zip(st.columns(max(2, len(runs))), runs, strict=False):
            with column.container(border=True, height="stretch"):
                write_model(photo, run, predictions[run.name], *found[run.name])
    write_settings(runs)


def _predict(photo: Photo, runs: list[Run]) -> "Found":
    """Returns each model's prediction with its heat map by its name; a model that fails says so and is left out."""
    found: Found = {}
    with st.spinner("Classifying the photo" if all(map(is_loaded, runs)) else "Loading the models, once per server"):
        for run in runs:
            try:
                found[run.name] = predict_with_heatmap(photo, run)
            except GarbageError as error:
                st.error(f"{escape(run.title)}: {escape(str(error), 500)}", icon=":material/error:")
    return found


def write_next_steps(photo: Photo, runs: list[Run]) -> None:
    """Offers what can be asked of a photo next, and shows what was chosen."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.page_link(
            page_file("explanations"),
            label="Why?",
            icon=":material/visibility:",
            help="What in this photo speaks for the prediction: heat maps of this very photo, by several methods.",
            query_params={"photo": "Own photo"},
        )
        step = st.pills(
            "What next",
            [ALIKE, FOOL],
            key="next_step",
            bind="query-params",
            label_visibility="collapsed",
            width="content",
        )
    try:
        if step == ALIKE:
            write_alike(photo, runs[0])
        elif step == FOOL:
            write_fooling(photo, runs)
    except GarbageError as error:
        st.error(escape(str(error), 500), icon=":material/error:")


def write_changes(runs: list[Run], before: "dict[str, Prediction]", after: "dict[str, Prediction]") -> None:
    """Says what the mirror image changed."""
    changes = []
    for run in runs:
        old, new = before[run.name], after[run.name]
        was, now = (f"{escape(prediction.label)} {chance(prediction.confidence)}" for prediction in (old, new))
        changes.append(f"{escape(run.title)} " + (f"stays at {now}" if was == now else f"goes from {was} to {now}"))
    st.caption(f"With the mirror image, {'; '.join(changes)}.")


def write_model(photo: Photo, run: Run, prediction: "Prediction", alone: "Prediction", heat: np.ndarray) -> None:
    """Writes one model's prediction with its probabilities, and the heat map of its prediction for the photo alone."""
    from garbage_core import figures

    st.subheader(escape(run.title), anchor=False)
    st.markdown(f"**{sentence(prediction)}**")
    if prediction.is_ood and prediction.ood_p_value is not None:
        st.caption(
            f"Of the validation photos of waste, {ood_share(prediction.ood_p_value)} look at least as much like "
            f"something else. {if_waste(prediction)}"
        )
    threshold = chosen_threshold(run)
    show(figures.probability_bars(prediction.probabilities, threshold=threshold), f"bars-{run.name}", toolbar=False)
    st.caption(
        f"Dotted line: the decision threshold, {percent(threshold)}, as chosen on the validation photos."
        if threshold <= 1
        else "It always abstains: on the validation photos no confidence was high enough."
    )
    show_heat_view(photo, HeatMap(run, heat, alone.label), key=f"heat-{run.name}")
    st.caption(f"Bright: what speaks for {escape(alone.label)}")
