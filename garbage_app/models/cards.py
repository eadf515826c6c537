"""A model's card on the page: its text as Markdown, its tables as tables that scroll inside themselves on a phone."""

import re
from itertools import groupby

import pandas as pd
import streamlit as st

from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, escape


def start_in_words(run: Run) -> str:
    """Says which weights a training started from."""
    known = {"random weights": "random weights", "ImageNet": "ImageNet weights"}
    return known.get(run.start) or f"the weights in {escape(run.start)}"


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
