"""Two models on the same photos: is one better, by how much, and where."""

import streamlit as st

from garbage_app.comparison.confusions import write_confusions
from garbage_app.comparison.costs import write_costs
from garbage_app.comparison.learning_curves import write_learning_curves
from garbage_app.comparison.metrics import choose_pair, write_classes, write_differences
from garbage_app.comparison.pair_explorer import explore_pair
from garbage_app.results import comparison_of
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import SPLIT_NAMES, choose_split, runs_or_stop
from garbage_app.widgets.page_header import answer, question
from garbage_core.runs.run import list_runs
from garbage_core.utils.text import escape

ensure_routed()

names = {run.name for run in list_runs()}
place = question("Is transfer better?" if {"scratch", "transfer"} <= names else "Which model is better?")
runs = runs_or_stop()
if len(runs) < 2:
    st.info(
        f"Comparing takes two models, and there is only {escape(runs[0].title)}. Train another:",
        icon=":material/compare_arrows:",
    )
    other = "transfer" if runs[0].name == "scratch" else "scratch"
    st.code(f"python -m garbage_core train {other}", language="bash")
    st.stop()
pair = choose_pair(runs)
split = choose_split(pair[1])
comparison = comparison_of(*pair, split)
left_out = f"; {comparison.left_out:,} photos that only one of them has are left out" if comparison.left_out else ""
answer(
    place,
    escape(comparison.sentence, 400),
    f"Both models on the same {comparison.n:,} {SPLIT_NAMES.get(split, split)} photos{left_out}. The interval says "
    "what other photos of the same kind might have given."
    + (" Both learned from these very photos, so this does not measure how good they are." if split == "train" else ""),
)
write_differences(pair, split, comparison)
write_classes(pair, split, comparison)
explore_pair(pair, split)
write_confusions(pair, split, comparison)
write_learning_curves(pair)
write_costs(pair)
