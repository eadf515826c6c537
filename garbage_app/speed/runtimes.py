"""How long one photo takes with every runtime that a network was exported to."""

from pathlib import Path

import pandas as pd
import streamlit as st

from garbage_app import cache
from garbage_app.speed.results import COMPILED, USUAL, race_path, read_race
from garbage_app.widgets.charts import show_table
from garbage_core.inference.runtimes import RUNTIMES
from garbage_core.utils.text import escape


def write_runtimes() -> None:
    """Shows how long one photo takes with every runtime that the network was exported to, if that was measured."""
    path = race_path()
    content = _read(path) if path.is_file() else None
    if content is None:
        return
    height, width = content["size"]
    rows = content["rows"]
    st.subheader("The same network, outside of Keras", anchor=False)
    show_table(
        pd.DataFrame(
            {
                "Runs in": [_title(row["runtime"]) for row in rows],
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
def _read(path: Path) -> dict | None:
    return read_race(path)


def _title(name: str) -> str:
    in_keras = {USUAL: "Keras, predict", COMPILED: "Keras, one compiled call"}
    plain = name.removesuffix("-int8")  # the next column names the precision
    return in_keras.get(name) or (RUNTIMES[plain].title if plain in RUNTIMES else name)
