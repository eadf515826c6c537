"""What each step of the study found, in a sentence computed from the files of the runs and studies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from garbage_app.audit.clean_subset import conclusion
from garbage_app.audit.findings import findings_or_none
from garbage_app.augmentation.backgrounds import worth_in_words, worth_of
from garbage_app.augmentation.words import versions_in_words
from garbage_app.comparison.matched import comparable_runs, matched_pair
from garbage_app.data.splits import unevenness
from garbage_app.imbalance.lab import files
from garbage_app.imbalance.rarity import headline
from garbage_app.results import comparison_of, evaluation_of
from garbage_app.steps import STEPS, shown
from garbage_core.errors import GarbageError
from garbage_core.evaluation.comparison import is_matched
from garbage_core.evaluation.evaluation import most_common_confusion
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, count, escape, percent, signed_interval

SPLIT = "test"


@dataclass(frozen=True)
class Finding:
    """What a page found.

    Attributes:
        page: Name of its file in pages/.
        title: What it is about, in a few words.
        icon: Name of a Material symbol.
        sentence: The finding, as Markdown.
    """

    page: str
    title: str
    icon: str
    sentence: str


def findings(a: Run, b: Run) -> list[Finding]:
    """Returns what the steps and the bench found; those whose files are not on this machine are left out.

    Args:
        a: The run that is compared; the same as the other leaves the comparison out.
        b: The one it is compared with, of which the audit and the bench speak.
    """
    return list(_found(a, b))


def summary(a: Run, b: Run) -> str:
    """Says in one sentence how often both runs are right, on their photos as they are and on other backgrounds."""
    better, other = sorted((a, b), key=_right, reverse=True)
    text = f"{escape(better.title)} is right on {percent(_right(better))} of the {SPLIT} photos"
    worths = [worth_of(run) for run in (better, other)]
    if a.name == b.name:
        return f"{text}{f', on other backgrounds on {percent(worths[0].other[0])}' if worths[0] else ''}."
    text += f", {escape(other.title)} on {percent(_right(other))}"
    if worths[0] and worths[1]:
        text += f"; on other backgrounds they are on {percent(worths[0].other[0])} and {percent(worths[1].other[0])}"
    return f"{text}."


def _right(run: Run) -> float:
    return evaluation_of(run, SPLIT).metric("accuracy")[0]


def _found(a: Run, b: Run) -> Iterator[Finding]:
    for step in STEPS:
        if a.name == b.name and step.page in ("comparison", "explanations"):
            continue
        if sentence := _or_nothing(_SENTENCES[step.page], a, b):
            yield Finding(step.page, shown(step).title, step.icon, sentence)
    if sentence := _or_nothing(_mistakes, a, b):
        yield Finding("evaluation", "Evaluation", "target", sentence)


def _or_nothing(say: Callable[[Run, Run], str], a: Run, b: Run) -> str:
    try:
        return say(a, b)
    except GarbageError:
        return ""  # its page says what is missing, and how to make it


def _audit(_a: Run, b: Run) -> str:
    found = findings_or_none(b)
    # Without the answer before the colon, which is one to the question of its own page.
    return "" if found is None else capital(conclusion(b, SPLIT, found)[0].rpartition(": ")[2])


def _comparison(a: Run, b: Run) -> str:
    """Says which run is better, and what the start alone is worth, where a pair that differs in it was trained."""
    text = escape(comparison_of(a, b, SPLIT).sentence, 400)
    pair = matched_pair(comparable_runs())
    if pair is None or is_matched(a, b) or not {a.name, b.name} & {run.name for run in pair}:
        return text
    alone = signed_interval(*comparison_of(*pair, SPLIT).metric("accuracy"))
    return f"{text} With one recipe for both, the start alone makes {alone}."


def _disagreement(a: Run, b: Run) -> str:
    compared = comparison_of(a, b, SPLIT)
    different = int((compared.photos["predicted_a"] != compared.photos["predicted_b"]).sum())
    return (
        f"{escape(a.title)} and {escape(b.title)} predict different classes for {different:,} of the "
        f"{count(compared.n, f'{SPLIT} photo')}; heat maps show where each of them looks."
    )


def _mistakes(_a: Run, b: Run) -> str:
    evaluation = evaluation_of(b, SPLIT)
    confused = most_common_confusion(evaluation)
    right = f"{escape(b.title)} is right on {percent(evaluation.metric('accuracy')[0])} of the {SPLIT} photos"
    if confused is None:
        return f"{right}."
    taken, as_, times, photos = confused
    return f"{right}; most often it predicts {escape(taken)} as {escape(as_)} ({times} of {photos})."


_SENTENCES: dict[str, Callable[[Run, Run], str]] = {
    "data": lambda _a, b: unevenness(b.predictions.drop_duplicates("file")),
    "audit": _audit,
    "augmentation": lambda a, b: worth_in_words([a, b]) or versions_in_words([a, b]),
    "imbalance": lambda _a, _b: headline(files())[0],
    "comparison": _comparison,
    "explanations": _disagreement,
}
