"""One model on one split: how good it is, where it fails, whether its probabilities can be believed."""

import streamlit as st

from garbage_app.gallery import dataset_or_none, gallery, offer_download
from garbage_app.router import ensure_routed
from garbage_app.shared import (
    SPLIT_NAMES,
    answer,
    chance,
    choose_run,
    choose_split,
    evaluation_of,
    interval,
    is_dark,
    percent,
    plain,
    question,
    runs_or_stop,
    show,
    table,
)
from garbage_core import figures
from garbage_core.evaluation import (
    Evaluation,
    apply_temperature,
    confident_mistakes,
    coverage_table,
    most_common_confusion,
    photo_table,
    reliability_table,
    selective_metrics,
    to_arrays,
)
from garbage_core.markdown import count
from garbage_core.runs import Run

ensure_routed()

HEADLINES = {
    "accuracy": ("Accuracy", "Of all photos, how many the model calls by their right name."),
    "macro_f1": (
        "Macro-F1",
        """The mean over the classes of F1, which is high only where few photos of a class are missed and few others are
        taken for it. Rare classes weigh as much as common ones.""",
    ),
    "ece_calibrated": (
        "Calibration error",
        """How far confidence and share of right answers lie apart on average: at 5 %, answers given with 90 % are right
        in about 85 or 95 of 100 cases. After temperature scaling, as the app shows them.""",
    ),
}
MISTAKES = 8


def write_headlines(evaluation: Evaluation) -> None:
    """Writes the three numbers that sum a model up, each with its interval."""
    grid = st.grid(3, min_column_width=200)
    for name, (title, help_text) in HEADLINES.items():
        value, low, high = evaluation.metric(name)
        grid.metric(
            title,
            percent(value),
            f"{100 * low:.1f} to {100 * high:.1f}",
            delta_description="95\u00a0% interval",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"{' '.join(help_text.split())} The interval: what other photos of the same kind might have given.",
        )


