"""Landing page: photos in, both models' answers out, with the reasons."""

import numpy as np
import pandas as pd
import streamlit as st

from garbage_app.classifiers import (
    Photo,
    answers_for,
    choose_models,
    classifier_of,
    is_loaded,
    look,
    model_key,
    photo_of,
    preview_of,
    start_loading,
    val_accuracy,
)
from garbage_app.gallery import dataset_or_none
from garbage_app.router import ensure_routed
from garbage_app.shared import NBSP, capital, chance, chip, percent, plain, runs_or_stop, show
from garbage_core.classes import LOCAL_RULES, class_hint
from garbage_core.errors import GarbageError
from garbage_core.markdown import count
from garbage_core.runs import Run

ensure_routed()

MOST_FILES = 200  # in one go


def sentence(prediction) -> str:
    """Returns an answer in words: "Glass, 97 %", or "Not sure: glass or plastic?" below the run's threshold."""
    if prediction.accepted:
        return f"{plain(capital(prediction.label))}, {chance(prediction.confidence)}"
    first, second = sorted(prediction.probabilities, key=prediction.probabilities.get, reverse=True)[:2]
    return f"Not sure: {plain(first)} or {plain(second)}?"


# Where photos come from


def ask_for_photos(runs: list[Run]) -> list[Photo]:
    """Shows the ways to hand over photos and returns those that were."""
    dataset = dataset_or_none()
    sources = ["Photos", "Camera", *(["Sample"] if dataset else [])]
    icons = {"Photos": ":material/upload:", "Camera": ":material/photo_camera:", "Sample": ":material/casino:"}
    source = st.segmented_control(
        "Where from",
        sources,
        default="Photos",
        required=True,
        format_func=lambda name: f"{icons[name]} {name}",
        label_visibility="collapsed",
        key="source",
    )
    if source == "Camera":
        shot = st.camera_input("Hold one thing before the camera", key="camera", resolution="720p")
        return [photo_of("camera photo", shot.getvalue(), shown=True)] if shot else []
    if source == "Sample":
        rows = runs[-1].predictions
        usable = set(dataset.photos["file"])
        for run in runs:
            usable -= set(run.predictions["file"][run.predictions["split"] != "test"])
        tests = rows[(rows["split"] == "test") & rows["file"].isin(usable)].reset_index(drop=True)
        if tests.empty:
            st.info("None of the test photos of these models is on this machine.")
            return []
        turn = st.session_state.setdefault("sample", int(np.random.default_rng().integers(len(tests))))
        if st.button("Another sample", icon=":material/casino:"):
            turn = st.session_state["sample"] = int(np.random.default_rng().integers(len(tests)))
        row = tests.iloc[turn % len(tests)]
        return [photo_of(row["file"], dataset.read_bytes(row["file"]), row["label"])]
    files = st.file_uploader(
        "One thing per photo, as large as it will go",
        accept_multiple_files=True,
        key="files",
        help="JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF, up to 25 MB each. Photos stay in memory for the answer "
        "and are never stored.",
    )
    if len(files) > MOST_FILES:
        st.warning(f"{len(files)} files are too many at once; these are the answers for the first {MOST_FILES}.")
    return [photo_of(file.name, file.getvalue()) for file in files[:MOST_FILES]]


# One photo


def write_answer(photo: Photo, runs: list[Run]) -> None:
    """Writes the headline for one photo, then each model's answer, bars and heat map."""
    try:
        preview = preview_of(photo)
    except GarbageError as error:
        st.error(plain(str(error), 500), icon=":material/broken_image:")
        return
    found = {}
    runs = sorted(runs, key=val_accuracy, reverse=True)
    with st.spinner("Looking at the photo" if all(map(is_loaded, runs)) else "Loading the models, once per server"):
        for run in runs:
            try:
                found[run.name] = look(photo.digest, model_key(run), run, photo)
            except GarbageError as error:
                st.error(f"{plain(run.title)}: {plain(str(error), 500)}", icon=":material/error:")
    runs = [run for run in runs if run.name in found]
    if not runs:
        return
    left, right = st.columns([3, 1], gap="medium")
    with left:
        write_headline(photo, {run.name: found[run.name][0] for run in runs}, runs)
    if not photo.shown:
        right.image(preview, width="stretch", output_format="JPEG", alt=f"The photo {photo.name}")
    # A single model takes half the width too: its heat map would fill the screen.
    for column, run in zip(st.columns(max(2, len(runs))), runs, strict=False):
        with column.container(border=True, height="stretch"):
            write_model(photo, preview, run, *found[run.name])


def write_headline(photo: Photo, answers: dict, runs: list[Run]) -> None:
    """Writes the answer of the first model, and whether the others agree."""
    leader, *others = runs
    best = answers[leader.name]
    st.header(sentence(best), anchor=False)
    hint = class_hint(best.label) if best.accepted else None
    if hint:
        st.markdown(f"{hint} :gray[{LOCAL_RULES}]")
    elif not best.accepted:
        st.markdown("The photo leaves the model in doubt. Try one with better light, closer, on a plain background.")
    different = [run for run in others if answers[run.name].label != best.label]
    if different:
        says = [
            f"{plain(run.title)} says {plain(answers[run.name].label)} ({chance(answers[run.name].confidence)})"
            for run in (leader, *different)
        ]
        st.markdown(f":material/call_split: **The models disagree.** {'; '.join(says)}.")
    if photo.label:
        st.caption(f"A test photo that no model learnt from; the data set calls it **{plain(photo.label)}**.")


