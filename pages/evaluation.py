"""One model on one split: how good it is, where it fails, whether its probabilities can be believed."""

import math

import pandas as pd
import streamlit as st

from garbage_app.cache import file_key, run_key
from garbage_app.evaluation.confusion_explorer import explore_confusions
from garbage_app.evaluation.tables import BINS, curve_tables, prediction_tables
from garbage_app.results import evaluation_of
from garbage_app.router import ensure_routed
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_app.widgets.choosers import SPLIT_NAMES, choose_run, choose_split, runs_or_stop
from garbage_app.widgets.metric_tiles import share_tile
from garbage_app.widgets.page_header import answer, question
from garbage_core import figures
from garbage_core.errors import GarbageError
from garbage_core.evaluation.evaluation import Evaluation, most_common_confusion
from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS, lookup
from garbage_core.runs.run import Run
from garbage_core.studies.tables import crossval_sentence, is_recipe_of, read_crossval, stage_names, study_path
from garbage_core.utils.text import NBSP, count, escape, interval, percent, small

ensure_routed()

# Metrics in large type; what they mean is said at greater length than in the table of all metrics.
HEADLINES = {
    "accuracy": "Of all photos, how many the model predicts as their true class.",
    "macro_f1": "The mean over the classes of F1, which is high only where few photos of a class are missed and few "
    "others are taken for it. Rare classes weigh as much as common ones.",
    "ece_calibrated": "How far confidence and share of right predictions lie apart on average: at 5 %, predictions "
    "with a confidence of 90 % are right in about 85 or 95 of 100 cases. After temperature scaling, as the app "
    "shows them.",
}
CURVES = {
    "roc": (
        "The more of a class's photos are to be found (upwards), the more others are taken for it (to the right). The "
        "area is 1 where the class can be told apart in full, and 0.5 for guessing."
    ),
    "pr": (
        "The more of a class's photos are to be found (to the right), the fewer of those called so are right "
        "(downwards). AP, the average precision, is the mean height of the curve."
    ),
}


def write_headlines(evaluation: Evaluation) -> None:
    """Writes the three numbers that sum a model up, each with its interval, and folds away the others."""
    grid = st.grid(3, min_column_width=200)
    for name, help_text in HEADLINES.items():
        title = METRICS[name].title.removesuffix(", calibrated")
        interval_text = "The interval: what other photos of the same kind might have given."
        share_tile(grid, title, *evaluation.metric(name), f"{help_text} {interval_text}")
    with st.expander("All metrics"):
        rows = [
            {
                "Metric": lookup(row.metric).title,
                f"Value and 95{NBSP}% interval": interval(row.value, row.low, row.high, lookup(row.metric).is_share),
                "Meaning": lookup(row.metric).meaning.format(blind=math.log(len(evaluation.classes))),
            }
            for row in evaluation.metrics.itertuples()
        ]
        show_table(pd.DataFrame(rows), "metrics-table", {"Meaning": st.column_config.TextColumn(width="large")})


@st.cache_data(max_entries=2, show_spinner=False)
def read_folds(path: str, stamp: tuple) -> pd.DataFrame:
    """Reads the table of the cross-validation once for all sessions, until its file changes."""
    return read_crossval(path)


def write_other_splits(run: Run) -> None:
    """Says what a cross-validation of the run's recipe found, if there is one: whether this split was a lucky one."""
    path = study_path("crossval")
    if not path.is_file():
        return
    try:
        folds = read_folds(*file_key(path))
    except GarbageError as error:
        st.warning(str(error))
        return
    stages = stage_names(run)
    if is_recipe_of(folds, stages):
        st.caption(f"**Luck of the split?** {crossval_sentence(folds, stages)}")


@st.fragment
def write_per_class(run: Run, split: str) -> None:
    """Draws recall, precision or F1 of every class, with the full table below."""
    evaluation = evaluation_of(run, split)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("Which classes are hard", anchor=False)
        metric = st.segmented_control(
            "Metric",
            list(CLASS_METRICS),
            default="recall",
            required=True,
            format_func=lambda name: CLASS_METRICS[name].title,
            label_visibility="collapsed",
            key="metric",
            bind="query-params",
        )
    title, meaning = CLASS_METRICS[metric].title, small(CLASS_METRICS[metric].meaning)
    st.caption(f"{title}: {meaning} The lines are 95{NBSP}% intervals: the fewer photos, the wider.")
    rows = evaluation.per_class
    bars = drawn(lambda: figures.per_class_bars(rows, [metric]), "per-class", run_key(run), split, metric)
    show(bars, "per-class", data=rows)
    with st.expander("All numbers"):
        columns = {"Class": rows["label"], "Photos": rows["support"], "Called so": rows["predicted"]}
        for key, class_metric in CLASS_METRICS.items():
            ends = rows[[key, f"{key}_low", f"{key}_high"]].to_numpy()
            columns[class_metric.title] = [interval(*values, class_metric.is_share) for values in ends]
        show_table(pd.DataFrame(columns), "per-class-table")


