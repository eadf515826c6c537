"""When a prediction is accepted, and its words: the decision threshold, and whether the mirror image is classified too.

The reader's settings stand below the predictions, where they push nothing down, but act on what is above them: they are
read from the session first and drawn last.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from garbage_app import cache
from garbage_app.widgets.gallery import class_icon
from garbage_core.data.classes import class_edge
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, capital, chance, escape, listing, percent

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Prediction

TARGET = 98  # percent of accepted predictions that are right; what a run's own threshold was chosen for
_NOT_SURE, _OOD = "not sure", "not waste"
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


# The reader's settings


def uses_mirror_image() -> bool:
    """Returns whether the mirror image is classified too."""
    return st.session_state.get("flip", False)


def chosen_threshold(run: Run) -> float:
    """Returns the decision threshold of a run, as the reader chose it; above 1 if no prediction is ever accepted."""
    target = st.session_state.get("target", TARGET)
    return run.threshold if target == TARGET else threshold_for(run, target)


@cache.data(max_entries=256)
def threshold_for(run: Run, target: int) -> float:
    """Returns the smallest threshold at which `target` percent of the accepted validation photos are right."""
    from garbage_core.evaluation.calibration import fit_threshold

    labels, probabilities = _val_probabilities(run)
    return fit_threshold(labels, probabilities, target / 100)


@cache.data(max_entries=256)
def _share_accepted(run: Run, threshold: float) -> float:
    from garbage_core.evaluation.calibration import selective_metrics

    labels, probabilities = _val_probabilities(run)
    return selective_metrics(labels, probabilities, threshold)["coverage"]


def _val_probabilities(run: Run) -> tuple[np.ndarray, np.ndarray]:
    from garbage_core.evaluation.calibration import apply_temperature
    from garbage_core.runs.predictions import to_arrays

    labels, probabilities, _ = to_arrays(run.predictions, run.classes, "val")
    return labels, apply_temperature(probabilities, run.temperature)


def with_threshold(prediction: "Prediction", run: Run) -> "Prediction":
    """Returns a prediction that is accepted or not by the threshold that the reader chose."""
    return dataclasses.replace(prediction, accepted=prediction.confidence >= chosen_threshold(run))


def write_settings(runs: Sequence[Run]) -> None:
    """Writes the reader's settings, and what they cost."""
    with st.expander("How confident must a model be?", icon=":material/tune:"):
        st.slider(
            "How many of 100 accepted predictions should be right",
            80,
            100,
            TARGET,
            key="target",
            help="Each model gets the lowest decision threshold at which its predictions for the validation photos are "
            "right that often. Below this confidence it abstains: it says that it is not sure.",
        )
        measured = [run for run in runs if (run.predictions["split"] == "val").any()]
        shares = [percent(_share_accepted(run, chosen_threshold(run))) for run in measured]
        if measured:
            accepted = listing([f"{escape(run.title)} {share}" for run, share in zip(measured, shares, strict=True)])
            st.caption(f"Validation photos with an accepted prediction: {accepted}. For the others the model abstains.")
        st.toggle(
            "Classify the mirror image, too",
            key="flip",
            help="Takes the mean of the probabilities for the photo and for its mirror image: a little steadier, in "
            "twice the time.",
        )


# Words: one verdict per model, the same in the headline, in the list of models and in the table of many photos


def sentence(prediction: "Prediction") -> str:
    """Returns a prediction in words: "Glass, 97 %", "Not sure: glass or plastic?", or that it is no such thing."""
    if prediction.is_ood:
        return not_waste(len(prediction.probabilities))
    if prediction.accepted:
        return f"{escape(capital(prediction.label))}, {chance(prediction.confidence)}"
    return f"Not sure: {_either(prediction)}?"


def not_waste(classes: int) -> str:
    """Returns what is said of a photo of something else, with the number of classes in words."""
    return f"Not one of the {_NUMBERS[classes] if classes < len(_NUMBERS) else classes} materials I know"


def headline(prediction: "Prediction") -> str:
    """Returns `sentence` as Markdown with a pictogram; an accepted class stands in its color."""
    said = sentence(prediction)
    if not is_verdict(prediction):
        return f"{':material/block:' if prediction.is_ood else ':material/help:'} {said}"
    name, odds = said.rsplit(", ", 1)
    place = list(prediction.probabilities).index(prediction.label)
    icon = f":material/{class_icon(prediction.label)}:"
    return f':color[{icon} {name}]{{foreground="{class_edge(prediction.label, place)}"}}, {odds}'


def is_verdict(prediction: "Prediction") -> bool:
    """Returns whether a model names one class and stands by it."""
    return prediction.accepted and not prediction.is_ood


def disagreement(predictions: Mapping[str, "Prediction"]) -> str | None:
    """Returns which class each model names, as a sentence, where two of them stand by different ones; else None.

    Args:
        predictions: Predictions by the models' titles.
    """
    verdicts = {title: one for title, one in predictions.items() if is_verdict(one)}
    if len({one.label for one in verdicts.values()}) < 2:
        return None
    said = [f"{escape(title)} says {escape(one.label)}" for title, one in verdicts.items()]
    return f"**The models disagree.** {capital(listing(said))}."


def beside(prediction: "Prediction") -> str:
    """Returns what a model predicts all the same, with its confidence, where it stands by no class; else nothing."""
    return "" if is_verdict(prediction) else f"({escape(prediction.label)} {chance(prediction.confidence)})"


def correctness(prediction: "Prediction", label: str) -> str:
    """Returns whether a prediction fits the label of its photo, as Markdown: "Right" or "Wrong: it is glass"."""
    if not is_verdict(prediction):
        return f"It is {escape(label)}"
    if prediction.label == label:
        return ":green[:material/check_circle: Right]"
    return f":red[:material/cancel: Wrong: it is {escape(label)}]"


def if_waste(prediction: "Prediction") -> str:
    """Returns the prediction for a photo of something else: "If it were one: glass, 97 %."."""
    guess = (
        f"{escape(prediction.label)}, {chance(prediction.confidence)}" if prediction.accepted else _either(prediction)
    )
    return f"If it were one of them: {guess}."


def _either(prediction: "Prediction") -> str:
    first, second = _ranked(prediction)[:2]
    return f"{escape(first)} or {escape(second)}"


def _ranked(prediction: "Prediction") -> list[str]:
    return sorted(prediction.probabilities, key=prediction.probabilities.__getitem__, reverse=True)


def outcome(prediction: "Prediction") -> str:
    """Returns what a photo counts as: its class, or why it has none."""
    if prediction.is_ood:
        return _OOD
    return prediction.label if prediction.accepted else _NOT_SURE


def acceptance(prediction: "Prediction") -> str:
    """Returns whether a prediction is accepted: "yes", "no" or "not waste"."""
    return {_NOT_SURE: "no", _OOD: _OOD}.get(outcome(prediction), "yes")


def ood_share(ood_p_value: float) -> str:
    """Returns a small share in words: "fewer than 1 %" or "3 %"."""
    return f"fewer than 1{NBSP}%" if ood_p_value < 0.01 else percent(ood_p_value, 0)
