"""The imbalance study: what each remedy against imbalance buys, over all classes and for each."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from garbage_app.cache import file_key
from garbage_app.router import ensure_routed
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_app.widgets.choosers import SPLIT_NAMES
from garbage_app.widgets.page_header import answer, question
from garbage_core.errors import GarbageError
from garbage_core.evaluation.metrics import METRICS
from garbage_core.figures.studies import recall_by_strategy, strategy_differences, strategy_values, training_photos
from garbage_core.studies import tables as studies
from garbage_core.training.imbalance import STRATEGIES
from garbage_core.utils.text import capital, count, escape, interval, points

ensure_routed()

COMMAND = "python -m garbage_core study imbalance --weights imagenet"
ENDS = ["value", "low", "high"]


@st.cache_data(max_entries=4, show_spinner=False)
def read(path: str, stamp: tuple, _reader: Callable[[str], pd.DataFrame] = studies.read_imbalance) -> pd.DataFrame:
    """Reads a study's table once for all sessions, until its file changes."""
    return _reader(path)


@dataclass(frozen=True)
class Findings:
    """What the study found on a split. Shared by all sessions: the tables must not be changed.

    Attributes:
        sentence: The answer to the page's question.
        note: What it rests on.
        precision: What finding the rarest class is paid with.
        rarest: The class with the fewest training photos.
        classes: From `studies.classes_of`.
        numbers: Every strategy's numbers as a reader sees them.
    """

    sentence: str
    note: str
    precision: str
    rarest: str
    classes: pd.DataFrame
    numbers: pd.DataFrame


@st.cache_resource(max_entries=8, show_spinner=False)
def findings(path: str, stamp: tuple, split: str, _study: pd.DataFrame) -> Findings:
    """Works out once for all sessions what the study found on a split."""
    rarest = studies.rarest_class(_study)
    photos = int(studies.rows_of(_study, "macro_f1", split)["photos"].iloc[0])
    seeds = _study["seed"].nunique() - 1  # the rows of the mean over the seeds are named like one more
    return Findings(
        escape(studies.imbalance_conclusion(_study, split), 600),
        f"{count(photos, f'{SPLIT_NAMES[split]} photo')}, mean over {count(seeds, 'seed')}, against no remedy on the "
        "same photos. Said is only what the 95\u00a0% intervals bear out.",
        escape(studies.rarest_precision(_study, split), 600),
        rarest,
        studies.classes_of(_study),
        numbers_table(_study, split, rarest),
    )


def study_or_stop() -> tuple[pd.DataFrame, tuple]:
    """Returns the study's table and what tells it from others; without it, says how to make it and ends the page."""
    path = studies.study_path("imbalance")
    if not path.is_file():
        st.info(
            f"The study has not been made yet: there is no {escape(str(path), 200)}. It takes the data set's photos "
            "and, without a GPU, about half an hour. Make it, then reload this page:",
            icon=":material/experiment:",
        )
        st.code(COMMAND, language="bash")
        st.stop()
    key = file_key(path)
    return read(*key), key


def choose_split(study: pd.DataFrame) -> str:
    """Lets the reader choose among the splits of the study; the choice stands in the address."""
    splits = [name for name in ("test", "val") if name in set(study["split"])]
    return st.segmented_control(
        "Photos",
        splits,
        default=splits[0],
        required=True,
        format_func=lambda name: capital(SPLIT_NAMES[name]),
        key="split",
        bind="query-params",
        help="Validation photos chose what all strategies have in common, such as the learning rate. Test photos were "
        "kept aside for the result.",
    )


@st.fragment
def write_strategies(study: pd.DataFrame, key: tuple, split: str, rarest: str) -> None:
    """Draws one measure for every strategy, and how far each is from no remedy."""
    st.subheader("What each remedy buys", anchor=False)
    measures = {
        "macro_f1": (
            "Macro-F1",
            "",
            "Macro-F1: high only where every class, rare or common, is found and rightly named.",
        ),
        "rarest": (
            f"{capital(rarest)} found",
            rarest,
            f"Of the photos of {escape(rarest)}, the rarest class, how many are found.",
        ),
        "accuracy": ("Accuracy", "", METRICS["accuracy"].meaning),
    }
    measure = st.segmented_control(
        "Measure",
        list(measures),
        default="macro_f1",
        required=True,
        format_func=lambda name: measures[name][0],
        label_visibility="collapsed",
        key="measure",
        bind="query-params",
    )
    _, label, words = measures[measure]
    what = ("recall" if label else measure, split, label)
    rows = studies.rows_of(study, *what)
    st.caption(f"{words} Dots are means over the seeds, thin marks single seeds, lines 95\u00a0% intervals.")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**What it reaches**")
        figure = drawn(lambda: strategy_values(study, *what), "strategies", *key, *what)
        show(figure, f"strategies-{measure}", data=rows)
    with right:
        st.markdown(
            "**How far that is from no remedy**",
            help="On the same photos, so that most of the chance in them cancels. Only an interval that leaves zero "
            "out tells a difference from chance.",
        )
        figure = drawn(lambda: strategy_differences(study, *what), "strategy differences", *key, *what)
        show(figure, f"differences-{measure}", data=rows)


