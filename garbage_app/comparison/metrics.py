"""The metrics of two runs on the same photos, and their differences, over all classes and for each."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from garbage_app.results import evaluation_of
from garbage_app.widgets.charts import drawn, show, show_table
from garbage_app.widgets.choosers import keep_valid
from garbage_app.widgets.metric_tiles import difference_tile, tile_row
from garbage_core import figures
from garbage_core.evaluation.comparison import Comparison
from garbage_core.evaluation.metrics import CLASS_METRICS, METRICS, lookup
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, escape, listing, quantity, signed_interval, small

HEADLINES = ("accuracy", "macro_f1", "balanced_accuracy")


def choose_pair(runs: list[Run], start: tuple[Run, Run] | None = None) -> tuple[Run, Run]:
    """Lets the reader choose two runs if there are more; the choice stands in the address.

    Args:
        runs: At least two runs.
        start: The pair that is chosen at first; None for the first two.
    """
    if len(runs) == 2:
        return runs[0], runs[1]
    a, b = (run.name for run in start or runs[:2])
    by_name = {run.name: run for run in runs}
    left, right = st.columns(2)
    names = list(by_name)
    choose: Any = partial(st.selectbox, format_func=lambda name: by_name[name].title, bind="query-params")
    with left:
        first = choose("First model", names, index=names.index(a), key="a")
    others = [name for name in names if name != first]
    keep_valid("b", others)
    with right:
        second = choose("Second model", others, index=others.index(b) if b in others else 0, key="b")
    return by_name[first], by_name[second]


def write_metrics(pair: tuple[Run, Run], split: str) -> None:
    """Draws the most important metrics of both models with their intervals."""

    def draw():
        return figures.metric_comparison([(run.title, evaluation_of(run, split).metrics) for run in pair])

    def numbers() -> pd.DataFrame:
        tables = [evaluation_of(run, split).metrics.assign(model=run.name) for run in pair]
        return pd.concat(tables)[["model", "metric", "value", "low", "high"]]

    show(drawn(draw, "metrics", *pair, split), "metrics", data=numbers)


def write_numbers(pair: tuple[Run, Run], comparison: Comparison) -> None:
    """Writes the paired differences of the most important metrics, and folded away those of all."""
    grid = tile_row()
    for name in HEADLINES:
        minus = f"{comparison.name_b} minus {comparison.name_a} on the same photos, in percentage points."
        difference_tile(grid, METRICS[name].title, *comparison.metric(name), f"{METRICS[name].meaning} {minus}")
    with st.expander("All metrics"):
        columns = ["Metric", pair[0].title, pair[1].title, f"Difference and 95{NBSP}% interval"]
        rows = [
            (lookup(name).title, *_in_its_unit(name, *values))
            for name, *values in comparison.metrics[["metric", "a", "b", "difference", "low", "high"]].to_numpy()
        ]
        show_table(pd.DataFrame(rows, columns=columns), "metrics-table")
        less = [metric.lower for metric in METRICS.values() if metric.lower_is_better and ", " not in metric.title]
        st.caption(
            f"{escape(comparison.name_b)} minus {escape(comparison.name_a)}. Of {listing(less)} less is better, of all "
            "others more."
        )


def _in_its_unit(metric: str, a: float, b: float, difference: float, low: float, high: float) -> tuple[str, str, str]:
    """Returns a metric of two models and its difference, in per cent and points if it is a share."""
    share = lookup(metric).is_share
    return quantity(a, share), quantity(b, share), signed_interval(difference, low, high, share)


def write_classes(pair: tuple[Run, Run], split: str, comparison: Comparison) -> None:
    """Draws the recall of both models for every class, and beside it the difference."""
    st.subheader("Recall of each class", anchor=False)
    st.caption(
        f"{CLASS_METRICS['recall'].title}: {small(CLASS_METRICS['recall'].meaning)} The lines are 95{NBSP}% intervals."
    )
    rows, names = comparison.per_class, (comparison.name_a, comparison.name_b)
    key = (*pair, split)
    grid = st.grid(2, min_column_width=330, gap="medium")
    with grid.cell():
        show(drawn(lambda: figures.recall_comparison(rows, *names), "recall", *key), "recall", data=rows)
    with grid.cell():
        columns = ["label", "support", "difference", "low", "high"]
        figure = drawn(lambda: figures.differences(rows, *names), "differences", *key)
        show(figure, "recall-differences", data=rows[columns])
