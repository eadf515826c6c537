"""What several pages need: headings, numbers, choosers, cached tables.

Nothing here computes a result: that is the business of `garbage_core`. Nothing here imports TensorFlow either, so that
a page which only shows tables opens at once.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.cache import file_key, run_key  # noqa: F401 (until every page imports them from there)
from garbage_core.data.classes import class_edge
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run, list_runs, models_dir

# The other modules are imported where they are used: SciPy and Plotly take a second each, and the landing page needs
# neither to be drawn.
if TYPE_CHECKING:
    import plotly.graph_objects as go
    from streamlit.delta_generator import DeltaGenerator

    from garbage_core.evaluation.evaluation import Comparison, Evaluation

NBSP = "\u00a0"
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&^=\"'])")


# Words and numbers


def plain(text: str, limit: int = 60) -> str:
    """Returns a text so that Markdown shows it letter by letter, such as the name of an uploaded file.

    Args:
        text: Any text; control characters become spaces.
        limit: Longer texts lose their middle.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in str(text))
    if len(text) > limit:
        text = f"{text[: limit - 16]}...{text[-13:]}"
    return _MARKDOWN.sub(r"\\\1", text)


def percent(value: float, digits: int = 1) -> str:
    """Returns a share as a percentage: 0.9213 as "92.1 %", with a space at which no line breaks."""
    return f"{100 * value:.{digits}f}{NBSP}%"


def chance(confidence: float) -> str:
    """Returns a confidence as people read it: "97 %", and "over 99 %" instead of "100 %"."""
    return f"over 99{NBSP}%" if confidence > 0.995 else percent(confidence, 0)


def interval(value: float, low: float, high: float) -> str:
    """Returns a share with its 95 % interval: "92.1 % (89.3 to 94.4)", and "unknown" for NaN."""
    if np.isnan(value):
        return "unknown"
    return f"{percent(value)} ({100 * low:.1f} to {100 * high:.1f})"


def points(difference: float) -> str:
    """Returns a difference of shares in points with its sign: 0.123 as "+12.3"; a true minus sign."""
    return f"{100 * difference:+.1f}".replace("-", "\u2212")


def capital(name: str) -> str:
    """Returns a name with a capital first letter and the others as they are."""
    return name[:1].upper() + name[1:]


def listing(words: Sequence[str]) -> str:
    """Returns "a", "a and b", or "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def chip(name: str, position: int = 0) -> str:
    """Returns Markdown for a small square in the color of a class; put the name beside it."""
    return f':color[■]{{foreground="{class_edge(name, position)}"}}'


def question(title: str) -> "DeltaGenerator":
    """Writes a page's question and returns the place of its answer, to be filled with `answer`."""
    st.title(title, anchor=False)
    return st.empty()


def answer(place: "DeltaGenerator", sentence: str, note: str = "") -> None:
    """Writes the computed sentence under a page's question.

    Args:
        place: What `question` returned.
        sentence: The answer, as Markdown.
        note: What it rests on, in muted type: split, number of photos, meaning of the interval.
    """
    with place.container(gap="xsmall"):
        st.subheader(sentence, anchor=False)
        if note:
            st.caption(note)


# Runs


@cache.resource(max_entries=16)
def _shared_run(run: Run) -> Run:
    """Returns the run that came first; all sessions share the tables it has read, until a file of it changes."""
    return run


def shared_runs() -> list[Run]:
    """Returns the trained runs; all sessions share the tables they have read."""
    return [_shared_run(run) for run in list_runs()]


def runs_or_stop() -> list[Run]:
    """Returns the trained runs; without any, says how to get one and ends the page."""
    runs = shared_runs()
    if not runs:
        st.info(
            f"There are no trained models in {plain(str(models_dir()), 200)}. Train both, then reload this page:",
            icon=":material/model_training:",
        )
        st.code("python -m garbage_core train scratch\npython -m garbage_core train transfer", language="bash")
        st.stop()
    return runs


def choose_run(runs: Sequence[Run], label: str = "Model", key: str = "run", default: str = "transfer") -> Run:
    """Lets the reader choose a run; the choice stands in the address, so a view can be shared as a link."""
    by_name = {run.name: run for run in runs}
    names = list(by_name)
    start = default if default in by_name else names[-1]
    if len(names) == 1:
        return runs[0]
    chooser = {"format_func": lambda name: by_name[name].title, "key": key, "bind": "query-params"}
    if len(names) <= 3:
        return by_name[st.segmented_control(label, names, default=start, required=True, **chooser)]
    return by_name[st.selectbox(label, names, index=names.index(start), **chooser)]