def write_classes(study: pd.DataFrame, key: tuple, split: str, classes: pd.DataFrame) -> None:
    """Draws the class distribution next to the recall of every class."""
    st.subheader("Which classes gain and which pay", anchor=False)
    st.caption("Recall: of the photos of a class, how many are found. Under each class its training photos.")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown("**Photos to learn from**")
        show(drawn(lambda: training_photos(classes), "training photos", *key), "training-photos", data=classes)
    with right:
        st.markdown("**Recall**")
        figure = drawn(lambda: recall_by_strategy(study, classes, split), "recall by strategy", *key, split)
        show(figure, "recall-by-strategy", data=lambda: recalls(study, split))


def recalls(study: pd.DataFrame, split: str) -> pd.DataFrame:
    """Returns the rows behind the recall of every class."""
    return study[(study["metric"] == "recall") & (study["split"] == split)]


def numbers_table(study: pd.DataFrame, split: str, rarest: str) -> pd.DataFrame:
    """Returns the headline numbers of every strategy in words."""
    columns = {
        "Strategy": [studies.strategy_name(name) for name in studies.rows_of(study, "accuracy", split)["strategy"]]
    }
    for metric, label, title in (
        ("macro_f1", "", "Macro-F1"),
        ("recall", rarest, f"{capital(rarest)} found"),
        ("accuracy", "", "Accuracy"),
    ):
        rows = studies.rows_of(study, metric, split, label)
        columns[title] = [interval(*row) for row in rows[ENDS].to_numpy()]
        differences = rows[["difference", "difference_low", "difference_high"]].to_numpy()
        columns[f"{title}, points more"] = [
            "" if pd.isna(row[0]) else f"{points(row[0])} ({points(row[1])} to {points(row[2])})" for row in differences
        ]
        if label:
            precision = studies.rows_of(study, "precision", split, label)[ENDS].to_numpy()
            columns[f"Right when it says {label}"] = [interval(*row) for row in precision]
    for metric, title in (("log_loss_calibrated", "Log loss"), ("ece_calibrated", "Calibration error")):
        rows = studies.rows_of(study, metric, split)
        share = metric.startswith("ece")
        columns[title] = [interval(*row) if share else f"{row[0]:.3f}" for row in rows[ENDS].to_numpy()]
    return pd.DataFrame(columns)


def write_numbers(numbers: pd.DataFrame) -> None:
    """Writes the headline numbers of every strategy as a table."""
    with st.expander("All numbers"):
        show_table(numbers, "strategies-table")
        st.caption("Log loss and calibration error after temperature scaling; 95\u00a0% intervals in brackets.")


def write_runs(split: str) -> None:
    """Says what remedies did to whole networks, if such runs were compared."""
    path = studies.study_path(studies.STRATEGY_RUNS)
    if not path.is_file():
        return
    key = file_key(path)
    try:
        study = read(*key, studies.read_strategy_runs)
    except GarbageError as error:
        st.warning(str(error))
        return
    if split not in set(study["split"]):
        return
    found = findings(*key, split, study)
    st.subheader("In whole networks", anchor=False)
    st.markdown(f"{found.sentence} {found.precision}")
    st.caption(
        f"Networks trained {escape(studies.strategies_setting(study))}, and different in nothing but the remedy: here "
        f"it acts on the features, too. {studies.ONE_TRAINING}"
    )
    st.markdown("**Recall**")
    figure = drawn(lambda: recall_by_strategy(study, found.classes, split), "recall in networks", *key, split)
    show(figure, "recall-in-networks", data=lambda: recalls(study, split))
    show_table(found.numbers, "runs-table")


def write_strategy_words() -> None:
    """Says in one line what each strategy does."""
    st.subheader("What each of them does", anchor=False)
    st.markdown("\n".join(f"- **{strategy.title}.** {strategy.description}" for strategy in STRATEGIES.values()))


def write_method() -> None:
    """Says how it was measured, and what that cannot tell."""
    with st.expander("How this was measured, and what it cannot tell"):
        st.markdown(
            "Trained is the last layer alone, on features of the network as the transfer model finds it: ImageNet "
            "weights up to conv4, which never saw waste. Rebalancing a classifier apart from its features is the "
            "setting in which [Kang and others](https://arxiv.org/abs/1910.09217) found remedies to act most. What "
            "they do to the features of a network that is trained as a whole, this study cannot tell; it takes whole "
            "networks, and what those gave stands above if some were compared.\n\n"
            "Every strategy had the same photos, steps, optimizer, learning rate and weight decay; these were chosen "
            "on the validation photos by the mean over all strategies. The last epoch counts. Intervals come from the "
            "photos; the seeds decide first weights, order and augmented copies. Of five intervals at 95\u00a0%, one "
            "or more leave zero out by chance alone in up to one study of four."
        )
        st.code(COMMAND, language="bash")


place = question("What does a remedy against imbalance buy?")
study, key = study_or_stop()
split = choose_split(study)
found = findings(*key, split, study)
answer(place, found.sentence, found.note)
write_strategies(study, key, split, found.rarest)
write_classes(study, key, split, found.classes)
write_numbers(found.numbers)
write_runs(split)
write_strategy_words()
write_method()
