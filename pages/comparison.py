"""Two models on the same photos: is one better, by how much, and where."""

import pandas as pd
import streamlit as st

from garbage_app.cache import run_key
from garbage_app.comparison.pair_explorer import explore_pair
from garbage_app.comparison.speed import REPEATS, measure, speed_of
from garbage_app.results import comparison_of, evaluation_of, training_of
from garbage_app.router import ensure_routed
from garbage_app.widgets.charts import drawn, is_dark, show, show_table
from garbage_app.widgets.choosers import SPLIT_NAMES, choose_split, keep_valid, runs_or_stop
from garbage_app.widgets.metric_tiles import difference_tile
from garbage_app.widgets.page_header import answer, question
from garbage_core import figures
from garbage_core.errors import GarbageError
from garbage_core.evaluation.evaluation import Comparison
from garbage_core.evaluation.metrics import METRICS, lookup
from garbage_core.runs.run import Run, list_runs
from garbage_core.utils.text import NBSP, count, duration, escape, interval, listing, percent, quantity, signed_interval

ensure_routed()

Pair = tuple[Run, Run]

HEADLINES = ("accuracy", "macro_f1", "balanced_accuracy")
HISTORY = ("macro_f1", "accuracy", "loss")


def choose_pair(runs: list[Run]) -> Pair:
    """Lets the reader choose two runs if there are more; the choice stands in the address."""
    if len(runs) == 2:
        return runs[0], runs[1]
    by_name = {run.name: run for run in runs}
    left, right = st.columns(2)
    names = list(by_name)
    options = {"format_func": lambda name: by_name[name].title, "bind": "query-params"}
    first = left.selectbox("First model", names, key="a", **options)
    others = [name for name in names if name != first]
    keep_valid("b", others)
    second = right.selectbox("Second model", others, key="b", **options)
    return by_name[first], by_name[second]


def write_differences(pair: Pair, split: str, comparison: Comparison) -> None:
    """Writes the paired differences of the headline metrics, and all metrics side by side."""
    grid = st.grid(3, min_column_width=200)
    for name in HEADLINES:
        minus = f"{comparison.name_b} minus {comparison.name_a} on the same photos, in percentage points."
        difference_tile(grid, METRICS[name].title, *comparison.metric(name), f"{METRICS[name].meaning} {minus}")

    def draw():
        return figures.metric_comparison([(run.title, evaluation_of(run, split).metrics) for run in pair])

    def numbers() -> pd.DataFrame:
        tables = [evaluation_of(run, split).metrics.assign(model=run.name) for run in pair]
        return pd.concat(tables)[["model", "metric", "value", "low", "high"]]

    show(drawn(draw, "metrics", *map(run_key, pair), split), "metrics", data=numbers)
    with st.expander("All metrics"):
        columns = ["Metric", pair[0].title, pair[1].title, f"Difference and 95{NBSP}% interval"]
        rows = [
            (lookup(row.metric).title, *in_its_unit(row.metric, row.a, row.b, row.difference, row.low, row.high))
            for row in comparison.metrics.itertuples()
        ]
        show_table(pd.DataFrame(rows, columns=columns), "metrics-table")
        less = [metric.lower for metric in METRICS.values() if metric.lower_is_better and ", " not in metric.title]
        st.caption(
            f"{escape(comparison.name_b)} minus {escape(comparison.name_a)}. Of {listing(less)} less is better, of all "
            "others more."
        )


def in_its_unit(metric: str, a: float, b: float, difference: float, low: float, high: float) -> tuple[str, str, str]:
    """Returns a metric of two models and its difference, in per cent and points if it is a share."""
    share = lookup(metric).is_share
    return quantity(a, share), quantity(b, share), signed_interval(difference, low, high, share)


def write_classes(pair: Pair, split: str, comparison: Comparison) -> None:
    """Draws the recall of both models for every class, and beside it the difference."""
    st.subheader("Class by class", anchor=False)
    st.caption(f"Recall: of the photos of a class, how many are found. The lines are 95{NBSP}% intervals.")
    rows, names = comparison.per_class, (comparison.name_a, comparison.name_b)
    key = (*map(run_key, pair), split)
    grid = st.grid(2, min_column_width=330, gap="medium")
    with grid.cell():
        show(drawn(lambda: figures.recall_comparison(rows, *names), "recall", *key), "recall", data=rows)
    with grid.cell():
        columns = ["label", "support", "difference", "low", "high"]
        figure = drawn(lambda: figures.differences(rows, *names), "differences", *key)
        show(figure, "recall-differences", data=rows[columns])