def keep_valid(key: str, options: Sequence) -> None:
    """Forgets the choice of a chooser if it is none of the options, as after a change to a run of other classes."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]


def choose_split(run: Run, key: str = "split") -> str:
    """Lets the reader choose among the splits a run has predictions for; test first."""
    there = set(run.predictions["split"])
    splits = [name for name in ("test", "val", "train") if name in there] or sorted(there)
    return st.segmented_control(
        "Photos",
        splits,
        default=splits[0],
        required=True,
        format_func=lambda name: capital(SPLIT_NAMES.get(name, name)),
        key=key,
        bind="query-params",
        help="Training photos: what the model learned from. Validation photos chose the epoch, the temperature and the "
        "threshold. Test photos were kept aside for the result.",
    )


@cache.data(max_entries=64, show_spinner="Computing intervals")
def evaluation_of(run: Run, split: str) -> "Evaluation":
    """Returns the metrics of a run on a split. Raises GarbageError."""
    from garbage_core.evaluation.evaluation import evaluate

    return evaluate(run.predictions, run.classes, split, temperature=run.temperature)


@cache.data(max_entries=32, show_spinner="Comparing photo by photo")
def comparison_of(a: Run, b: Run, split: str) -> "Comparison":
    """Returns two runs compared on a split. Raises GarbageError."""
    from garbage_core.evaluation.evaluation import compare

    if a.classes != b.classes:
        raise GarbageError(
            f"{a.title} tells {', '.join(a.classes)} apart and {b.title} {', '.join(b.classes)}; "
            "choose two models of the same classes."
        )
    return compare(a.predictions, b.predictions, a.classes, split, a.title, b.title, a.temperature, b.temperature)


# Figures and tables


def is_dark() -> bool:
    """Returns whether the reader's theme is the dark one."""
    return st.context.theme.type == "dark"


@cache.resource(max_entries=128, private=lambda key, private, *rest: private)
def _drawn(key: tuple, private: bool, dark: bool, _draw: Callable[[], "go.Figure"]) -> "go.Figure":
    figure = _draw()
    _color_words(figure, dark)
    content = figure.to_dict()
    # Streamlit asks for it in every run of a page; copying it anew takes Plotly longer than all that follows.
    figure.to_dict = lambda: content
    return figure


def _color_words(figure: "go.Figure", dark: bool) -> None:
    from garbage_core.figures.style import color_words

    color_words(figure, dark)


def drawn(draw: Callable[[], "go.Figure"], *key: object, private: bool = False) -> "go.Figure":
    """Returns a figure, drawn once for all sessions: Plotly takes longer to check a figure than a page may take.

    Args:
        draw: Makes the figure; what it needs may be computed in it.
        key: All that the figure depends on besides the theme: its kind, every run, split, options.
        private: Whether it shows something about a reader's own photo.

    Returns:
        The shared figure, which must not be changed.
    """
    return _drawn(key, private, is_dark(), draw)


def show(
    figure: "go.Figure",
    name: str,
    toolbar: bool = True,
    data: "pd.DataFrame | Callable[[], pd.DataFrame] | None" = None,
    on_select: Callable[[], None] | None = None,
) -> None:
    """Draws a figure with its text alternative and, below it, its downloads.

    Args:
        figure: From `garbage_core.figures`.
        name: Unique on the page; also the name of the downloaded files.
        toolbar: Whether the image can be downloaded.
        data: Its numbers, or a function that makes them when they are asked for, to be downloaded as CSV.
        on_select: Called when a point is clicked, which then stands in `st.session_state[name]`; see `clicked`.
    """
    from garbage_app.widgets.downloads import downloads

    _color_words(figure, is_dark())  # changes nothing in what comes from `drawn`
    alt = figure.layout.meta["alt"]
    st.plotly_chart(
        figure,
        key=name,
        alt=alt,
        on_select=on_select or "ignore",
        selection_mode="points",
        config={
            "displayModeBar": "hover" if toolbar else False,
            "displaylogo": False,
            "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": {"filename": name},
        },
    )
    if toolbar:
        downloads(name, alt, data)


def clicked(name: str) -> list | None:
    """Returns the `customdata` of the point that was clicked in a figure, or None if none was; for `on_select`."""
    points = st.session_state[name].selection.points
    return points[0]["customdata"] if points else None


def table(data: pd.DataFrame, name: str, columns: dict | None = None) -> None:
    """Shows a table that scrolls inside itself, without its index."""
    st.dataframe(data, hide_index=True, column_config=columns, key=name)
