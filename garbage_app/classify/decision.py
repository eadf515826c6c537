"""When an answer counts, and how it is said: how sure a model must be, and whether the mirror image is asked too.

The reader's choices stand below the answers, where they push nothing down, but act on what is above them: they are
read from the session first and drawn last.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from garbage_app import cache
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, capital, chance, escape, listing, percent

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Prediction

NOT_WASTE = "This does not look like waste"
TARGET = 98  # per cent of sure answers that are right; what a run's own threshold was chosen for
_NOT_SURE, _OOD = "not sure", "not like waste"


# The reader's choices


def asks_twice() -> bool:
    """Returns whether the mirror image is asked about too."""
    return st.session_state.get("flip", False)


def chosen_threshold(run: Run) -> float:
    """Returns the confidence from which on an answer of this run counts as sure; above 1 if none ever does."""
    target = st.session_state.get("target", TARGET)
    return run.threshold if target == TARGET else threshold_for(run, target)


@cache.data(max_entries=256)
def threshold_for(run: Run, target: int) -> float:
    """Returns the smallest threshold from which on `target` per cent of the validation photos' answers are right."""
    from garbage_core.evaluation.calibration import fit_threshold

    return fit_threshold(*_val_answers(run), target / 100)


@cache.data(max_entries=256)
def _share_accepted(run: Run, threshold: float) -> float:
    from garbage_core.evaluation.calibration import selective_metrics

    return selective_metrics(*_val_answers(run), threshold)["coverage"]


def _val_answers(run: Run) -> tuple:
    from garbage_core.evaluation.calibration import apply_temperature
    from garbage_core.runs.predictions import to_arrays

    labels, probabilities, _ = to_arrays(run.predictions, run.classes, "val")
    return labels, apply_temperature(probabilities, run.temperature)


def judged(prediction: "Prediction", run: Run) -> "Prediction":
    """Returns an answer as the reader's threshold judges it."""
    return dataclasses.replace(prediction, accepted=prediction.confidence >= chosen_threshold(run))


def write_choices(runs: Sequence[Run]) -> None:
    """Writes the reader's choices, and what they cost."""
    with st.expander("How sure is sure?", icon=":material/tune:"):
        st.slider(
            "Sure answers shall be right in so many of 100 cases",
            80,
            100,
            TARGET,
            key="target",
            help="Each model gets the lowest confidence from which on its answers for the validation photos are right "
            "that often. Below it, it says that it is not sure.",
        )
        measured = [run for run in runs if (run.predictions["split"] == "val").any()]
        shares = [percent(_share_accepted(run, chosen_threshold(run))) for run in measured]
        if measured:
            sure = listing([f"{escape(run.title)} {share}" for run, share in zip(measured, shares, strict=True)])
            st.caption(f"Answered for sure, of the validation photos: {sure}. The rest is left open.")
        st.toggle(
            "Ask about the mirror image too",
            key="flip",
            help="Takes the mean of what the model says about the photo and about its mirror image: a little steadier, "
            "in twice the time. Things are what they are from both sides.",
        )


# Words


def sentence(prediction: "Prediction") -> str:
    """Returns an answer in words: "Glass, 97 %", "Not sure: glass or plastic?", or that it is no waste."""
    if prediction.is_ood:
        return NOT_WASTE
    if prediction.accepted:
        return f"{escape(capital(prediction.label))}, {chance(prediction.confidence)}"
    return f"Not sure: {_either(prediction)}?"


def if_waste(prediction: "Prediction") -> str:
    """Returns the answer for a strange photo: "If it is waste all the same: glass, 97 %, but do not rely on it."."""
    if prediction.accepted:
        guess = f"{escape(prediction.label)}, {chance(prediction.confidence)}, but do not rely on it"
    else:
        guess = f"{_either(prediction)}, not sure which"
    return f"If it is waste all the same: {guess}."


def _either(prediction: "Prediction") -> str:
    first, second = sorted(prediction.probabilities, key=prediction.probabilities.get, reverse=True)[:2]
    return f"{escape(first)} or {escape(second)}"


def outcome(prediction: "Prediction") -> str:
    """Returns what a photo counts as: its class, or why it has none."""
    if prediction.is_ood:
        return _OOD
    return prediction.label if prediction.accepted else _NOT_SURE


def is_sure(prediction: "Prediction") -> str:
    """Returns "yes", "no" or "not like waste"."""
    return {_NOT_SURE: "no", _OOD: _OOD}.get(outcome(prediction), "yes")


def share_as_strange(ood_p_value: float) -> str:
    """Returns a small share in words: "fewer than 1 %" or "3 %"."""
    return f"fewer than 1{NBSP}%" if ood_p_value < 0.01 else percent(ood_p_value, 0)