def write_model(photo: Photo, preview: np.ndarray, run: Run, prediction, heat: np.ndarray) -> None:
    """Writes one model's answer with its probabilities and the heat map."""
    from garbage_core import figures
    from garbage_core.explain import overlay, to_heat

    st.subheader(plain(run.title), anchor=False)
    st.markdown(f"**{sentence(prediction)}**")
    show(figures.probability_bars(prediction.probabilities, threshold=run.threshold), f"bars-{run.name}", toolbar=False)
    st.caption(
        f"Dotted line: from {percent(run.threshold)} on it counts as sure, as chosen on the validation photos."
        if run.threshold <= 1
        else "It never counts as sure: on the validation photos no confidence was high enough."
    )
    picture = overlay(preview, to_heat(heat.astype(np.float32), *preview.shape[:2]))
    st.image(
        picture,
        width="stretch",
        output_format="JPEG",
        caption=f"Bright: what speaks for {plain(prediction.label)}",
        alt=f"Heat map of {run.title} over the photo {photo.name}",
    )


# Many photos


def loads(run: Run) -> bool:
    """Waits for the network of a run; says so in place and returns False if it cannot be used."""
    try:
        with st.spinner("Loading the models, once per server"):
            classifier_of(run)
    except GarbageError as error:
        st.error(f"{plain(run.title)}: {plain(str(error), 500)}", icon=":material/error:")
        return False
    return True


def write_batch(photos: list[Photo], runs: list[Run]) -> None:
    """Writes the table of many photos, its totals and download, and the details of the chosen one."""
    runs = [run for run in sorted(runs, key=val_accuracy, reverse=True) if loads(run)]
    if not runs:
        return
    answers = answers_for(photos, runs)
    leader = runs[0]
    readable = [photo for photo in photos if answers[photo.digest, model_key(leader)].error is None]
    best = [answers[photo.digest, model_key(leader)] for photo in readable]
    counts = pd.Series([p.label if p.accepted else "not sure" for p in best], dtype=object).value_counts()
    totals = ", ".join(f"{plain(name)} {number}" for name, number in counts.items())
    st.header(capital(totals) or "No photo could be read", anchor=False)
    st.caption(
        f"{count(len(photos), 'file')}, as answered by {plain(leader.title)}, which is the better model on the "
        "validation photos. Choose a row to see why."
    )
    for photo in photos:
        if error := answers[photo.digest, model_key(leader)].error:
            st.error(plain(error, 500), icon=":material/broken_image:")

    rows, export = [], []
    for photo in readable:
        row = {"Photo": st.session_state["thumbnails"].get(photo.digest)}
        line = {"file": photo.name}
        for run in runs:
            prediction = answers[photo.digest, model_key(run)]
            row |= {
                run.title: prediction.label,
                f"{run.title}: confidence": 100 * prediction.confidence,
                f"{run.title}: sure": "yes" if prediction.accepted else "no",
            }
            line |= {
                f"{run.name}_label": prediction.label,
                f"{run.name}_confidence": round(prediction.confidence, 6),
                f"{run.name}_accepted": prediction.accepted,
            }
        rows.append(row | {"File": photo.name})
        export.append(line)
    if not rows:
        return
    config = {"Photo": st.column_config.ImageColumn(width="small"), "File": st.column_config.TextColumn(width="medium")}
    for run in runs:
        config[f"{run.title}: confidence"] = st.column_config.ProgressColumn(
            "Confidence", format=f"%.0f{NBSP}%%", min_value=0, max_value=100, width="small"
        )
        config[f"{run.title}: sure"] = st.column_config.TextColumn(
            "Sure", width="small", help="Whether the confidence reaches the threshold chosen on the validation photos."
        )
    chosen = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config=config,
        row_height=56,
        key="batch",
        on_select="rerun",
        selection_mode="single-row-required",
        alt="Answers of the models for each photo",
    )
    st.download_button(
        "Download as CSV",
        pd.DataFrame(export).to_csv(index=False),
        "answers.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    picked = chosen.selection.rows
    photo = readable[picked[0] if picked and picked[0] < len(readable) else 0]
    st.divider()
    st.caption(f"Photo: {plain(photo.name)}")
    write_answer(photo, runs)


def write_welcome(runs: list[Run]) -> None:
    """Says what can be told apart, until there is a photo."""
    classes = runs[-1].classes
    st.subheader("What the models can tell apart", anchor=False)
    grid = st.grid(3, min_column_width=240, border=True)
    for place, name in enumerate(classes):
        with grid.cell(), st.container(gap="xxsmall"):
            st.markdown(f"{chip(name, place)} **{plain(capital(name))}**")
            if hint := class_hint(name):
                st.caption(hint)
    if any(map(class_hint, classes)):
        st.caption(LOCAL_RULES)


st.title("Which bin?", anchor=False)
runs = choose_models(runs_or_stop())
photos = ask_for_photos(runs)
if not photos:
    for key in ("answers", "thumbnails", "preview"):
        st.session_state.pop(key, None)
    write_welcome(runs)
elif len(photos) == 1:
    write_answer(photos[0], runs)
else:
    write_batch(photos, runs)
# Last, so that the page is on the screen before TensorFlow takes the processor.
for run in runs:
    start_loading(run)
