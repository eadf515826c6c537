"""Training curves of any number of runs, overlaid."""

import pandas as pd
import streamlit as st

from garbage_app.router import ensure_routed
from garbage_app.shared import NBSP, answer, percent, plain, question, runs_or_stop, show, table
from garbage_core import figures
from garbage_core.markdown import duration

ensure_routed()

METRICS = ("macro_f1", "accuracy", "loss", "learning_rate")

place = question("How did the models learn?")
runs = runs_or_stop()

by_name = {run.name: run for run in runs}
chosen = list(by_name)
if len(runs) > 1:
    chosen = st.pills(
        "Models",
        list(by_name),
        selection_mode="multi",
        default=[run.name for run in runs[:2]],
        format_func=lambda name: by_name[name].title,
        key="runs",
        bind="query-params",
    )
    if not chosen:
        st.info("Choose at least one model.")
        st.stop()
shown = [by_name[name] for name in chosen]

rows, sentences = [], []
for run in shown:
    history, best = run.history, run.info.get("best_epoch")
    epochs = int(history["epoch"].max())
    at_best = history[history["epoch"] == best]
    score = at_best["val_macro_f1"].iloc[0] if len(at_best) else history["val_macro_f1"].max()
    sentences.append(f"{plain(run.title)} was best at epoch {best} of {epochs}, with macro\u2011F1 {percent(score)}")
    rows.append(
        {
            "Model": run.title,
            "Epochs": epochs,
            "Best epoch": best,
            "Macro-F1 at best": 100 * score,
            "Training time": duration(run.info.get("duration_seconds") or history["seconds"].sum()),
            "Machine": run.info.get("device", ""),
            "Starting weights": (run.info.get("starting_weights") or {}).get("source") or "random",
        }
    )
answer(
    place,
    "; ".join(sentences[:2]) + ".",
    "On the validation photos, which choose the epoch whose weights are kept. "
    "Macro-F1 is the mean over the classes of a score that counts missed and wrongly called photos alike; "
    "rare classes weigh as much as common ones.",
)

curves = [(run.title, run.history) for run in shown]
grid = st.grid(2, min_column_width=380)
for metric in METRICS:
    with grid.cell():
        show(figures.history_curves(curves, metric), f"training-{metric}")

table(
    pd.DataFrame(rows),
    "training-summary",
    {"Macro-F1 at best": st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")},
)
with st.expander("Every epoch as a table"):
    for run in shown:
        st.markdown(f"**{plain(run.title)}**")
        table(run.history, f"history-{run.name}")
