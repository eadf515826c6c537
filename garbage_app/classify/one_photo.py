"""One photo on the landing page: the headline, then each model's prediction with its probabilities and its heat map."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from garbage_app.classifiers import is_loaded, predict_with_heatmap, predict_with_mirror_image, val_accuracy
from garbage_app.classify.decision import (
    chosen_threshold,
    if_waste,
    ood_share,
    sentence,
    uses_mirror_image,
    with_threshold,
    write_settings,
)
from garbage_app.photo import Photo, preview_of
from garbage_app.widgets.charts import show
from garbage_core.data.classes import LOCAL_RULES, class_hint
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import chance, escape, percent

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Prediction


def write_prediction(photo: Photo, runs: list[Run]) -> None:
    """Writes the headline for one photo, then each model's prediction, bars and heat map, and the reader's settings."""
    try:
        preview = preview_of(photo)
    except GarbageError as error:
        st.error(escape(str(error), 500), icon=":material/broken_image:")
        return
    found: dict[str, tuple[Prediction, np.ndarray]] = {}
    runs = sorted(runs, key=val_accuracy, reverse=True)
    with st.spinner("Classifying the photo" if all(map(is_loaded, runs)) else "Loading the models, once per server"):
        for run in runs:
            try:
                found[run.name] = predict_with_heatmap(photo, run)
            except GarbageError as error:
                st.error(f"{escape(run.title)}: {escape(str(error), 500)}", icon=":material/error:")
        runs = [run for run in runs if run.name in found]
        alone = {run.name: with_threshold(found[run.name][0], run) for run in runs}
        predictions = alone
        if uses_mirror_image():
            predictions = {run.name: with_threshold(predict_with_mirror_image(photo, run), run) for run in runs}
    if not runs:
        return
    left, right = st.columns([3, 1], gap="medium")
    with left:
        write_headline(photo, predictions, runs)
        if uses_mirror_image():
            write_changes(runs, alone, predictions)
    if not photo.shown:
        right.image(preview, width="stretch", output_format="JPEG", alt=f"The photo {photo.name}")
    # A single model takes half the width too: its heat map would fill the screen.
    for column, run in zip(st.columns(max(2, len(runs))), runs, strict=False):
        with column.container(border=True, height="stretch"):
            write_model(photo, preview, run, predictions[run.name], *found[run.name])
    write_settings(runs)


def write_headline(photo: Photo, predictions: "dict[str, Prediction]", runs: list[Run]) -> None:
    """Writes the prediction of the first model, and whether the others agree."""
    leader, *others = runs
    best = predictions[leader.name]
    st.header(sentence(best), anchor=False)
    hint = class_hint(best.label) if best.accepted else None
    if best.is_ood:
        st.markdown(
            f"At least not like the photos that {escape(leader.title)} learned from. Put one object on a light, plain "
            f"background, go close, and try again. {if_waste(best)}"
        )
    elif hint:
        st.markdown(f"{hint} :gray[{LOCAL_RULES}]")
    elif not best.accepted:
        st.markdown("The model is not sure about this photo. Try one with better light, closer, on a plain background.")
    different = [run for run in others if predictions[run.name].label != best.label]
    if different:
        pairs = [(run, predictions[run.name]) for run in (leader, *different)]
        said = [f"{escape(run.title)} predicts {escape(one.label)} ({chance(one.confidence)})" for run, one in pairs]
        st.markdown(f":material/call_split: **The models disagree.** {'; '.join(said)}.")
    if photo.label:
        st.caption(f"A test photo that no model learned from; the data set labels it **{escape(photo.label)}**.")


def write_changes(runs: list[Run], before: "dict[str, Prediction]", after: "dict[str, Prediction]") -> None:
    """Says what the mirror image changed."""
    changes = []
    for run in runs:
        old, new = before[run.name], after[run.name]
        was, now = (f"{escape(prediction.label)} {chance(prediction.confidence)}" for prediction in (old, new))
        changes.append(f"{escape(run.title)} " + (f"stays at {now}" if was == now else f"goes from {was} to {now}"))
    st.caption(f"With the mirror image, {'; '.join(changes)}.")


def write_model(
    photo: Photo, preview: np.ndarray, run: Run, prediction: "Prediction", alone: "Prediction", heat: np.ndarray
) -> None:
    """Writes one model's prediction with its probabilities, and the heat map of its prediction for the photo alone."""
    from garbage_core import figures
    from garbage_core.explain.heatmaps import overlay
    from garbage_core.inference.engine import to_heat

    st.subheader(escape(run.title), anchor=False)
    st.markdown(f"**{sentence(prediction)}**")
    if prediction.is_ood and prediction.ood_p_value is not None:
        st.caption(
            f"Of the validation photos, taken as they are and altered as other cameras and places would, "
            f"{ood_share(prediction.ood_p_value)} are at least as unlike its training photos. "
            f"{if_waste(prediction)}"
        )
    threshold = chosen_threshold(run)
    show(figures.probability_bars(prediction.probabilities, threshold=threshold), f"bars-{run.name}", toolbar=False)
    st.caption(
        f"Dotted line: the decision threshold, {percent(threshold)}, as chosen on the validation photos."
        if threshold <= 1
        else "It always abstains: on the validation photos no confidence was high enough."
    )
    blend = overlay(preview, to_heat(heat.astype(np.float32), *preview.shape[:2]))
    st.image(
        blend,
        width="stretch",
        output_format="JPEG",
        caption=f"Bright: what speaks for {escape(alone.label)}",
        alt=f"Heat map of {run.title} over the photo {photo.name}",
    )
