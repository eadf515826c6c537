"""The models: the card of every run."""

import streamlit as st

from garbage_app.models.cards import start_in_words, write_card
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.page_header import answer, question
from garbage_core.utils.text import count, duration, escape, listing

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
    "Same photos, same splits, same evaluation: what differs is what the start was worth.",
)
for tab, run in zip(st.tabs([escape(run.title) for run in runs]), runs, strict=True):
    with tab:
        card = run.path / "card.md"
        if card.is_file():
            write_card(card.read_text(encoding="utf-8"))
        else:
            st.markdown(
                "No card was written for this model. It was trained in "
                f"{duration(run.info.get('duration_seconds') or 0)} on {escape(run.info.get('device', 'a machine'))}."
            )
        with st.expander("Everything that was recorded"):
            st.json(run.info, expanded=1)