def write_curves(run: Run, split: str) -> None:
    """Draws the ROC and the precision-recall curve of every class, with the areas below."""
    st.subheader("How well each class is told from the rest", anchor=False)
    curves = curve_tables(run, split)
    if curves.areas.empty:
        st.info("These photos are all of one class, so there is nothing to tell it from.")
        return
    grid = st.grid(2, min_column_width=330, gap="medium")
    for kind, points, draw in (("roc", curves.roc, figures.roc_curves), ("pr", curves.pr, figures.pr_curves)):
        with grid.cell():
            figure = drawn(lambda draw=draw, points=points: draw(points, run.classes), kind, run_key(run), split)
            show(figure, f"{kind}-curves", data=points)
            st.caption(CURVES[kind])
    with st.expander("The areas and their intervals"):
        rows = curves.areas
        columns = {"Class": rows["label"], "Photos": rows["support"]}
        for key, name in (("auc", "Area under the ROC curve"), ("average_precision", "Average precision")):
            ends = rows[[key, f"{key}_low", f"{key}_high"]].to_numpy()
            columns[name] = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in ends]
        show_table(pd.DataFrame(columns), "areas-table")


def write_calibration(run: Run, split: str, evaluation: Evaluation) -> None:
    """Draws reliability before and after temperature scaling."""
    answers = prediction_tables(run, split)
    st.subheader("Can its confidence be believed", anchor=False)
    st.markdown(
        f"Confidence and share of right answers lie **{interval(*evaluation.metric('ece_calibrated'))}** apart on "
        f"average, and {interval(*evaluation.metric('ece'))} before temperature scaling "
        f"(T{NBSP}={NBSP}{run.temperature:.2f}, chosen on the validation photos). With as few photos, perfect "
        f"confidence would show about {percent(answers.error_of_perfect)}.",
        help=f"The expected calibration error over 15 bins; the diagram has {BINS}. Points below the dashed line: the "
        "model is right less often than it believes.",
    )
    rows = [rows.assign(curve=name) for name, rows in answers.reliability]
    figure = drawn(lambda: figures.reliability(answers.reliability), "reliability", run_key(run), split)
    show(figure, "reliability", data=lambda: pd.concat(rows))


def write_coverage(run: Run, split: str) -> None:
    """Draws what a threshold on the confidence does, and where the chosen one stands."""
    answers = prediction_tables(run, split)
    st.subheader("When it should say “not sure”", anchor=False)
    sure = answers.selective
    if sure["accepted"]:
        st.markdown(
            f"With the chosen threshold of **{percent(run.threshold)}** it answers "
            f"{interval(sure['coverage'], sure['coverage_low'], sure['coverage_high'])} of the photos and is right on "
            f"**{interval(sure['accuracy'], sure['accuracy_low'], sure['accuracy_high'])}** of those.",
            help="The smallest confidence from which on 98 of 100 answers were right on the validation photos.",
        )
    elif run.threshold <= 1:
        st.markdown(f"With a threshold of {percent(run.threshold)} it is sure of none of these photos.")
    else:
        st.markdown(
            "On the validation photos no confidence was high enough to be right 98 times in 100, so it never counts "
            "as sure."
        )
    threshold = run.threshold if run.threshold <= 1 else None
    figure = drawn(
        lambda: figures.coverage_curve([(run.title, answers.coverage, threshold)], target=0.98),
        *("coverage", run_key(run), split),
    )
    show(figure, "coverage", data=answers.coverage)


place = question("How good is it, and where does it fail?")
runs = runs_or_stop()
with st.container(horizontal=True):
    run = choose_run(runs)
    split = choose_split(run)
evaluation = evaluation_of(run, split)
confused = most_common_confusion(evaluation)
failing = (
    f"and takes {escape(confused[0])} for {escape(confused[1])} most often ({confused[2]} of {confused[3]})"
    if confused
    else "without a mistake"
)
answer(
    place,
    f"{escape(run.title)} is right on {percent(evaluation.metric('accuracy')[0])} of the photos {failing}.",
    f"{count(evaluation.n, f'{SPLIT_NAMES.get(split, split)} photo')}. "
    + ("It learned from these very photos, so this is no measure of its worth." if split == "train" else ""),
)
write_headlines(evaluation)
write_other_splits(run)
explore_confusions(run, split)
write_per_class(run, split)
write_curves(run, split)
write_calibration(run, split, evaluation)
write_coverage(run, split)
