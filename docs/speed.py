"""The page docs/speed.md, from what `python -m benchmarks` and `benchmarks/runtimes.py` have measured.

python -m docs.speed            # rewrites the page
python -m docs.speed --check    # exits with 1 if the page is not what the files say
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.app_speed.results import ROWS, read_bench, read_race
from garbage_core.explain.heatmaps import METHOD_NAMES
from garbage_core.explain.times import FAITHFULNESS_GOAL, GOAL, load_times
from garbage_core.utils.files import write_text
from garbage_core.utils.text import markdown_table

PAGE = Path(__file__).resolve().parent / "speed.md"


def speed_page() -> str:
    """Returns the page. Raises GarbageError if a file cannot be used."""
    parts = [
        "# Speed: goals and what was measured",
        "Written by `python -m docs.speed`; the files are in `models/studies/`.",
    ]
    if rows := read_bench():
        header = ["what", "ours", "other side", "ratio", "goal", "reached"]
        parts.append(markdown_table(header, [_row(row) for row in rows]))
        parts.append("Medians of the repeats; the ratio is the median of the ratios within each round.")
        parts += [_method(row) for row in rows]
    if race := read_race():
        height, width = race["size"]
        parts.append("## The same network in each runtime")
        header = ["runs in", "one photo", "times as fast", "goal", "reached", "points of accuracy lost"]
        parts.append(markdown_table(header, [_runtime(row) for row in race["rows"]]))
        parts.append(f"One photo of {width}x{height} by {race['run']}, {race['machine']}: `{race['command']}`.")
    if times := load_times():
        height, width = times.size
        parts.append("## One photo explained")
        rows = [_map(METHOD_NAMES[name], seconds, GOAL) for name, seconds in times.methods.items()]
        rows.append(_map("Faithfulness: deletion curves", times.faithfulness, FAITHFULNESS_GOAL))
        parts.append(markdown_table(["what", "takes", "goal", "reached"], rows))
        parts.append(
            f"One photo of {width}x{height} by {times.run}, warm, the fastest of some rounds; {times.machine}; "
            f"{times.measured}: `python -m benchmarks.explanations`. {times.note}".rstrip()
        )
    return "\n\n".join(parts) + "\n"


def _map(what: str, seconds: float, goal: float) -> list[str]:
    return [what, f"{seconds:.2f} s", f"at most {goal:g} s", "yes" if seconds <= goal else "no"]


def _row(row: dict) -> list[str]:
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    sides = [
        "" if row[side] is None else f"{row[side]:,.{2 if row['unit'] == 's' else 1}f} {row['unit']}"
        for side in ("ours", "reference")
    ]
    return [ROWS[row["name"]].title, *sides, ratio, ROWS[row["name"]].bound, "yes" if row["met"] else "no"]


def _method(row: dict) -> str:
    known = ROWS[row["name"]]
    against = f" Other side: {known.against}." if known.against else ""
    return f"**{known.title}.** {known.what}.{against} {row['machine']}; {row['measured'][:10]}: `{row['command']}`."


def _runtime(row: dict) -> list[str]:
    goal = "" if row["goal"] is None else f"at least {row['goal']:g}"
    met = "" if row["met"] is None else "yes" if row["met"] else "no"
    lost = "" if row["points_lost"] is None else f"{max(0.0, row['points_lost']):.1f}"
    return [row["runtime"], f"{row['milliseconds']:.1f} ms", f"{row['times_as_fast']:.1f}", goal, met, lost]


def main(argv: Sequence[str] | None = None) -> int:
    """Writes or checks the page; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the page is up to date")
    if parser.parse_args(argv).check:
        return int(not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != speed_page())
    write_text(speed_page(), PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
