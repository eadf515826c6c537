"""A run on the photos on this machine that it was not trained on: what `garbage evaluate RUN --data-dir` does."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from garbage_app import cache
from garbage_app.cache import run_key
from garbage_app.classifiers import classifier_of, usable_runs
from garbage_app.subject import all_runs, check_dataset, dataset_or_none, subject_name
from garbage_app.widgets.choosers import runs_or_stop
from garbage_core.data.images import load_photo
from garbage_core.errors import GarbageError
from garbage_core.runs.results import is_trained_on
from garbage_core.runs.run import Run
from garbage_core.utils.system import map_photos
from garbage_core.utils.text import count, escape

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

MOST_RESULTS = 8  # on a server; the oldest gives way
_MOST_NOTES = 5


@cache.resource(max_entries=1)
def _results() -> dict[tuple, tuple[Run, list[str]]]:
    return {}


def runs_to_evaluate() -> list[Run]:
    """Returns the runs that page Evaluation lets the reader choose from, those of the photos on this machine first.

    A run of other photos stands for itself until it was evaluated on these, then for its results on them.
    """
    check_dataset()
    dataset = dataset_or_none()
    if dataset is None or not (runs := all_runs()):
        return runs_or_stop()
    own = [run for run in runs if is_trained_on(run.info, dataset)]
    others = [_results().get(_key(run, dataset), (run, []))[0] for run in runs if run not in own]
    return own + others


def first_choice(runs: list[Run]) -> str:
    """Returns the name of the run that page Evaluation opens with: one of these photos if there is any."""
    return runs[0].name if has_results(runs[0]) and not has_results(runs[-1]) else "transfer"


def has_results(run: Run) -> bool:
    """Returns whether a run has predictions for the photos on this machine; there may be none of these."""
    dataset = dataset_or_none()
    return dataset is None or is_trained_on(run.info, dataset)


def evaluate_here(run: Run, place: "st.delta_generator.DeltaGenerator") -> None:
    """Offers to evaluate a run on the photos on this machine, does so with progress, and shows the page anew.

    Args:
        run: The run.
        place: Where the page's answer would stand.
    """
    dataset = dataset_or_none()
    if dataset is None:
        return
    with place.container(gap="xsmall"):
        st.subheader(f"{escape(run.title)} was not trained on these photos.", anchor=False)
        st.caption(
            f"It has no figures for {subject_name()} yet. Evaluating it classifies all photos of its classes, or those "
            f"of a folder test if there is one, and keeps the result until the server stops. As a command: "
            f'`garbage evaluate {run.name} --data-dir "$GARBAGE_DATA"`.'
        )
    from garbage_core.inference.scoring import own_photos

    try:
        own_photos(run, dataset, None)
    except GarbageError as error:
        st.info(escape(str(error), 500), icon=":material/info:")
        return
    if not usable_runs([run]):
        st.info("The network of this model cannot be used on this server.", icon=":material/info:")
        return
    if st.button("Evaluate on these photos", icon=":material/play_arrow:", key="evaluate_here"):
        bar = st.progress(0.0, "Loading the model")
        found = _evaluate(run, dataset, lambda done, of: bar.progress(done / of, f"{done:,} of {count(of, 'photo')}"))
        results = _results()
        results[_key(run, dataset)] = found
        while len(results) > MOST_RESULTS:
            del results[next(iter(results))]
        st.rerun()


def write_notes(run: Run) -> None:
    """Names the photos that an evaluation left out."""
    dataset = dataset_or_none()
    notes = [] if dataset is None else _results().get(_key(run, dataset), (run, []))[1]
    if notes:
        rest = f" and {len(notes) - _MOST_NOTES:,} more" if len(notes) > _MOST_NOTES else ""
        st.caption(f"Left out: {escape('; '.join(notes[:_MOST_NOTES]), 600)}{rest}.")


def _key(run: Run, dataset: "Dataset") -> tuple:
    return run_key(run)[1:], dataset.fingerprint


def _evaluate(run: Run, dataset: "Dataset", progress: Callable[[int, int], object]) -> tuple[Run, list[str]]:
    """Returns the run with predictions for the photos, and what was left out. Raises GarbageError."""
    from garbage_core.inference.scoring import not_its_classes, own_photos, scored_run
    from garbage_core.runs.predictions import probability_columns

    photos, split, protocol = own_photos(run, dataset, None)
    notes = [f"{row['file']} {row['reason']}" for row in not_its_classes(run, photos)]
    known = photos[photos["label"].isin(run.classes)].sort_values("file").reset_index(drop=True)
    classifier, read = classifier_of(run), []

    def prepared(file: str):
        try:
            return load_photo(dataset.read_bytes(file), *classifier.size, file)
        except GarbageError as error:
            notes.append(str(error).rstrip("."))
            return None

    def sound():
        for place, photo in enumerate(map_photos(prepared, known["file"])):
            if photo is not None:
                read.append(place)
                yield photo

    done = 0

    def report(number: int) -> None:
        nonlocal done
        progress(done := done + number, len(known))

    probabilities = classifier.probabilities(sound(), calibrated=False, progress=report)
    found = known.loc[read, ["file", "label"]].assign(split=split).reset_index(drop=True)
    found[probability_columns(run.classes)] = probabilities.round(6)
    return scored_run(run, dataset, found, protocol), notes
