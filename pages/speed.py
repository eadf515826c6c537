"""Speed: what was measured against what, in one run, and whether that is as fast as it was meant to be."""

import pandas as pd
import streamlit as st

from benchmarks.app_speed.runtimes import COMPILED, USUAL, race_path, read_race
from benchmarks.app_speed.table import ROWS, bench_path, read_bench
from garbage_app.cache import file_key
from garbage_app.router import ensure_routed
from garbage_app.widgets.charts import show_table
from garbage_app.widgets.page_header import answer, question
from garbage_core.utils.text import count, escape, listing

ensure_routed()


@st.cache_data(max_entries=2, show_spinner=False)
def read(path: str, stamp: tuple) -> list[dict]:
    """Reads the measured rows once for all sessions, until the file changes."""
    return read_bench()


def rows_or_stop() -> list[dict]:
    """Returns the measured rows; without any, says how to measure and ends the page."""
    path = bench_path()
    rows = read(*file_key(path)) if path.is_file() else []
    if not rows:
        st.info(
            "Nothing has been measured yet. It takes some minutes; let the machine do nothing else meanwhile:",
            icon=":material/speed:",
        )
        st.code("python -m garbage_core bench", language="bash")
        runtimes()
        st.stop()
    return rows


@st.cache_data(max_entries=2, show_spinner=False)
def read_runtimes(path: str, stamp: tuple) -> dict | None:
    """Reads how fast each runtime is once for all sessions, until the file changes."""
    return read_race()


def runtime_title(name: str) -> str:
    """Returns what a runtime is called on this page."""
    known = {USUAL: "Keras, predict", COMPILED: "Keras, one compiled call", "openvino": "OpenVINO", "litert": "LiteRT"}
    known["onnx"] = "ONNX Runtime"
    return known.get(name) or known.get(name.removesuffix("-int8"), name)


def runtimes() -> None:
    """Shows how long one photo takes with every runtime that the network was exported to, if that was measured."""
    path = race_path()
    if not path.is_file():
        return
    content = read_runtimes(*file_key(path))
    height, width = content["size"]
    st.subheader("The same network, outside of Keras", anchor=False)
    show_table(
        pd.DataFrame(
            {
                "Runs in": [runtime_title(row["runtime"]) for row in content["rows"]],
                "Numbers": ["8 bits" if row["precision"] == "int8" else "32 bits" for row in content["rows"]],
                "One photo": [f"{number(row['milliseconds'])} ms" for row in content["rows"]],
                "Times as fast": [f"{row['times_as_fast']:.1f}" for row in content["rows"]],
                "Goal": ["" if row["goal"] is None else f"at least {row['goal']:g}" for row in content["rows"]],
                "Reached": [row["met"] for row in content["rows"]],
                "Accuracy lost": [
                    "" if row["points_lost"] is None else f"{max(0.0, row['points_lost']):.1f} points"
                    for row in content["rows"]
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


def number(value: float) -> str:
    """Returns a number as short as it is still exact enough to compare."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def goal_of(row: dict) -> str:
    """Returns a row's goal in words."""
    bound = "at most" if row["unit"] == "ms" else "at least"
    return f"{bound} {row['goal']:g}{' ms' if row['ratio'] is None else ''}"


def headline(rows: list[dict]) -> str:
    """Says how many goals are reached, and which are not."""
    missed = [row for row in rows if not row["met"]]
    if not missed:
        return f"Yes: all {len(rows)} goals are reached." if len(rows) > 1 else "Yes: the one goal is reached."
    names = listing([ROWS[row["name"]].title.lower() for row in missed])
    return f"{len(rows) - len(missed)} of {count(len(rows), 'goal')} are reached; not yet: {names}."


place = question("Is it fast?")
rows = rows_or_stop()
machines = sorted({row["machine"] for row in rows})
answer(
    place,
    headline(rows),
    "Two ways of doing the same thing, timed in turns in one run: the ratio tells more about the program than about "
    f"the machine. Measured on {escape('; '.join(machines), 200)}.",
)
left_out = [name for name in ROWS if name not in {row["name"] for row in rows}]
show_table(
    pd.DataFrame(
        {
            "What": [ROWS[row["name"]].title for row in rows],
            "Ratio": ["" if row["ratio"] is None else f"{row['ratio']:.2f}" for row in rows],
            "Goal": [goal_of(row) for row in rows],
            "Reached": [row["met"] for row in rows],
            "Ours": [f"{number(row['ours'])} {row['unit']}" for row in rows],
            "Other side": [
                "" if row["reference"] is None else f"{number(row['reference'])} {row['unit']}" for row in rows
            ],
        }
    ),
    "bench",
    {"Reached": st.column_config.CheckboxColumn("Reached")},
)
st.caption(
    "Medians of the repeats; the ratio is the median of the ratios within each round. Times are better when they are "
    "short (ms), rates when they are high (photos/s)."
)
if left_out:
    st.caption(f"Not measured yet: {listing([ROWS[name].title.lower() for name in left_out])}.")
st.subheader("How each was measured", anchor=False)
for row in rows:
    with st.expander(ROWS[row["name"]].title):
        what, against = ROWS[row["name"]].what, ROWS[row["name"]].against
        st.markdown(
            f"**Ours:** {escape(what, 200)}." + (f"  \n**Other side:** {escape(against, 200)}." if against else "")
        )
        low, high = row["quartiles"]
        busy = f", while the machine had a load of {row['load']:g}" if row.get("load") is not None else ""
        detail = row["detail"][:1].upper() + row["detail"][1:]
        st.caption(
            f"{escape(detail, 300) + '. ' if detail else ''}Half of {row['repeats']} repeats of ours lie between "
            f"{number(low)} and {number(high)} {row['unit']}; measured on {escape(row['measured'][:10])}{busy}."
        )
        st.code(row["command"], language="bash")
runtimes()
