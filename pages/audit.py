"""Duplicates, contradictory labels, leaks between splits, label issues, outliers: what there is, and what it does."""

import streamlit as st

from garbage_app.audit.clean_subset import clean_evaluation, excluded_with_predictions, write_effect
from garbage_app.audit.findings import findings_or_stop, write_findings
from garbage_app.results import evaluation_of
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import SPLIT_NAMES, choose_run, choose_split, runs_or_stop
from garbage_app.widgets.page_header import answer, question
from garbage_core.audit.findings import FINDINGS, findings_of
from garbage_core.utils.text import NBSP, count, escape, percent

ensure_routed()

place = question("Can the data be trusted?")
runs = runs_or_stop()
findings = findings_or_stop()
with st.container(horizontal=True):
    run = choose_run(runs)
    split = choose_split(run)
before, after = evaluation_of(run, split), clean_evaluation(run, split, findings)
excluded = excluded_with_predictions(run, split, findings)
value, low, high = before.metric("accuracy")
photos = count(before.n, f"{SPLIT_NAMES.get(split, split)} photo")
if excluded.empty:
    sentence = f"Yes: each of the {photos} can be counted on; none has a duplicate elsewhere or under another label."
else:
    inside = low <= after.metric("accuracy")[0] <= high
    sentence = (
        f"{'Largely' if inside else 'Not as it is'}: {len(excluded):,} of the {photos} cannot be counted on, and "
        f"without them {escape(run.title)} is right on {percent(after.metric('accuracy')[0])}"
        f" instead of {percent(value)}."
    )
answer(
    place,
    sentence,
    f"The 95{NBSP}% interval with all of them is {100 * low:.1f} to {100 * high:.1f}{NBSP}%. Looked for among "
    f"{count(run.predictions['file'].nunique(), 'photo')} of all splits.",
)
grid = st.grid(3, min_column_width=150)
for name, kind in FINDINGS.items():
    rows = findings_of(findings, name)
    number, note = f"{rows['finding'].nunique():,}", f"{kind.meaning} {count(len(rows), 'photo')}."
    grid.metric(kind.title, number, border=True, help=note)

st.subheader("What they do to the result", anchor=False)
write_effect(run, split, findings)
write_findings(findings, list(run.classes))
with st.expander("How all this was found"):
    st.markdown("\n".join(f"- **{kind.title}.** {kind.how}" for kind in FINDINGS.values()))
    st.code("python -m garbage_core embed transfer\npython -m garbage_core audit", language="bash")