def write_confusions(pair: Pair, split: str, comparison: Comparison) -> None:
    """Draws both confusion matrices, and how often both models give the same answer."""
    st.subheader("What each takes for what", anchor=False)
    dark = is_dark()
    grid = st.grid(2, min_column_width=330, gap="medium")
    for run in pair:
        confusion = evaluation_of(run, split).confusion
        figure = drawn(
            lambda confusion=confusion: figures.confusion_matrix(confusion, dark=dark),
            *("confusion-matrix", run_key(run), split, False, dark),
        )
        with grid.cell():
            st.markdown(f"**{escape(run.title)}**")
            show(figure, f"confusion-{run.name}", data=confusion)

    st.subheader("How often both say the same", anchor=False)
    rate, by_chance = comparison.agreement_rate, comparison.agreement_by_chance
    left, right = st.columns([5, 3], gap="large")
    with right:
        st.markdown(
            f"Both give the same answer, right or wrong, to **{interval(rate, *comparison.agreement_interval)}** of "
            f"the photos. Two models that share nothing but how often they give each answer would agree on "
            f"{percent(by_chance)}."
        )
        if by_chance < 1:
            st.caption(f"Cohen's kappa: {(rate - by_chance) / (1 - by_chance):.2f} (0 by chance, 1 for always).")
    figure = drawn(
        lambda: figures.agreement_matrix(comparison.agreement, comparison.name_a, comparison.name_b, dark),
        *("agreement", *map(run_key, pair), split, dark),
    )
    with left:
        show(figure, "agreement", data=comparison.agreement)


@st.fragment
def write_trainings(pair: Pair) -> None:
    """Draws the training curves of both models over each other."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("How they learned", anchor=False)
        metric = st.segmented_control(
            "Measured in",
            HISTORY,
            default="macro_f1",
            required=True,
            format_func=lambda name: lookup(name).title,
            label_visibility="collapsed",
            key="history",
            bind="query-params",
        )
    figure = drawn(
        lambda: figures.learning_curves(list(map(training_of, pair)), dark=is_dark(), panels=[metric]),
        *("history", *map(run_key, pair), metric),
    )
    show(figure, "training-curves", data=lambda: pd.concat([run.history.assign(model=run.name) for run in pair]))
    st.caption("Bars on top: the stages of each training. The large mark is the network that was kept.")


@st.fragment
def write_costs(pair: Pair) -> None:
    """Writes what each model took to make, takes to keep and takes to run."""
    st.subheader("What each costs", anchor=False)
    place = st.container()
    networks = [run for run in pair if run.has_weights]
    if networks and st.button("Measure the speed on this server", icon=":material/speed:", key="measure_speed"):
        try:
            with st.spinner("Loading the models and measuring", show_time=True):
                measure(networks)
        except GarbageError as error:
            st.error(escape(str(error), 500), icon=":material/error:")
    speeds = {run.name: speed_of(run) for run in pair}
    rows = {
        run.title: {
            "Parameters": f"{run.info['parameters']:,}" if run.info.get("parameters") else "unknown",
            "File": f"{run.info['weights']['bytes'] / 1e6:.1f} MB" if run.info["weights"].get("bytes") else "unknown",
            "Training time": duration(run.info.get("duration_seconds") or run.history["seconds"].sum()),
            "Epochs": f"{len(run.history):,}",
            "Trained on": str(run.info.get("device", "unknown")),
            "Started from": (run.info.get("starting_weights") or {}).get("source") or "random weights",
            "Milliseconds per photo": str(speeds[run.name] or "not measured yet"),
        }
        for run in pair
    }
    with place:
        show_table(pd.DataFrame(rows).rename_axis("What").reset_index(), "costs", {"What": ""})
    if any(speeds.values()):
        cores = next(speed.cores for speed in speeds.values() if speed)
        st.caption(
            f"Milliseconds: median and middle half of {REPEATS} measurements on this server "
            f"({count(cores, 'processor core')}), one photo at a time, without reading the photo."
        )


names = {run.name for run in list_runs()}
place = question("Is transfer better?" if {"scratch", "transfer"} <= names else "Which model is better?")
runs = runs_or_stop()
if len(runs) < 2:
    st.info(
        f"Comparing takes two models, and there is only {escape(runs[0].title)}. Train another:",
        icon=":material/compare_arrows:",
    )
    other = "transfer" if runs[0].name == "scratch" else "scratch"
    st.code(f"python -m garbage_core train {other}", language="bash")
    st.stop()
pair = choose_pair(runs)
split = choose_split(pair[1])
comparison = comparison_of(*pair, split)
left_out = f"; {comparison.left_out:,} photos that only one of them has are left out" if comparison.left_out else ""
answer(
    place,
    escape(comparison.sentence, 400),
    f"Both models on the same {comparison.n:,} {SPLIT_NAMES.get(split, split)} photos{left_out}. The interval says "
    "what other photos of the same kind might have given."
    + (" Both learned from these very photos, so this is no measure of their worth." if split == "train" else ""),
)
write_differences(pair, split, comparison)
write_classes(pair, split, comparison)
explore_pair(pair, split)
write_confusions(pair, split, comparison)
write_trainings(pair)
write_costs(pair)
