"""One model on one split: how good it is, where it fails, whether its confidence can be trusted."""

import streamlit as st

from garbage_app.evaluation.bench import write_bench
from garbage_app.evaluation.confidence import write_calibration, write_coverage
from garbage_app.evaluation.metrics import write_crossval, write_metrics
from garbage_app.evaluation.own_photos import evaluate_here, first_choice, has_results, runs_to_evaluate, write_notes
from garbage_app.evaluation.slices import choose_slice, write_slices
from garbage_app.evaluation.tables import prediction_tables
from garbage_app.evaluation.thumbnails import photos_on_hover
from garbage_app.evaluation.where_it_works import write_where_it_works
from garbage_app.results import evaluation_of
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import SPLIT_NAMES, choose_other, choose_run, choose_split
from garbage_app.widgets.page_header import answer, end_page, question
from garbage_core.evaluation.evaluation import most_common_confusion
from garbage_core.utils.text import count, escape, percent

ensure_routed()

place = question("How good is it, and where does it fail?")
runs = runs_to_evaluate()
with st.container(horizontal=True, vertical_alignment="bottom"):
    run = choose_run(runs, default=first_choice(runs))
    if not has_results(run):
        evaluate_here(run, place)
        end_page()
    runs = list(filter(has_results, runs))
    split = choose_split(run)
    other = choose_other(runs, run)
    part = choose_slice(run, split)
evaluation = evaluation_of(run, split)
confused = most_common_confusion(evaluation)
failing = (
    f"and predicts {escape(confused[0])} as {escape(confused[1])} most often ({confused[2]} of {confused[3]})"
    if confused
    else "without a mistake"
)
answer(
    place,
    f"{escape(run.title)} is right on {percent(evaluation.metric('accuracy')[0])} of the photos {failing}.",
    f"{count(evaluation.n, f'{SPLIT_NAMES.get(split, split)} photo'.strip())}. "
    + ("It learned from these very photos, so this does not measure how good it is." if split == "train" else ""),
)
write_notes(run)
write_bench(runs, run, split, part, other)
theirs = evaluation_of(other, split) if other is not None and split in set(other.predictions["split"]) else None
st.subheader("How good it is: metrics", anchor=False)
write_metrics(evaluation, run, other, theirs)
write_crossval(run)
write_slices(run, split, other)
write_where_it_works(runs, run, split)
write_calibration(run, split, evaluation)
write_coverage(run, split)
photos_on_hover(prediction_tables(run, split).photos, f"{run.name}-{split}")
