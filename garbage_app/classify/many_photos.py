"""Many photos on the landing page: totals, a table to sort and filter, its download, and the details of one photo."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from garbage_app.cache import run_key
from garbage_app.classifiers import classifier_of, leading_first
from garbage_app.classify.decision import acceptance, outcome, uses_mirror_image, with_threshold
from garbage_app.classify.one_photo import write_prediction
from garbage_app.classify.predictions import predict_all
from garbage_app.photo import Photo
from garbage_app.widgets.downloads import csv
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import NBSP, capital, count, escape

if TYPE_CHECKING:
    from garbage_core.inference.classifier import Prediction

MOST_ERRORS = 3  # shown in full; more are folded away, so that they do not bury the predictions


def write_batch(photos: list[Photo], runs: list[Run]) -> None:
    """Writes the table of many photos, its totals and download, and the details of the chosen one."""
    runs = [run for run in leading_first(runs) if _loads(run)]
    if not runs:
        return
    from garbage_core.inference.classifier import Failure

    alone = predict_all(photos, runs)
    raw = predict_all(photos, runs, flip=True) if uses_mirror_image() else alone
    leader = runs[0]
    results = [raw[photo.digest, run_key(leader)] for photo in photos]
    read = [place for place, result in enumerate(results) if not isinstance(result, Failure)]
    predictions = {run.name: _with_thresholds(photos, run, raw) for run in runs}
    outcomes = pd.Series({place: outcome(one) for place, one in predictions[leader.name].items()}, dtype=object)
    totals = outcomes.value_counts()
    said = ", ".join(f"{escape(str(name))} {number}" for name, number in totals.items())
    st.title(capital(said) or "No photo could be read", anchor=False)
    st.caption(f"{count(len(photos), 'file')}, as classified by {escape(leader.title)}. Choose a row to see why.")
    if uses_mirror_image():
        _write_changes(leader, {(photos[place].digest, run_key(leader)) for place in read}, alone, raw)
    _write_errors([result.error for result in results if isinstance(result, Failure)])
    if not read:
        return
    shown = _choose_outcomes(outcomes, totals)
    chosen = st.dataframe(
        _table(photos, runs, predictions, shown),
        hide_index=True,
        column_config=_columns(runs),
        row_height=56,
        key="batch",
        on_select="rerun",
        selection_mode="single-row-required",
        alt="Predictions of the models for each photo",
    )
    st.download_button(
        "Download as CSV",
        csv(_export(photos, runs, predictions, shown)),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    rows = chosen.selection.rows
    photo = photos[shown[rows[0] if rows and rows[0] < len(shown) else 0]]
    st.divider()
    st.caption(f"Photo: {escape(photo.name)}")
    write_prediction(photo, runs, heading=st.header)


def _with_thresholds(photos: list[Photo], run: Run, results: dict) -> "dict[int, Prediction]":
    """Returns the predictions of a run by the photos' places, without those that could not be read."""
    from garbage_core.inference.classifier import Prediction

    found = {place: results[photo.digest, run_key(run)] for place, photo in enumerate(photos)}
    return {place: with_threshold(one, run) for place, one in found.items() if isinstance(one, Prediction)}


def _write_changes(leader: Run, keys: set[tuple], alone: dict, with_mirror_image: dict) -> None:
    """Says how many predictions the mirror images changed."""
    changed = sum(with_mirror_image[key].label != alone[key].label for key in keys)
    st.caption(f"The mirror images change {count(changed, 'prediction')} of {escape(leader.title)}.")


def _loads(run: Run) -> bool:
    """Waits for the network of a run; says so in place and returns False if it cannot be used."""
    try:
        with st.spinner("Loading the models, once per server"):
            classifier_of(run)
    except GarbageError as error:
        st.error(f"{escape(run.title)}: {escape(str(error), 500)}", icon=":material/error:")
        return False
    return True


def _write_errors(errors: list[str]) -> None:
    folded = len(errors) > MOST_ERRORS
    with st.expander(f"{len(errors)} files could not be read") if folded else st.container():
        for error in errors:
            st.error(escape(error, 500), icon=":material/broken_image:")


def _choose_outcomes(outcomes: pd.Series, totals: pd.Series) -> list[int]:
    """Lets the reader choose what to see; returns the places of those photos, of all if nothing was chosen."""
    if len(totals) == 1:
        return list(outcomes.index)
    if "outcomes" in st.session_state:  # other photos, or another threshold, may have left none of a chosen kind
        st.session_state["outcomes"] = [name for name in st.session_state["outcomes"] or () if name in totals.index]
    wanted = st.pills(
        "Show only",
        list(totals.index),
        selection_mode="multi",
        format_func=lambda name: f"{escape(capital(name))} {totals[name]}",
        key="outcomes",
    )
    return list(outcomes.index[outcomes.isin(wanted)] if wanted else outcomes.index)


def _table(
    photos: list[Photo], runs: list[Run], predictions: "dict[str, dict[int, Prediction]]", shown: list[int]
) -> pd.DataFrame:
    rows = []
    for place in shown:
        row: dict[str, str | float | None] = {"Photo": st.session_state["thumbnails"].get(photos[place].digest)}
        for run in runs:
            prediction = predictions[run.name][place]
            row |= {
                run.title: prediction.label,
                f"{run.title}: confidence": 100 * prediction.confidence,
                f"{run.title}: accepted": acceptance(prediction),
            }
        rows.append(row | {"File": photos[place].name})
    return pd.DataFrame(rows)


def _columns(runs: list[Run]) -> dict:
    config = {"Photo": st.column_config.ImageColumn(width="small"), "File": st.column_config.TextColumn(width="medium")}
    for run in runs:
        config[f"{run.title}: confidence"] = st.column_config.ProgressColumn(
            "Confidence", format=f"%.1f{NBSP}%%", min_value=0, max_value=100, width="small"
        )
        config[f"{run.title}: accepted"] = st.column_config.TextColumn(
            "Accepted",
            width="small",
            help="Whether the confidence reaches the decision threshold chosen on the validation photos; where "
            "a photo shows none of the materials that the model knows, the prediction is doubtful at any confidence.",
        )
    return config


def _export(
    photos: list[Photo], runs: list[Run], predictions: "dict[str, dict[int, Prediction]]", shown: list[int]
) -> pd.DataFrame:
    lines = []
    for place in shown:
        line: dict[str, str | float | bool] = {"file": photos[place].name}
        for run in runs:
            prediction = predictions[run.name][place]
            line |= {
                f"{run.name}_label": prediction.label,
                f"{run.name}_confidence": round(prediction.confidence, 6),
                f"{run.name}_accepted": prediction.accepted,
                f"{run.name}_is_ood": prediction.is_ood,
                f"{run.name}_verdict": prediction.verdict or "",
            }
        lines.append(line)
    return pd.DataFrame(lines)
