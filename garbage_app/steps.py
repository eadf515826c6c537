"""The study as numbered steps: which pages they are, in which order, under which names."""

from dataclasses import dataclass, replace
from pathlib import Path

from garbage_app.subject import subject_name

_PAGES = Path(__file__).resolve().parent.parent / "pages"


@dataclass(frozen=True)
class Step:
    """One step of the study.

    Attributes:
        page: Name of its file in pages/, which is its address.
        title: Its name in the menu, without the number.
        icon: Name of its Material symbol.
        teaser: What the reader finds there, a few words for the link that leads to it.
        elsewhere: Title and teaser beside other photos than TrashNet's, if they are others.
    """

    page: str
    title: str
    icon: str
    teaser: str
    elsewhere: tuple[str, str] | None = None


STEPS = (
    Step("data", "Data", "photo_library", "how uneven the photos are"),
    Step("audit", "Audit", "fact_check", "how clean they are"),
    Step("augmentation", "Augmentation", "shuffle", "what training sees of them"),
    Step("imbalance", "Imbalance", "balance", "what happens to a rare class"),
    Step(
        "comparison",
        "Scratch against transfer",
        "compare_arrows",
        "what pretraining is worth",
        ("Comparison", "which model is better"),
    ),
    Step("explanations", "Explanations", "visibility", "which part of a photo decides"),
)
CLOSING = Step("findings", "What we learned", "lightbulb", "every step in one sentence")


def number_of(page: str) -> int | None:
    """Returns the number of a page's step, from 1, or None if it is no step."""
    return next((number for number, step in enumerate(STEPS, 1) if step.page == page), None)


def shown(step: Step) -> Step:
    """Returns a step as it is called here: beside one's own photos no run is called as in the study."""
    if step.elsewhere is None or subject_name() in ("", "TrashNet"):
        return step
    title, teaser = step.elsewhere
    return replace(step, title=title, teaser=teaser)


def menu_title(step: Step) -> str:
    """Returns the name of a page in the menu: "1 Data"."""
    number, title = number_of(step.page), shown(step).title
    return f"{number} {title}" if number else title


def page_file(name: str) -> str:
    """Returns what `st.page_link` wants of a page. As a relative path it would be looked for beside the entry file."""
    return str(_PAGES / f"{name}.py")
