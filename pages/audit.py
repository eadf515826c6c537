"""Duplicates, contradictory labels, leaks between splits, label issues, outliers: what there is, and what it does."""

import streamlit as st

from garbage_app.audit.clean_subset import conclusion, write_effect
from garbage_app.audit.findings import findings_or_stop, write_findings, write_method
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import choose_run, choose_split, runs_or_stop
from garbage_app.widgets.page_header import answer, question, to_try

ensure_routed()

place = question("Can the data be trusted?", "audit")
runs = runs_or_stop()
with st.container(horizontal=True):
    run = choose_run(runs)
    split = choose_split(run)
findings = findings_or_stop(run)
answer(place, *conclusion(run, split, findings))
to_try("press *Label issues*, and correct a label: what does it do to the accuracy?")
write_findings(findings, run, split)
st.subheader("What leaked and contradictory photos do to the result", anchor=False)
write_effect(run, split, findings)
write_method()
