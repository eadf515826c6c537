"""From a photo to its heat maps on the page: what is there is shown, and the page is drawn anew as more arrives."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from garbage_app.classifiers import is_loaded
from garbage_app.explanations.exhibit import Exhibit, prediction_of, show_exhibit
from garbage_app.explanations.jobs import (
    Job,
    Request,
    faithfulness_job,
    map_job,
    random_removal_job,
    tensorflow_job,
)
from garbage_app.explanations.layout import (
    CHART_HEIGHT,
    Choice,
    methods_here,
    time_in_words,
    write_faithfulness,
    write_method,
)
from garbage_app.explanations.map_images import side_by_side, small_blend
from garbage_app.explanations.telling import show_filmstrip
from garbage_app.explanations.text import (
    PREDICTED,
    conclusion,
    note,
    predictions_in_words,
    waiting_in_words,
)
from garbage_app.photo import Photo, preview_of
from garbage_app.widgets.charts import drawn, show
from garbage_app.widgets.page_header import answer
from garbage_core.errors import GarbageError
from garbage_core.explain.heatmaps import METHOD_HINTS, METHOD_NAMES
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from garbage_core.explain.faithfulness import Faithfulness
    from garbage_core.inference.classifier import Prediction


SAID = "explained"  # in the session's state: digest of the photo, answer, and what it rests on


class Explanation:
    """A photo with all that is computed for it: what is there, and the jobs for the rest."""

    def __init__(self, photo: Photo, runs: list[Run], choice: Choice) -> None:
        """Classifies the photo. Raises GarbageError if it cannot be read."""
        self.photo, self.choice = photo, choice
        self.preview = preview_of(photo)
        self.notes: dict[str, str] = {}
        self.predictions: dict[str, Prediction] = {}
        self.jobs: list[Job] = []
        self.loading: list[Job] = []
        for run in runs:
            try:
                self.predictions[run.name] = prediction_of(photo, run)[0]
            except GarbageError as error:
                st.error(f"{escape(run.title)}: {escape(str(error), 500)}", icon=":material/error:")
        self.runs = [run for run in runs if run.name in self.predictions]
        self.labels: dict[str, str] = {}
        for run in self.runs:
            if choice.label in (PREDICTED, *run.classes):
                own = self.predictions[run.name].label
                self.labels[run.name] = own if choice.label == PREDICTED else choice.label
            else:
                self.notes[run.name] = f"It knows no {choice.label}."
        self.explained = [run for run in self.runs if run.name in self.labels]

    def request(self, run: Run, choice: Choice) -> Request:
        """Returns the request for a model's map."""
        return Request(run, self.photo, self.labels[run.name], choice.method, choice.stack)

    def heat(self, run: Run, choice: Choice) -> "tuple[np.ndarray | None, str, bool]":
        """Returns a model's map, or None and why there is none; and whether it is finished."""
        if not choice.needs_gradient:
            return prediction_of(self.photo, run, self.labels[run.name])[1], "", True
        self.loading.append(self.watch(tensorflow_job(run)))
        job = self.watch(map_job(self.request(run, choice)))
        heat, problem = self.result(job)
        if heat is not None or problem:
            return heat, problem, True
        return job.preview, "The map is sharpening." if job.preview is not None else "The map is on its way.", False

    def faithfulness(self, run: Run, choice: Choice) -> "tuple[Faithfulness | None, str]":
        """Returns how faithful a model's map is, or None; and what went wrong."""
        heat, problem, finished = self.heat(run, choice)
        if heat is None or not finished:
            return None, problem if finished else ""
        request = self.request(run, choice)
        random, problem = self.result(self.watch(random_removal_job(request)))
        if random is None:
            return None, problem
        return self.result(self.watch(faithfulness_job(request, heat, random)))

    def watch(self, job: Job) -> Job:
        """Remembers a job that the page waits for, and goes on waiting for if it is done before the page is drawn."""
        if not job.done:
            self.jobs.append(job)
        return job

    @staticmethod
    def result(job: Job) -> "tuple[Any, str]":
        """Returns what a job has computed, or None; and what went wrong."""
        if not job.done:
            return None, ""
        try:
            return job.result(), ""
        except GarbageError as error:
            return None, str(error)


