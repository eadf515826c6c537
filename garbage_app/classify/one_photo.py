"""One photo on the landing page: the headline, then each model's answer with its probabilities and its heat map."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from garbage_app.classifiers import is_loaded, predict_with_heatmap, predict_with_mirror_image, val_accuracy
from garbage_app.classify.decision import (
    asks_twice,
    chosen_threshold,
    if_waste,
    judged,
    sentence,
    share_as_strange,
    write_choices,
)
from garbage_app.photo import Photo, preview_of
from garbage_app.widgets.charts import show
from garbage_core.data.classes import LOCAL_RULES, class_hint
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import chance, escape, percent

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Prediction


def write_answer(photo: Photo, runs: list[Run]) -> None:
    """Writes the headline for one photo, then each model's answer, bars and heat map, and the reader's choices."""
    try:
        preview = preview_of(photo)
    except GarbageError as error:
        st.error(escape(str(error), 500), icon=":material/broken_image:")
        return
    found = {}
    runs = sorted(runs, key=val_accuracy, reverse=True)
    with st.spinner("Looking at the photo" if all(map(is_loaded, runs)) else "Loading the models, once per server"):
        for run in runs:
            try:
                found[run.name] = predict_with_heatmap(photo, run)
            except GarbageError as error:
                st.error(f"{escape(run.title)}: {escape(str(error), 500)}", icon=":material/error:")
        runs = [run for run in runs if run.name in found]
        alone = {run.name: judged(found[run.name][0], run) for run in runs}
        answers = alone
        if asks_twice():
            answers = {run.name: judged(predict_with_mirror_image(photo, run), run) for run in runs}
    if not runs:
        return
    left, right = st.columns([3, 1], gap="medium")
    with left:
        write_headline(photo, answers, runs)
        if asks_twice():
            write_changes(runs, alone, answers)
    if not photo.shown:
        right.image(preview, width="stretch", output_format="JPEG", alt=f"The photo {photo.name}")
    # A single model takes half the width too: its heat map would fill the screen.
    for column, run in zip(st.columns(max(2, len(runs))), runs, strict=False):
        with column.container(border=True, height="stretch"):
            write_model(photo, preview, run, answers[run.name], *found[run.name])
    write_choices(runs)


def write_headline(photo: Photo, answers: "dict[str, Prediction]", runs: list[Run]) -> None:
    """Writes the answer of the first model, and whether the others agree."""
    leader, *others = runs
    best = answers[leader.name]
    st.header(sentence(best), anchor=False)
    hint = class_hint(best.label) if best.accepted else None
    if best.is_ood:
        st.markdown(
            f"At least not like the photos that {escape(leader.title)} learned from. Put one thing on a light, plain "
            f"background, go close, and try again. {if_waste(best)}"
        )
    elif hint:
        st.markdown(f"{hint} :gray[{LOCAL_RULES}]")
    elif not best.accepted:
        st.markdown("The photo leaves the model in doubt. Try one with better light, closer, on a plain background.")
    different = [run for run in others if answers[run.name].label != best.label]
    if different:
        says = [
            f"{escape(run.title)} says {escape(answers[run.name].label)} ({chance(answers[run.name].confidence)})"
            for run in (leader, *different)
        ]
        st.markdown(f":material/call_split: **The models disagree.** {'; '.join(says)}.")
    if photo.label:
        st.caption(f"A test photo that no model learned from; the data set calls it **{escape(photo.label)}**.")


def write_changes(runs: list[Run], before: "dict[str, Prediction]", after: "dict[str, Prediction]") -> None:
    """Says what asking about the mirror image changed."""
    changes = []
    for run in runs:
        old, new = before[run.name], after[run.name]
        was, now = (f"{escape(answer.label)} {chance(answer.confidence)}" for answer in (old, new))
        changes.append(f"{escape(run.title)} " + (f"stays at {now}" if was == now else f"goes from {was} to {now}"))
    st.caption(f"With the mirror image, {'; '.join(changes)}.")


def write_model(
    photo: Photo, preview: np.ndarray, run: Run, prediction: "Prediction", alone: "Prediction", heat: np.ndarray
) -> None:
    """Writes one model's answer with its probabilities, and the heat map of its answer for the photo alone."""
    from garbage_core import figures
    from garbage_core.explain.heatmaps import overlay
    from garbage_core.inference.engine import to_heat

    st.subheader(escape(run.title), anchor=False)
    st.markdown(f"**{sentence(prediction)}**")
    if prediction.is_ood:
        st.caption(
            f"Of the validation photos, taken as they are and altered as other cameras and places would, "
            f"{share_as_strange(prediction.ood_p_value)} look this strange to it. "
            f"{if_waste(prediction)}"
        )
    threshold = chosen_threshold(run)
    show(figures.probability_bars(prediction.probabilities, threshold=threshold), f"bars-{run.name}", toolbar=False)
    st.caption(
        f"Dotted line: from {percent(threshold)} on it counts as sure, as chosen on the validation photos."
        if threshold <= 1
        else "It never counts as sure: on the validation photos no confidence was high enough."
    )
    picture = overlay(preview, to_heat(heat.astype(np.float32), *preview.shape[:2]))
    st.image(
        picture,
        width="stretch",
        output_format="JPEG",
        caption=f"Bright: what speaks for {escape(alone.label)}",
        alt=f"Heat map of {run.title} over the photo {photo.name}",
    )
