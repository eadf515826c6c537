"""Two models on the same photos: is one better, by how much, where, and how each of them learned."""

import streamlit as st

from garbage_app.comparison.confusions import write_confusions
from garbage_app.comparison.costs import write_costs
from garbage_app.comparison.matched import comparable_runs, matched_pair, write_best_recipes, write_data_size
from garbage_app.comparison.metrics import choose_pair, write_classes, write_metrics, write_numbers
from garbage_app.comparison.pair_explorer import explore_pair
from garbage_app.comparison.settings import write_settings
from garbage_app.comparison.starts import write_starts
from garbage_app.results import comparison_of
from garbage_app.router import ensure_routed
from garbage_app.subject import shared_runs
from garbage_app.training.learning_curves import write_training
from garbage_app.widgets.choosers import SPLIT_NAMES, choose_split, runs_or_stop
from garbage_app.widgets.page_header import answer, question, to_try
from garbage_core.evaluation.comparison import is_matched
from garbage_core.utils.text import escape

ensure_routed()

names = {run.name for run in shared_runs()}
place = question(
    "What is pretraining worth?" if {"scratch", "transfer"} <= names else "Which model is better?", "comparison"
)
runs_or_stop()
runs = comparable_runs()
if len(runs) < 2:
    st.info(
        f"Comparing takes two models, and there is only {escape(runs[0].title)}. Train another:",
        icon=":material/compare_arrows:",
    )
    other = "transfer" if runs[0].name == "scratch" else "scratch"
    st.code(f"python -m garbage_core train {other}", language="bash")
    write_training(runs)
else:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        pair = choose_pair(runs, matched_pair(runs))
        split = choose_split(pair[1])
    comparison = comparison_of(*pair, split)
    left_out = f"; {comparison.left_out:,} photos that only one of them has are left out" if comparison.left_out else ""
    answer(
        place,
        ("One recipe, two starts: " if is_matched(*pair) else "") + escape(comparison.sentence, 400),
        f"Both models on the same {comparison.n:,} {SPLIT_NAMES.get(split, split)} photos{left_out}. The interval says "
        "what other photos of the same kind might have given."
        + (" Both learned from these very photos, so this does not measure how good they are." * (split == "train")),
    )
    write_best_recipes(runs, pair, split)
    saved = "that pretraining saves" if {"scratch", "transfer"} <= names else "that one of them predicts wrongly"
    to_try(f"open *Photo by photo* and click *only one right*: what do the photos have in common {saved}?")
    result, photos, curves, costs = st.tabs(
        ["Result", "Photo by photo", "Learning curves", "Costs"], key="view", on_change="rerun", bind="query-params"
    )
    # Only the open one is computed and sent.
    if result.open:
        with result:
            left, right = st.columns([5, 4], gap="medium")
            with left:
                write_metrics(pair, split)
            with right:
                write_settings(pair)
            write_data_size()
            write_starts(split)
            write_numbers(pair, comparison)
            write_classes(pair, split, comparison)
            write_confusions(pair, split, comparison)
    elif photos.open:
        with photos:
            explore_pair(pair, split)
    elif curves.open:
        with curves:
            write_training(runs)
    else:
        with costs:
            write_costs(pair)
