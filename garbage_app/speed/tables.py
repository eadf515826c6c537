"""The tables of page Speed: what was measured against what, which goals are reached, and the time of each runtime."""

from pathlib import Path

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.speed.results import COMPILED, ROWS, USUAL, bench_path, race_path, read_bench, read_race
from garbage_app.widgets.charts import show_table
from garbage_core.inference.runtimes import RUNTIMES
from garbage_core.utils.text import capital, count, escape, listing


def rows_or_stop() -> list[dict]:
    """Returns the measured rows; without any, says how to measure and ends the page."""
    path = bench_path()
    rows = _read_rows(path) if path.is_file() else []
    if not rows:
        st.info(
            "Nothing has been measured yet. It takes some minutes; let the machine do nothing else meanwhile:",
            icon=":material/speed:",
        )
        st.code("python -m benchmarks", language="bash")
        write_runtimes()
        st.stop()
    return rows


@cache.data(max_entries=2)
def _read_rows(path: Path) -> list[dict]:
    return read_bench(path)


def conclusion(rows: list[dict]) -> str:
    """Says how many goals are reached, and which are not."""
    missed = [row for row in rows if not row["met"]]
    if not missed:
        return f"Yes: all {len(rows)} goals are reached." if len(rows) > 1 else "Yes: the one goal is reached."
    names = listing([ROWS[row["name"]].title.lower() for row in missed])
    return f"{len(rows) - len(missed)} of {count(len(rows), 'goal')} are reached; not yet: {names}."


def write_goals(rows: list[dict]) -> None:
    """Writes the table of what was measured, its goals, and what is not measured yet."""
    show_table(
        pd.DataFrame(
            {
                "What": [ROWS[row["name"]].title for row in rows],
                "Ratio": ["" if row["ratio"] is None else f"{row['ratio']:.2f}" for row in rows],
                "Goal": [_goal(row) for row in rows],
                "Reached": [row["met"] for row in rows],
                "Ours": [_with_unit(row, "ours") for row in rows],
                "Other side": [_with_unit(row, "reference") for row in rows],
            }
        ),
        "bench",
        {"Reached": st.column_config.CheckboxColumn("Reached")},
    )
    st.caption(
        "Medians of the repeats; the ratio is the median of the ratios within each round. Times are better when they "
        "are short (ms), rates when they are high (photos/s)."
    )
    if missing := [name for name in ROWS if name not in {row["name"] for row in rows}]:
        st.caption(f"Not measured yet: {listing([ROWS[name].title.lower() for name in missing])}.")


def write_methods(rows: list[dict]) -> None:
    """Says of every row how it was measured, and with which command it can be repeated."""
    st.subheader("How each was measured", anchor=False)
    for row in rows:
        with st.expander(ROWS[row["name"]].title):
            what, against = ROWS[row["name"]].what, ROWS[row["name"]].against
            st.markdown(
                f"**Ours:** {escape(what, 200)}." + (f"  \n**Other side:** {escape(against, 200)}." if against else "")
            )
            low, high = row["quartiles"]
            busy = f", while the machine had a load of {row['load']:g}" if row.get("load") is not None else ""
            detail = f"{escape(capital(row['detail']), 300)}. " if row["detail"] else ""
            st.caption(
                f"{detail}Half of {row['repeats']} repeats of ours lie between {short_number(low)} and "
                f"{short_number(high)} {row['unit']}; measured on {escape(row['measured'][:10])}{busy}."
            )
            st.code(row["command"], language="bash")


def _with_unit(row: dict, side: str) -> str:
    return "" if row[side] is None else f"{short_number(row[side])} {row['unit']}"


def _goal(row: dict) -> str:
    """Returns a row's goal in words."""
    bound = "at most" if row["unit"] == "ms" else "at least"
    return f"{bound} {row['goal']:g}{' ms' if row['ratio'] is None else ''}"


def write_runtimes() -> None:
    """Shows how long one photo takes with every runtime that the network was exported to, if that was measured."""
    path = race_path()
    content = _read_times(path) if path.is_file() else None
    if content is None:
        return
    height, width = content["size"]
    rows = content["rows"]
    st.subheader("The same network, outside of Keras", anchor=False)
    show_table(
        pd.DataFrame(
            {
                "Runs in": [_runtime_title(row["runtime"]) for row in rows],
                "Numbers": ["8 bits" if row["precision"] == "int8" else "32 bits" for row in rows],
                "One photo": [f"{short_number(row['milliseconds'])} ms" for row in rows],
                "Times as fast": [f"{row['times_as_fast']:.1f}" for row in rows],
                "Goal": ["" if row["goal"] is None else f"at least {row['goal']:g}" for row in rows],
                "Reached": [row["met"] for row in rows],
                "Accuracy lost": [
                    "" if row["points_lost"] is None else f"{max(0.0, row['points_lost']):.1f} points" for row in rows
                ],
            }
        ),
        "runtimes",
        {"Reached": st.column_config.CheckboxColumn("Reached")},
    )
    st.caption(
        f"One photo of {width}x{height} by {escape(content['run'])}, all in turns on "
        f"{escape(content['machine'], 200)}; measured on {escape(content['measured'][:10])}. Accuracy lost on the "
        "validation photos when it was exported."
    )
    st.code(content["command"], language="bash")


def short_number(value: float) -> str:
    """Returns a measured value as short as it is still exact enough to compare."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


@cache.data(max_entries=2)
def _read_times(path: Path) -> dict | None:
    return read_race(path)


def _runtime_title(name: str) -> str:
    in_keras = {USUAL: "Keras, predict", COMPILED: "Keras, one compiled call"}
    plain = name.removesuffix("-int8")  # the next column names the precision
    return in_keras.get(name) or (RUNTIMES[plain].title if plain in RUNTIMES else name)
