"""Calibration, and what a threshold on the confidence does."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from garbage_app.evaluation.tables import BINS, prediction_tables
from garbage_app.widgets.charts import drawn, show
from garbage_core import figures
from garbage_core.evaluation.evaluation import Evaluation
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, interval, percent


def write_calibration(run: Run, split: str, evaluation: Evaluation) -> None:
    """Draws reliability before and after temperature scaling."""
    tables = prediction_tables(run, split)
    st.subheader("Can its confidence be trusted: calibration", anchor=False)
    st.markdown(
        f"Confidence and share of right predictions lie **{interval(*evaluation.metric('ece_calibrated'))}** apart on "
        f"average, and {interval(*evaluation.metric('ece'))} before temperature scaling "
        f"(T{NBSP}={NBSP}{run.temperature:.2f}, chosen on the validation photos). With as few photos, perfect "
        f"confidence would show about {percent(tables.error_of_perfect)}.",
        help=f"The expected calibration error over 15 bins; the diagram has {BINS}. Points below the dashed line: the "
        "model is right less often than its confidence says.",
    )
    rows = [rows.assign(curve=name) for name, rows in tables.reliability]
    figure = drawn(lambda: figures.reliability(tables.reliability), "reliability", run, split)
    show(figure, "reliability", data=lambda: pd.concat(rows))


def write_coverage(run: Run, split: str) -> None:
    """Draws what a decision threshold on the confidence does, and where the chosen one lies."""
    tables = prediction_tables(run, split)
    st.subheader("When it should abstain and say “Not sure”", anchor=False)
    selective = tables.selective
    if selective["accepted"]:
        st.markdown(
            f"With the chosen threshold of **{percent(run.threshold)}** it predicts a class for "
            f"{_share(selective, 'coverage')} of the photos and is right on "
            f"**{_share(selective, 'accuracy')}** of those.",
            help="The smallest confidence from which on 98 of 100 predictions were right on the validation photos.",
        )
    elif run.threshold <= 1:
        st.markdown(f"With a threshold of {percent(run.threshold)} it abstains on all of these photos.")
    else:
        st.markdown(
            "On the validation photos no confidence was high enough to be right 98 times in 100, so it always abstains."
        )
    threshold = run.threshold if run.threshold <= 1 else None
    figure = drawn(
        lambda: figures.coverage_curve([(run.title, tables.coverage, threshold)], target=0.98),
        "coverage",
        run,
        split,
    )
    show(figure, "coverage", data=tables.coverage)


def _share(selective: Mapping[str, float], name: str) -> str:
    return interval(selective[name], selective[f"{name}_low"], selective[f"{name}_high"])
