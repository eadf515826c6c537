"""The verdict on a photo in words: what it is and what to do with it, and what each model says."""

from typing import TYPE_CHECKING

import streamlit as st

from garbage_app.classify.decision import (
    beside,
    correctness,
    disagreement,
    headline,
    if_waste,
    is_verdict,
)
from garbage_app.photo import Photo
from garbage_core.data.classes import LOCAL_RULES, class_hint
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Prediction


def write_verdict(photo: Photo, predictions: "dict[str, Prediction]", runs: list[Run]) -> None:
    """Writes whether the first model is right where that is known, what to do with the thing, and whether all agree."""
    best = predictions[runs[0].name]
    if photo.label:
        st.markdown(f"**{correctness(best, photo.label)}**")
    hint = class_hint(best.label) if is_verdict(best) else None
    if best.is_ood:
        st.markdown(f"{if_waste(best)} For a better answer, show one object on a plain, light background, from close.")
    elif hint:
        st.markdown(hint)
    elif not best.accepted:
        st.markdown("For a better answer, go closer, with good light, on a plain background.")
    if best.verdict and not best.is_ood:
        st.markdown(f"{best.verdict}.")
    if said := disagreement({run.title: predictions[run.name] for run in runs}):
        st.markdown(f":material/call_split: {said}")


def write_models(photo: Photo, predictions: "dict[str, Prediction]", runs: list[Run]) -> None:
    """Writes what each model says, one row each."""
    lines = ["| Model | Verdict |", "| --- | --- |"]
    for run in runs:
        one = predictions[run.name]
        right = correctness(one, photo.label).partition(": it")[0] if photo.label and is_verdict(one) else ""
        parts = [headline(one), beside(one), right and f"{right.rstrip(']')}]"]
        lines.append(f"| **{escape(run.title)}** | {' &nbsp; '.join(filter(None, parts))} |")
    st.markdown("\n".join(lines))
    rules = LOCAL_RULES if is_verdict(predictions[runs[0].name]) else ""
    if said := " ".join(filter(None, [photo.note, rules])):
        st.caption(said)
