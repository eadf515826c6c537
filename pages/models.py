"""The models: the card of every run."""

import streamlit as st

from garbage_app.models.cards import write_card
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.page_header import answer, question
from garbage_core.utils.text import count, duration, escape, listing

ensure_routed()

place = question("Which models are these?")
runs = runs_or_stop()
starts = []
for run in runs:
    source = (run.info.get("starting_weights") or {}).get("source")
    starts.append(f"{escape(run.title)} from {'ImageNet' if source else 'random'} weights")
answer(
    place,
    f"{count(len(runs), 'model')} of one network, ResNet-50, built by hand: {listing(starts)}.",
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