def explain(photo: Photo, runs: list[Run], choice: Choice, place: "DeltaGenerator", main: "DeltaGenerator") -> None:
    """Shows the maps of all models and how far they can be trusted, and fills in what is computed meanwhile.

    Args:
        photo: Photo to explain.
        runs: Models whose predictions are explained.
        choice: Method, layers and class.
        place: Place of the answer to the page's question.
        main: Place of the picture.

    Raises:
        GarbageError: If the photo cannot be read.
    """
    digest, *said = st.session_state.get(SAID, ("",))
    if digest == photo.digest:  # drawn anew, because a result has arrived: what stood there stays
        answer(place, *said)
        found = Explanation(photo, runs, choice)
    else:
        with place, st.spinner("Classifying the photo" if all(map(is_loaded, runs)) else "Loading the models"):
            found = Explanation(photo, runs, choice)
    if not found.explained:
        answer(place, "No model can explain this.")
        with main:
            show_filmstrip(runs, photo.name)
        return
    heats: dict[str, np.ndarray] = {}
    for run in found.explained:
        heat, problem, _ = found.heat(run, choice)
        if heat is not None:
            heats[run.name] = heat
        if problem:
            found.notes[run.name] = problem
    faithful = {run.name: found.faithfulness(run, choice) for run in found.explained}
    results = {run.title: result.verdict for run in found.explained if (result := faithful[run.name][0])}
    tested = conclusion(results) if len(results) == len(found.explained) else ""
    sentence = predictions_in_words(found.explained, found.predictions, choice.label)
    about = f"{tested} {note(choice.method, choice.stack, list(heats.values()))}".strip()
    answer(place, sentence, about)
    if not photo.private:
        st.session_state[SAID] = photo.digest, sentence, about
    with main:
        shown = (photo, found.preview, choice.method, not choice.needs_gradient, found.runs, found.labels)
        show_exhibit(Exhibit(*shown, heats, found.notes))
        state = st.empty()
        show_filmstrip(runs, photo.name)
        _write_scale(found, heats)
    _write_grid(found)
    _write_faithfulness(found, faithful)
    _wait_for(found, state)


def _write_scale(found: Explanation, heats: Mapping[str, np.ndarray]) -> None:
    """Says what the colors mean and how the maps are made, and offers the picture."""
    from garbage_core import figures

    method = found.choice.method
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        st.caption(f"{METHOD_NAMES[method]}: {METHOD_HINTS[method]}")
        show(drawn(figures.heat_scale, "heat scale"), "heat-scale", toolbar=False)
    if heats:
        stem = found.photo.name.rpartition("/")[2].rpartition(".")[0] or found.photo.name
        right.download_button(
            "Download as PNG",
            lambda: side_by_side(found.preview, list(heats.values())),
            f"{stem.replace(' ', '-')}-{method}.png",
            "image/png",
            icon=":material/download:",
            type="tertiary",
            key="png",
            on_click="ignore",
        )


def _write_grid(found: Explanation) -> None:
    """Shows the maps of all methods for all models, with what each takes and how faithful it is."""
    methods = methods_here()
    if len(methods) < 2:
        return
    st.subheader("Do all methods see the same? All maps of this photo", anchor=False)
    grid = st.grid(len(methods), min_column_width=150)
    for method in methods:
        choice = found.choice.with_method(method)
        with grid.cell():
            st.markdown(f"**{METHOD_NAMES[method]}**")
            st.caption(time_in_words(method))
            for run in found.explained:
                heat, problem, finished = found.heat(run, choice)
                if heat is None and finished:
                    st.caption(f"{escape(run.title)}: {escape(problem, 500)}")
                    continue
                name, key = METHOD_NAMES[method], found.request(run, choice).key
                st.image(
                    small_blend(found.photo, key, found.preview, heat if finished else None),
                    width="stretch",
                    caption=f"{escape(run.title)}: {escape(found.labels[run.name])}" if finished else "On its way",
                    alt=f"{name} of {run.title}, small" if finished else f"{name} of {run.title} is on its way",
                )


def _write_faithfulness(found: Explanation, faithful: "dict[str, tuple[Faithfulness | None, str]]") -> None:
    st.subheader("Do the maps show what counts? Faithfulness", anchor=False)
    grid = st.grid(len(found.explained), min_column_width=260)
    for run in found.explained:
        result, problem = faithful[run.name]
        with grid.cell():
            if result is not None:
                write_faithfulness(found.request(run, found.choice), result)
            elif problem:
                st.caption(f"{escape(run.title)}: {escape(problem, 500)}")
            else:
                st.skeleton(height=CHART_HEIGHT)
    write_method()


# Waiting


def _wait_for(found: Explanation, place: "DeltaGenerator") -> None:
    """Has the page drawn anew as soon as something that it waits for is there."""
    waiting = list(dict.fromkeys(found.jobs))
    loading = [job for job in dict.fromkeys(found.loading) if not job.done]
    with place.container():
        if waiting:
            _follow(waiting, [job.preview for job in waiting], loading)
        else:
            st.caption("All maps of this photo are here.")


@st.fragment(run_every=1)
def _follow(waiting: list[Job], previews: list[np.ndarray | None], loading: list[Job]) -> None:
    """Writes one line about the jobs that are not done, and says to them that they are wanted."""
    if any(job.done or job.preview is not seen for job, seen in zip(waiting, previews, strict=True)):
        st.rerun()
    for job in waiting:
        job.start()
    share = max(job.share for job in waiting)
    st.caption(f":material/hourglass: {waiting_in_words(bool(loading), len(waiting) - len(loading), share)}")
