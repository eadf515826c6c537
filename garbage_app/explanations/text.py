"""What page Explanations says: the predictions, what the maps are made of, and how far they can be trusted."""

from typing import TYPE_CHECKING

import numpy as np

from garbage_core.explain.heatmaps import METHOD_NAMES
from garbage_core.inference.engine import to_heat
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, chance, count, escape, listing, percent

if TYPE_CHECKING:
    from garbage_core.explain.faithfulness import Faithfulness
    from garbage_core.inference.classifier import Prediction

LOADING = "TensorFlow is loading for the methods that need gradients; the class activation map needs none."
PREDICTED = "the predicted class"  # stands for the class that each predicts
HOTTEST = 0.2  # share of the photo in which two maps are compared


def seconds_in_words(seconds: float) -> str:
    """Returns how long a map takes."""
    return f"about {seconds:.0f}\u00a0s" if seconds >= 10 else f"about {max(seconds, 0.1):.1f}\u00a0s"


def waiting_in_words(loading: bool, left: int, share: float) -> str:
    """Returns what the page waits for: TensorFlow, or so many maps and tests, the first of them done in part."""
    if loading:
        return LOADING
    return f"{count(left, 'result')} to come" + (f", {percent(share, 0)} of the next." if share else ".")


def conclusion(results: dict[str, str]) -> str:
    """Returns whether the maps show what counts, from the verdict of every model's map by its title."""
    one = {
        "better": "the map of {} marks what counts",
        "chance": "the map of {} is not clearly better than chance",
        "worse": "the map of {} marks what counts less than the rest",
        "untested": "the map of {} cannot be tested",
    }
    all_of_them = {
        "better": "both maps mark what counts",
        "chance": "neither map is clearly better than chance",
        "worse": "both maps mark what counts less than the rest",
        "untested": "neither map can be tested",
    }
    results = {title: verdict if verdict in one else "untested" for title, verdict in results.items()}
    if len(results) == 2 and len(set(results.values())) == 1:
        return capital(all_of_them[next(iter(results.values()))]) + "."
    ordered = sorted(results.items(), key=lambda item: list(one).index(item[1]))
    return capital("; ".join(one[verdict].format(escape(title)) for title, verdict in ordered)) + "."


def predictions_in_words(runs: list[Run], found: "dict[str, Prediction]", label: str) -> str:
    """Returns what the models predict, or the probability that they give the chosen class."""
    if label == PREDICTED:
        pairs = [(run, found[run.name]) for run in runs]
        said = [f"{escape(run.title)} predicts {escape(a.label)} ({chance(a.confidence)})" for run, a in pairs]
        return listing(said) + "."
    odds = [(run, found[run.name].probabilities[label]) for run in runs]
    return listing([f"{escape(run.title)} gives {escape(label)} {chance(odd)}" for run, odd in odds]) + "."


def note(method: str, stack: str, heats: list[np.ndarray]) -> str:
    """Returns what the maps are made of and, for two of them, how much they have in common."""
    where = {"last": "on the last feature map"}.get(stack, f"on the end of {stack}")
    made = METHOD_NAMES[method] if method == "saliency" else f"{METHOD_NAMES[method]} {where}"
    if len(heats) != 2:
        return f"{made}."
    from garbage_core.explain.faithfulness import overlap

    finer = max(heats, key=np.size)
    one, other = (to_heat(heat.astype(np.float32), *finer.shape) for heat in heats)
    return (
        f"{made}. The hottest fifths of the two maps have {percent(overlap(one, other, HOTTEST), 0)} in common; "
        f"unrelated maps would have about {percent(HOTTEST, 0)}."
    )


def faithfulness_in_words(result: "Faithfulness", label: str) -> str:
    """Returns the one number of a map's faithfulness and what it means."""
    if result.verdict == "little":
        return (
            f"**Cannot be measured.** The model gives {escape(label)} only {percent(result.start)}: too little to lose."
        )
    if result.verdict == "flat":
        least = min(result.hottest.min(), result.random.min())
        return (
            f"**Cannot be measured.** Whatever is removed, the model still gives {escape(label)} at least "
            f"{percent(least)}: too little is lost to compare orders."
        )
    gap = f"{abs(100 * result.difference):.0f}"
    side = "lower" if result.difference >= 0 else "higher"
    meaning = {
        "better": "the map shows what counts.",
        "chance": "random orders differ as much from each other, so the map may be no better than chance.",
        "worse": "what the map marks counts less than the rest.",
    }[result.verdict]
    sign = "+" if result.difference >= 0 else "\u2212"
    return (
        f"**{sign}{gap} points.** Hottest first, the probability of {escape(label)} stays on average {gap} points "
        f"{side} than in random order: {meaning}"
    )
