"""Trainings of any number of runs, overlaid: stages, curves, and the network that was kept."""

import pandas as pd
import streamlit as st

from garbage_app.cache import run_key
from garbage_app.results import training_of
from garbage_app.router import ensure_routed
from garbage_app.widgets.charts import drawn, is_dark, show, show_table
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.page_header import answer, question
from garbage_core.runs.history import BestEpoch, best_epoch_of, smaller_stages, stages_of
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, duration, escape, listing, percent

ensure_routed()

ALONG = {"Epochs": "epoch", "Share": "share", "Time": "time"}
SPLITS = {"Both": ("train", "val"), "Training": ("train",), "Validation": ("val",)}


def choose_runs(runs: list[Run]) -> list[Run]:
    """Lets the reader choose any number of runs, at first the first two; ends the page where none is chosen."""
    if len(runs) == 1:
        return runs
    by_name = {run.name: run for run in runs}
    chosen = st.pills(
        "Models",
        list(by_name),
        selection_mode="multi",
        default=list(by_name)[:2],
        format_func=lambda name: by_name[name].title,
        key="runs",
        bind="query-params",
    )
    if not chosen:
        st.info("Choose at least one model.")
        st.stop()
    return [run for run in runs if run.name in chosen]


def sentence(run: Run, kept: BestEpoch) -> str:
    """Says which network a training kept, and how good it is on val."""
    epochs, name = int(run.history["epoch"].max()), escape(run.title)
    score = "" if pd.isna(kept.value) else f", with macro\u2011F1 {percent(kept.value)}"
    if kept.epoch is None:
        return f"{name} trained for {epochs} epochs"
    if kept.epoch == 0:
        return f"{name} was best before the first of {epochs} epochs, with the head as it was fitted{score}"
    return f"{name} was best at epoch {kept.epoch} of {epochs}{score}"


def write_curves(runs: list[Run]) -> None:
    """Draws all curves in one figure, with what can be chosen about it above."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        along = st.segmented_control(
            "Along",
            list(ALONG),
            default="Epochs",
            required=True,
            key="along",
            bind="query-params",
            help="Trainings of different lengths can be compared by the share of each that is done, or by the minutes "
            "it took. Time counts on the machine of each run, which the table below names.",
        )
        photos = st.segmented_control(
            "Photos",
            list(SPLITS),
            default="Both",
            required=True,
            key="photos",
            bind="query-params",
            help="Training photos are changed at random and mixed before the network sees them, so it can do worse on "
            "them than on validation photos, which are left as they are.",
        )
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.95,
            0.0,
            0.05,
            key="smoothing",
            bind="query-params",
            width=220,
            help="0 shows what was measured. Above, a moving average; what was measured stays as a faint line.",
        )

    def draw():
        from garbage_core.figures import learning_curves

        return learning_curves(list(map(training_of, runs)), smoothing, ALONG[along], SPLITS[photos], is_dark())

    key = ("learning", *map(run_key, runs), smoothing, along, photos, is_dark())
    show(drawn(draw, *key), "training-curves", data=lambda: pd.concat([r.history.assign(run=r.name) for r in runs]))
    st.caption(
        "Lines: validation; dotted: training. Bars on top: the stages of each training; a thin line goes through all "
        "panels where a stage begins. The large mark is the network that was kept."
    )


def write_caveats(runs: list[Run], kept: list[BestEpoch]) -> None:
    """Says which values are not comparable, and why."""
    for run, k in zip(runs, kept, strict=True):
        if smaller := smaller_stages(run):
            sizes = stages_of(run).set_index("stage").loc[smaller, ["width", "height"]].drop_duplicates()
            pixels = listing([f"{width} by {height}" for width, height in sizes.itertuples(index=False)])
            stages = f"the stage{'s' if len(smaller) > 1 else ''} {listing([escape(name) for name in smaller])}"
            st.info(
                f"{escape(run.title)}: {stages} used photos of {pixels} pixels, and the values of those epochs were "
                f"measured on such photos. They are not comparable with the network that was kept, which takes "
                f"{run.config.width} by {run.config.height} pixels and was measured with them.",
                icon=":material/photo_size_select_small:",
            )
        if k.epoch == 0:
            st.info(
                f"{escape(run.title)}: no epoch was better on the validation photos than the head that was fitted to "
                "the untouched network before the first; that is what was kept.",
                icon=":material/start:",
            )


def summary(runs: list[Run], kept: list[BestEpoch]) -> pd.DataFrame:
    """Returns one row per run: how long, on what, from where, what came of it."""
    return pd.DataFrame(
        [
            {
                "Model": run.title,
                "Epochs": len(run.history),
                "Kept epoch": k.epoch,
                "Macro-F1": 100 * k.value,
                "Training time": duration(run.info.get("duration_seconds") or run.history["seconds"].sum()),
                "Per epoch": duration(run.history["seconds"].median()),
                "Machine": run.info.get("device", ""),
                "Starting weights": (run.info.get("starting_weights") or {}).get("source") or "random",
            }
            for run, k in zip(runs, kept, strict=True)
        ]
    )


def stage_rows(runs: list[Run]) -> pd.DataFrame:
    """Returns one row per stage of every run."""
    rows = pd.concat([stages_of(run).assign(run=run.title) for run in runs])
    known = (rows["width"] > 0) & (rows["height"] > 0)
    size = rows["width"].astype(str) + " x " + rows["height"].astype(str)
    return pd.DataFrame(
        {
            "Model": rows["run"],
            "Stage": rows["stage"],
            "Epochs": rows["first"]
            .astype(str)
            .where(rows["epochs"] == 1, rows["first"].astype(str) + " to " + rows["last"].astype(str)),
            "Photos, pixels": size.where(known, "unknown"),
            "Best macro-F1 at that size": 100 * rows["best_val_macro_f1"],
            "Time": [duration(seconds) for seconds in rows["seconds"]],
            "Per epoch": [duration(seconds) for seconds in rows["seconds"] / rows["epochs"]],
        }
    )


place = question("How did the models learn?")
runs = choose_runs(runs_or_stop())
kept = [best_epoch_of(run) for run in runs]
answer(
    place,
    "; ".join(sentence(run, k) for run, k in zip(runs[:2], kept[:2], strict=True)) + ".",
    "On the validation photos, which choose the epoch whose weights are kept. "
    "Macro-F1 is the mean over the classes of a score that counts missed and wrongly called photos alike; "
    "rare classes weigh as much as common ones.",
)
write_curves(runs)
write_caveats(runs, kept)
share = st.column_config.NumberColumn(format=f"%.1f{NBSP}%%")
st.subheader("Run by run", anchor=False)
show_table(summary(runs, kept), "training-summary", {"Macro-F1": share})
st.subheader("Stage by stage", anchor=False)
show_table(stage_rows(runs), "training-stages", {"Best macro-F1 at that size": share})
with st.expander("Every epoch as a table"):
    for run in runs:
        st.markdown(f"**{escape(run.title)}**")
        show_table(run.history, f"history-{run.name}")
