"""The models: two cards side by side with what differs marked, their networks, and how fast they are here."""

from garbage_app.about.cards import start_in_words, write_cards
from garbage_app.about.speed import write_goals, write_speed
from garbage_app.comparison.metrics import choose_pair
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.page_header import answer, question
from garbage_core.utils.text import count, escape, listing

ensure_routed()

place = question("Which models are these?")
runs = runs_or_stop()
networks = {run.config.network for run in runs}
starts = [
    f"{escape(run.title)}{f', {run.config.network},' if len(networks) > 1 else ''} from {start_in_words(run)}"
    for run in runs
]
answer(
    place,
    f"{count(len(runs), 'model')}"
    f"{f' of one network, {escape(networks.pop())}, built by hand' if len(networks) == 1 else ''}: {listing(starts)}.",
)
write_cards(list(choose_pair(runs)) if len(runs) > 1 else runs)
write_speed(runs)
write_goals()
