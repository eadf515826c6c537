"""How any number of runs learned: the learning curves in one figure, what can be chosen about it, and the tables."""

import pandas as pd
import streamlit as st

from garbage_app.results import training_of
from garbage_app.training.tables import conclusion, write_caveats, write_tables
from garbage_app.widgets.charts import drawn, show
from garbage_core.runs.history import best_epoch_of
from garbage_core.runs.run import Run

ALONG = {"Epochs": "epoch", "Share": "share", "Time": "time"}
SPLITS = {"Both": ("train", "val"), "Training": ("train",), "Validation": ("val",)}


@st.fragment
def write_training(runs: list[Run]) -> None:
    """Draws how any number of runs of the reader's choice learned, with what they reached and what it took."""
    runs = choose_runs(runs)
    if not runs:
        st.info("Choose at least one model.")
        return
    best_epochs = [best_epoch_of(run) for run in runs]
    conclusions = [conclusion(run, best) for run, best in zip(runs, best_epochs, strict=True)]
    st.markdown(
        f"{'; '.join(conclusions)}.",
        help="On the validation photos, which choose the best checkpoint. Macro-F1 is the mean of F1 over the classes, "
        "so that rare ones weigh as much as common ones.",
    )
    write_curves(runs)
    write_caveats(runs, best_epochs)
    write_tables(runs, best_epochs)


def choose_runs(runs: list[Run]) -> list[Run]:
    """Lets the reader choose any number of runs, at first the first two."""
    if len(runs) == 1:
        return runs
    by_name = {run.name: run for run in runs}
    chosen = st.pills(
        "Models",
        list(by_name),
        selection_mode="multi",
        default=list(by_name)[:2],
        format_func=lambda name: by_name[name].title,
        key="runs",
        bind="query-params",
    )
    return [run for run in runs if run.name in chosen]


def write_curves(runs: list[Run]) -> None:
    """Draws all curves in one figure, below what can be chosen about it."""
    along, splits, smoothing = _choose_view()

    def draw():
        from garbage_core.figures import learning_curves

        return learning_curves(list(map(training_of, runs)), smoothing, ALONG[along], SPLITS[splits])

    figure = drawn(draw, "learning curves", *runs, smoothing, along, splits)
    show(figure, "learning-curves", data=lambda: pd.concat([run.history.assign(run=run.name) for run in runs]))
    st.caption(
        "Lines: validation; dotted: training. Bars on top: the stages of each training; a thin line goes through all "
        "panels where a stage begins. The large mark is the best checkpoint, which is the model."
    )


def _choose_view() -> tuple[str, str, float]:
    """Lets the reader choose the axis, the splits and the smoothing; all stand in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        along = st.segmented_control(
            "Along",
            list(ALONG),
            default="Epochs",
            required=True,
            key="along",
            bind="query-params",
            help="Trainings of different lengths can be compared by the share of each that is done, or by the minutes "
            "it took. Time is that of each run's machine, which the table below names.",
        )
        splits = st.segmented_control(
            "Split",
            list(SPLITS),
            default="Both",
            required=True,
            key="photos",
            bind="query-params",
            help="Training photos are augmented and mixed at random before they reach the network, so it can do worse "
            "on them than on validation photos, which stay as they are.",
        )
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.95,
            0.0,
            0.05,
            key="smoothing",
            bind="query-params",
            width=220,
            help="0 shows the measured values; above, a moving average is drawn over them, and they stay as a faint "
            "line.",
        )
    return along, splits, smoothing