def write_confusion(evaluation: Evaluation) -> None:
    """Draws the confusion matrix as counts or as shares of each true class."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("What is taken for what", anchor=False)
        unit = st.segmented_control(
            "Cells",
            ["Photos", "Per cent"],
            default="Photos",
            required=True,
            label_visibility="collapsed",
            key="cells",
            bind="query-params",
        )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show(figures.confusion_matrix(evaluation.confusion, unit == "Per cent", is_dark()), "confusion-matrix")
        st.caption("A row holds the photos of one class, a column the answers; on the diagonal the model is right.")
    with right:
        mistakes = evaluation.confusion.stack().rename("photos").reset_index()
        mistakes = mistakes[(mistakes["label"] != mistakes["predicted"]) & (mistakes["photos"] > 0)]
        mistakes["share"] = 100 * mistakes["photos"] / mistakes["label"].map(evaluation.confusion.sum(axis=1))
        mistakes = mistakes.sort_values(["photos", "share"], ascending=False).head(10)
        st.markdown("**Most frequent mistakes**")
        table(
            mistakes,
            "confusions",
            {
                "label": "Class",
                "predicted": "Taken for",
                "photos": "Photos",
                "share": st.column_config.NumberColumn(
                    "Share", format="%.1f\u00a0%%", help="Of the photos of the class, how many are taken for the other."
                ),
            },
        )


def write_per_class(evaluation: Evaluation) -> None:
    """Draws recall and precision of every class, with the full table below."""
    st.subheader("Which classes are hard", anchor=False)
    names = {"recall": "Recall", "precision": "Precision", "f1": "F1"}
    metric = st.segmented_control(
        "Metric",
        list(names),
        default="recall",
        required=True,
        format_func=names.get,
        label_visibility="collapsed",
        key="metric",
        bind="query-params",
    )
    st.caption(
        {
            "recall": "Recall: of the photos of a class, how many are found.",
            "precision": "Precision: of the photos called by a class's name, how many are of it.",
            "f1": "F1: high only where both recall and precision are.",
        }[metric]
        + " The lines are 95 % intervals: the fewer photos, the wider."
    )
    show(figures.per_class_bars(evaluation.per_class, [metric]), f"per-class-{metric}")
    with st.expander("All numbers"):
        rows = evaluation.per_class
        columns = {"Class": rows["label"], "Photos": rows["support"], "Called so": rows["predicted"]}
        for key, title in names.items():
            columns[title] = [interval(*values) for values in rows[[key, f"{key}_low", f"{key}_high"]].to_numpy()]
        table(type(rows)(columns), "per-class-table")


def write_calibration(run: Run, split: str, evaluation: Evaluation) -> None:
    """Draws reliability before and after temperature scaling, and what the threshold does."""
    y, raw, _ = to_arrays(run.predictions, run.classes, split)
    calibrated = apply_temperature(raw, run.temperature)
    st.subheader("Can its confidence be believed", anchor=False)
    before, after = evaluation.metric("ece")[0], evaluation.metric("ece_calibrated")[0]
    st.markdown(
        f"Confidence and share of right answers lie {percent(after)} apart on average, {percent(before)} before "
        f"temperature scaling (T\u00a0=\u00a0{run.temperature:.2f}, chosen on the validation photos)."
    )
    curves = [("as trained", reliability_table(y, raw, 10)), ("calibrated", reliability_table(y, calibrated, 10))]
    show(figures.reliability(curves), "reliability")

    st.subheader("When it should say “not sure”", anchor=False)
    sure = selective_metrics(y, calibrated, run.threshold)
    if sure["accepted"]:
        st.markdown(
            f"With a threshold of {percent(run.threshold)} it answers {percent(sure['coverage'])} of the photos and is "
            f"right on {interval(sure['accuracy'], sure['accuracy_low'], sure['accuracy_high'])} of those."
        )
    elif run.threshold <= 1:
        st.markdown(f"With a threshold of {percent(run.threshold)} it is sure of none of these photos.")
    else:
        st.markdown(
            "On the validation photos no confidence was high enough to be right 98 times in 100, so it never counts "
            "as sure."
        )
    threshold = run.threshold if run.threshold <= 1 else None
    show(figures.coverage_curve([(run.title, coverage_table(y, calibrated), threshold)], target=0.98), "coverage")


def write_mistakes(run: Run, split: str) -> None:
    """Shows the wrong answers given most confidently."""
    st.subheader("Its most confident mistakes", anchor=False)
    photos = photo_table(run.predictions, run.classes, split, run.temperature)
    worst = confident_mistakes(photos, MISTAKES)
    if worst.empty:
        st.markdown("None: every answer is right.")
        return
    wrong = int((~photos["correct"]).sum())
    st.caption(f"{count(wrong, 'wrong answer')} in all; those given with the highest confidence come first.")
    dataset = dataset_or_none()
    gallery(
        worst["file"].tolist(),
        [
            f"{plain(row.label)}, taken for **{plain(row.predicted)}** ({chance(row.confidence)})"
            for row in worst.itertuples()
        ],
        dataset=dataset,
    )
    if dataset is None:
        offer_download("The photos are not on this machine, so these tiles only name them.")


place = question("How good is it, and where does it fail?")
runs = runs_or_stop()
with st.container(horizontal=True):
    run = choose_run(runs)
    split = choose_split(run)
evaluation = evaluation_of(run, split)
confused = most_common_confusion(evaluation)
failing = (
    f"and takes {plain(confused[0])} for {plain(confused[1])} most often ({confused[2]} of {confused[3]})"
    if confused
    else "without a mistake"
)
answer(
    place,
    f"{plain(run.title)} is right on {percent(evaluation.metric('accuracy')[0])} of the photos {failing}.",
    f"{count(evaluation.n, f'{SPLIT_NAMES.get(split, split)} photo')}. "
    + ("It learnt from these very photos, so this is no measure of its worth." if split == "train" else ""),
)
write_headlines(evaluation)
write_confusion(evaluation)
write_per_class(evaluation)
write_calibration(run, split, evaluation)
write_mistakes(run, split)
