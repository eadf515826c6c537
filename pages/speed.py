"""Speed: what was measured against what, in one run, and whether that is as fast as it was meant to be."""

from garbage_app.router import ensure_routed
from garbage_app.speed.tables import conclusion, rows_or_stop, write_goals, write_methods, write_runtimes
from garbage_app.widgets.page_header import answer, question
from garbage_core.utils.text import escape

ensure_routed()

place = question("Is it fast?")
rows = rows_or_stop()
machines = sorted({row["machine"] for row in rows})
answer(
    place,
    conclusion(rows),
    "Two ways of doing the same task, timed in turns in one run: the ratio tells more about the program than about "
    f"the machine. Measured on {escape('; '.join(machines), 200)}.",
)
write_goals(rows)
write_methods(rows)
write_runtimes()
