"""Keeps what a benchmark found, for people who want to know without running it for an hour.

    python benchmarks/soak.py --record  # writes benchmarks/results/soak.json, and benchmarks/RESULTS.md anew

A result is kept as the benchmark gives it, with the command, the day and the kind of machine. RESULTS.md is made from
all that are kept and never typed.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.app_speed.table import machine
from garbage_core.utils.files import write_json, write_text
from garbage_core.utils.text import markdown_table

PLACE = Path(__file__).resolve().parent


def keep(name: str, command: str, result: dict[str, Any], place: Path = PLACE) -> Path:
    """Writes a result in the place of an earlier one of that name, and the page of all results.

    Args:
        name: Of the benchmark: a word that a file may be called.
        command: What gives such a result.
        result: Plain JSON; values that are neither lists nor objects are shown one a line, objects of objects as a
            table with a row each.
        place: Folder of the page, and of the folder of results.

    Returns:
        Path of the result.
    """
    facts = {"command": command, "measured": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}
    folder = place / "results"
    folder.mkdir(exist_ok=True)
    path = write_json({**facts, "result": result}, folder / f"{name}.json")
    kept = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))}
    write_text(page(kept), place / "RESULTS.md")
    return path


def page(kept: dict[str, dict[str, Any]]) -> str:
    """Returns the page of all results: Markdown, one section for each name."""
    sections = [
        "# What the long benchmarks found\n\nMade from [results/](results) by the benchmarks' option `--record`; each "
        "program says in its first lines what it does.\n"
    ]
    for name, entry in kept.items():
        result = entry["result"]
        rows = [[_words(key), _words(value)] for key, value in result.items() if not _is_table(value)]
        tables = [_table(key, value) for key, value in result.items() if _is_table(value)]
        sections.append(
            f"## {_words(name).capitalize()}\n\n    {entry['command']}\n\n{entry['measured']}, {entry['machine']}\n\n"
            + "\n\n".join([markdown_table(["what", "result"], rows), *tables])
            + "\n"
        )
    return "\n".join(sections)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(row, dict) for row in value.values())


def _table(name: str, value: dict[str, dict[str, Any]]) -> str:
    columns = list(next(iter(value.values())))
    rows = [[_words(key), *(_words(row.get(column)) for column in columns)] for key, row in value.items()]
    return markdown_table([_words(name), *map(_words, columns)], rows)


def _words(value: Any) -> str:
    """Returns a value as it stands in a cell."""
    if isinstance(value, dict):
        return ", ".join(f"{_words(key)} {_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(map(_words, value)) or "none"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).replace("_", " ").replace("|", "/").replace("\n", " ")
