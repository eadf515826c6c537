"""Two models on the same photos: is one better, by how much, and where."""

import pandas as pd
import streamlit as st

from garbage_app.router import ensure_routed
from garbage_app.shared import (
    SPLIT_NAMES,
    answer,
    choose_split,
    comparison_of,
    evaluation_of,
    is_dark,
    plain,
    points,
    question,
    runs_or_stop,
    show,
    table,
)
from garbage_core import figures
from garbage_core.evaluation import Comparison
from garbage_core.markdown import duration
from garbage_core.runs import Run, list_runs

ensure_routed()

HELP = {
    "accuracy": "Of all photos, how many are called by their right name.",
    "macro_f1": "The mean over the classes of F1; rare classes weigh as much as common ones.",
    "balanced_accuracy": "The mean over the classes of the share found.",
}


def choose_pair(runs: list[Run]) -> tuple[Run, Run]:
    """Lets the reader choose two runs if there are more; the choice stands in the address."""
    if len(runs) == 2:
        return runs[0], runs[1]
    by_name = {run.name: run for run in runs}
    left, right = st.columns(2)
    names = list(by_name)
    options = {"format_func": lambda name: by_name[name].title, "bind": "query-params"}
    first = left.selectbox("First model", names, key="a", **options)
    others = [name for name in names if name != first]
    second = right.selectbox("Second model", others, key="b", **options)
    return by_name[first], by_name[second]


def write_differences(comparison: Comparison) -> None:
    """Writes the paired differences of the headline metrics, each with its interval."""
    grid = st.grid(3, min_column_width=200)
    for name, help_text in HELP.items():
        difference, low, high = comparison.metric(name)
        grid.metric(
            figures.metric_name(name),
            f"{points(difference)} points",
            f"{points(low)} to {points(high)}",
            delta_description="95\u00a0% interval",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"{help_text} {comparison.name_b} minus {comparison.name_a} on the same photos, in percentage points.",
        )


def write_test(comparison: Comparison) -> None:
    """Writes the table of the McNemar test in words."""
    counts = comparison.table
    a, b = plain(comparison.name_a), plain(comparison.name_b)
    st.subheader("Photo by photo", anchor=False)
    grid = st.grid(2, min_column_width=150)
    grid.metric("Both right", f"{counts.iloc[0, 0]:,}", border=True)
    grid.metric(f"Only {b}", f"{counts.iloc[1, 0]:,}", border=True)
    grid.metric(f"Only {a}", f"{counts.iloc[0, 1]:,}", border=True)
    grid.metric("Both wrong", f"{counts.iloc[1, 1]:,}", border=True)
    p = "below 0.001" if comparison.p_value < 0.001 else f"{comparison.p_value:.3f}"
    st.markdown(
        f"If both were equally good, a split as uneven as {counts.iloc[1, 0]} to {counts.iloc[0, 1]} among the photos "
        f"that only one gets right would come up with probability {p}.",
        help="The exact McNemar test.",
    )


def write_costs(pair: tuple[Run, Run]) -> None:
    """Writes what each model took to make and to keep."""
    st.subheader("What each cost", anchor=False)
    rows = [
        {
            "Model": run.title,
            "Parameters": run.info.get("parameters"),
            "File in MB": (run.info["weights"].get("bytes") or 0) / 1e6 or None,
            "Training time": duration(run.info.get("duration_seconds") or run.history["seconds"].sum()),
            "Epochs": len(run.history),
            "Trained on": run.info.get("device", "unknown"),
            "Started from": (run.info.get("starting_weights") or {}).get("source") or "random weights",
        }
        for run in pair
    ]
    number = st.column_config.NumberColumn
    table(pd.DataFrame(rows), "costs", {"Parameters": number(format="localized"), "File in MB": number(format="%.1f")})


names = {run.name for run in list_runs()}
place = question("Is transfer better?" if {"scratch", "transfer"} <= names else "Which model is better?")
runs = runs_or_stop()
if len(runs) < 2:
    st.info(
        f"Comparing takes two models, and there is only {plain(runs[0].title)}. Train another:",
        icon=":material/compare_arrows:",
    )
    other = "transfer" if runs[0].name == "scratch" else "scratch"
    st.code(f"python -m garbage_core train {other}", language="bash")
    st.stop()
pair = choose_pair(runs)
split = choose_split(pair[1])
comparison = comparison_of(*pair, split)
evaluations = [evaluation_of(run, split) for run in pair]
left_out = f"; {comparison.left_out:,} photos that only one of them has are left out" if comparison.left_out else ""
answer(
    place,
    plain(comparison.sentence, 400),
    f"Both models on the same {comparison.n:,} {SPLIT_NAMES.get(split, split)} photos{left_out}. The interval says "
    "what other photos of the same kind might have given.",
)
write_differences(comparison)
show(figures.metric_comparison([(run.title, e.metrics) for run, e in zip(pair, evaluations, strict=True)]), "metrics")

st.subheader("Class by class", anchor=False)
st.caption("Recall: of the photos of a class, how many are found.")
show(figures.recall_comparison(comparison.per_class, comparison.name_a, comparison.name_b), "recall")
write_test(comparison)

st.subheader("What each takes for what", anchor=False)
for column, run, evaluation in zip(st.columns(2), pair, evaluations, strict=True):
    with column:
        st.markdown(f"**{plain(run.title)}**")
        show(figures.confusion_matrix(evaluation.confusion, dark=is_dark()), f"confusion-{run.name}")
with st.expander("How often both give the same answer"):
    show(figures.agreement_matrix(comparison.agreement, comparison.name_a, comparison.name_b, is_dark()), "agreement")
write_costs(pair)
