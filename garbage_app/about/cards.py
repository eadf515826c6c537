"""The cards of models side by side: what differs, the networks, and the whole text of each."""

import re
from itertools import groupby

import pandas as pd
import streamlit as st

from garbage_app.about.network import write_network
from garbage_app.comparison.settings import settings
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, duration, escape


def start_in_words(run: Run) -> str:
    """Says which weights a training started from."""
    known = {"random weights": "random weights", "ImageNet": "ImageNet weights"}
    return known.get(run.start) or f"the weights in {escape(run.start)}"


def write_cards(runs: list[Run]) -> None:
    """Writes one or two models side by side: the drawing, how each was trained with what differs marked, the card."""
    for column, run in zip(st.columns(len(runs), gap="medium"), runs, strict=True):
        with column:
            st.subheader(escape(run.title), anchor=False)
            write_network(run)
    if len(runs) > 1:
        _write_settings(runs[0], runs[1])
    for column, run in zip(st.columns(len(runs), gap="medium"), runs, strict=True):
        with column, st.expander(f"The whole card of {escape(run.title)}"):
            card = run.path / "card.md"
            if card.is_file():
                write_card(card.read_text(encoding="utf-8"))
            else:
                st.markdown(
                    "No card was written for this model. It was trained in "
                    f"{duration(run.info.get('duration_seconds') or 0)} on "
                    f"{escape(run.info.get('device', 'a machine'))}."
                )
            st.json(run.info, expanded=False)


def _write_settings(a: Run, b: Run) -> None:
    """Writes how two models were trained; what differs is marked by color and in bold."""
    table = settings(a, b)
    differs = table.iloc[:, 1] != table.iloc[:, 2]
    st.markdown(
        f"**How they were trained**, :primary-background[what differs] marked ({differs.sum()} of {len(table)})"
    )
    rows = [
        [f":primary-background[**{escape(cell, 200)}**]" if marked else escape(cell, 200) for cell in row]
        for row, marked in zip(table.iloc[:, 1:].to_numpy(), differs, strict=True)
    ]
    cells = pd.DataFrame(rows, columns=[escape(a.title), escape(b.title)], index=table["Setting"])
    st.table(cells, border="horizontal")


def write_card(text: str) -> None:
    """Writes the card of a run, the content of `card.md`, without its first line: the page names the model already."""
    lines = text.splitlines()
    lines = lines[1:] if lines and lines[0].startswith("# ") else lines
    for is_table, block in groupby(lines, key=lambda line: line.startswith("|")):
        words = "\n".join(block)
        if is_table:
            _write_table(words.splitlines())
        elif words.strip():
            st.markdown(words, anchors=False)


def _write_table(lines: list[str]) -> None:
    header, separators, *rows = map(_cells, lines)
    right = [name for name, dashes in zip(header, separators, strict=True) if dashes.endswith(":")]
    # A number and its interval stay in one line: on a phone the table scrolls.
    cells = pd.DataFrame(rows, columns=header).apply(lambda column: column.str.replace(" ", NBSP))
    styled = cells.style.set_properties(subset=right, **{"text-align": "right"})
    st.table(styled, width="content", hide_index=True, border="horizontal")


def _cells(line: str) -> list[str]:
    """Returns the cells of a row of a Markdown table as `garbage_core.utils.text.table` writes it."""
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [cell.strip().replace("\\|", "|") for cell in cells]
