"""The lab's controls, and what classifiers that were trained on the reader's choice predict."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.subject import fingerprint
from garbage_core.errors import GarbageError
from garbage_core.studies import imbalance_lab as labs
from garbage_core.studies.imbalance_classifier import strategies
from garbage_core.studies.imbalance_findings import summary
from garbage_core.studies.tables import BASELINE, study_path
from garbage_core.training.imbalance import STRATEGIES
from garbage_core.utils.text import NBSP, capital, escape

START = 10  # training photos of the rarest class that the page opens with
DRAWS = 10
_RARE = "rare"


@dataclass(frozen=True)
class Choice:
    """What the reader chose.

    Attributes:
        counts: Training photos of each class.
        strategy: Name of a strategy.
        seed: The first of the draws.
    """

    counts: tuple[int, ...]
    strategy: str
    seed: int


@dataclass(frozen=True)
class Files:
    """The lab's files as they were read. Shared by all sessions: they must not be changed."""

    lab: labs.Lab
    curve: pd.DataFrame
    means: pd.DataFrame
    path: Path


@cache.resource(max_entries=2)
def _read(path: Path, curve: Path) -> Files:
    table = labs.read_curve(curve)
    return Files(labs.load_lab(path), table, summary(table), path)


def files() -> Files:
    """Returns the lab's files of the photos that the pages speak of. Raises GarbageError if missing or damaged."""
    return _read(labs.lab_path(fingerprint()), study_path("imbalance_lab", fingerprint()))


def files_or_none() -> Files | None:
    """Returns the lab's files; where they are missing or damaged, says how to make them."""
    try:
        return files()
    except GarbageError as error:
        if labs.lab_path(fingerprint()).is_file() and study_path("imbalance_lab", fingerprint()).is_file():
            st.error(escape(str(error), 500), icon=":material/error:")
        else:
            st.info(
                "The lab is not on this machine. It takes the data set's photos and a few minutes. Make it, then "
                "reload this page:",
                icon=":material/experiment:",
            )
            st.code(labs.COMMAND, language="bash")
        return None


@cache.resource(max_entries=200)
def outcome(path: Path, counts: tuple[int, ...], strategy: str, seed: int, _lab: labs.Lab) -> labs.Outcome:
    """Trains a classifier for each of `DRAWS` draws, once for all sessions."""
    return labs.try_strategy(_lab, counts, strategy, range(seed, seed + DRAWS))


def outcomes(files: Files, choice: Choice) -> tuple[labs.Outcome, labs.Outcome]:
    """Returns what is predicted without a strategy and with the chosen one, for the same draws."""
    without = outcome(files.path, choice.counts, BASELINE, choice.seed, files.lab)
    return without, outcome(files.path, choice.counts, choice.strategy, choice.seed, files.lab)


def said(sentence: str) -> str:
    """Returns a computed sentence as Markdown, with every number beside its unit."""
    return escape(sentence, 600).replace(" %", f"{NBSP}%")


def choose(lab: labs.Lab, quick, sliders) -> Choice:
    """Lets the reader make the training photos uneven.

    Args:
        lab: The features.
        quick: Place of the quick choice and of the strategy, which comes first on the page.
        sliders: Place of the sliders and the seed. They hold the choice, which stands in the address.
    """
    most, names = lab.counts(), lab.classes
    keys = [f"photos_{name}" for name in names]
    with sliders:
        grid = st.grid(3, min_column_width=220)
        counts = []
        for place, name in enumerate(names):
            start = min(START, int(most[place])) if place == lab.rarest else int(most[place])
            counts.append(grid.slider(capital(name), 1, int(most[place]), start, key=keys[place], bind="query-params"))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            seed = st.number_input(
                "Seed",
                0,
                999,
                0,
                key="seed",
                bind="query-params",
                width=140,
                help=f"Decides which photos are drawn. {DRAWS} draws are made, with this seed and the ones after it; "
                "the matrix and the list of photos show the first.",
            )
            st.button(
                "All photos",
                icon=":material/restart_alt:",
                on_click=lambda: st.session_state.update(dict(zip(keys, map(int, most), strict=True))),
                help="Every slider to its end: the data set as it is",
            )
    with quick.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        levels = lab.levels()
        st.session_state[_RARE] = counts[lab.rarest] if counts[lab.rarest] in levels else None
        st.segmented_control(
            f"Training photos of {names[lab.rarest]}",
            levels,
            key=_RARE,
            on_change=_make_rare,
            args=(keys[lab.rarest],),
            help="All other classes keep theirs; the sliders below change each.",
        )
        options = [name for name in strategies() if name != BASELINE]
        strategy = st.selectbox(
            "Strategy",
            options,
            format_func=lambda name: STRATEGIES[name].title,
            key="strategy",
            bind="query-params",
            width=260,
            help="\n\n".join(f"**{STRATEGIES[name].title}.** {STRATEGIES[name].description}" for name in options),
        )
    return Choice(tuple(counts), strategy, int(seed))


def _make_rare(key: str) -> None:
    """Takes the quick choice over into the slider; a second click on it changes nothing."""
    if st.session_state[_RARE] is not None:
        st.session_state[key] = st.session_state[_RARE]
