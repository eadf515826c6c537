"""A model's card on the page: its text as Markdown, its tables as tables that scroll inside themselves on a phone."""

import re
from itertools import groupby

import pandas as pd
import streamlit as st


def write_card(text: str, key: str) -> None:
    """Writes the card of a run.

    Args:
        text: Content of `card.md`. Its first line, the name of the model, is left out, for the page says it already.
        key: Unique on the page.
    """
    lines = text.splitlines()
    lines = lines[1:] if lines and lines[0].startswith("# ") else lines
    for number, (is_table, block) in enumerate(groupby(lines, key=lambda line: line.startswith("|"))):
        if is_table and len(rows := [_cells(line) for line in block]) > 1:
            header, separators, *rows = rows
            right = [name for name, dashes in zip(header, separators, strict=False) if dashes.endswith(":")]
            columns = {name: st.column_config.TextColumn(alignment="right") for name in right}
            st.dataframe(
                pd.DataFrame(rows, columns=header),
                hide_index=True,
                width="content",
                height="content",
                column_config=columns,
                key=f"card-{key}-{number}",
            )
        elif not is_table and (words := "\n".join(block)).strip():
            st.markdown(words, anchors=False)


def _cells(line: str) -> list[str]:
    """Returns the cells of a row of a Markdown table as `garbage_core.markdown.table` writes it."""
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [cell.strip().replace("\\|", "|") for cell in cells]
