"""From a photo to its heat maps on the page: predictions, maps, and how far the maps can be trusted, as they arrive."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from garbage_app.classifiers import is_loaded, predict_with_heatmap
from garbage_app.explanations.jobs import Job, Request, faithfulness_job, map_job, random_removal_job, wait_for
from garbage_app.explanations.layout import Slots, lay_out, write_faithfulness
from garbage_app.explanations.map_images import MapImage, MapImages, jpeg, show_maps
from garbage_app.explanations.text import PREDICTED, conclusion, note, predictions_in_words
from garbage_app.photo import Photo, preview_of
from garbage_app.widgets.page_header import answer
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, chance, escape

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from garbage_core.explain.faithfulness import Faithfulness
    from garbage_core.inference.classifier import Prediction

SLIDER_HEIGHT = 66  # pixels


@dataclass(frozen=True)
class Choice:
    """What the reader wants to see.

    Attributes:
        method: One of `garbage_core.explain.heatmaps.METHODS`.
        stack: Layers that the maps are made of, see `Request`.
        label: Class that the maps speak for, or `PREDICTED`.
    """

    method: str
    stack: str
    label: str


def explain(photo: Photo, runs: list[Run], choice: Choice, opacity: "DeltaGenerator", place: "DeltaGenerator") -> None:
    """Shows the maps of all models and how far they can be trusted, each as soon as it is there.

    Args:
        photo: Photo to explain.
        runs: Models whose predictions are explained.
        choice: Method, layers and class.
        opacity: Place of the slider.
        place: Place of the answer to the page's question.

    Raises:
        GarbageError: If the photo cannot be read.
    """
    opacity.skeleton(height=SLIDER_HEIGHT)
    preview = preview_of(photo)
    slots = lay_out(photo, jpeg(preview), runs, choice.method)
    predictions = _predictions(photo, runs, place, slots)
    requests = _requests(photo, [run for run in runs if run.name in predictions], choice, predictions, slots)
    if not requests:
        opacity.empty()
        answer(place, "No model can explain this.")
        return
    explained = [request.run for request in requests.values()]
    sentence = predictions_in_words(explained, predictions, choice.label)
    with place.container(gap="xsmall"):
        st.subheader(sentence, anchor=False)
        bar = st.progress(0.0, "Computing the maps")

    def show_progress(share: float) -> None:
        bar.progress(share, "Computing the maps" if share < 0.5 else "Testing whether they show what counts")

    map_jobs = {name: map_job(request) for name, request in requests.items()}
    random_jobs = {name: random_removal_job(request) for name, request in requests.items()}
    wait_for(list(map_jobs.values()), show_progress, 0.0, 0.5)
    heats = _results(map_jobs, slots)
    images = MapImages()
    for name, heat in heats.items():
        images.add(MapImage(requests[name], preview, heat, slots[name].image), slots[name].download)
    opacity.empty()
    if heats:
        with opacity.container():
            show_maps(images)
    faithfulness = _test(requests, heats, random_jobs, slots, show_progress)
    verdicts = {requests[name].run.title: result.verdict for name, result in faithfulness.items()}
    answer(
        place,
        f"{sentence} {conclusion(verdicts)}" if verdicts else sentence,
        note(choice.method, choice.stack, list(heats.values())),
    )


def _predictions(
    photo: Photo, runs: list[Run], place: "DeltaGenerator", slots: dict[str, Slots]
) -> "dict[str, Prediction]":
    """Returns the prediction of each model by its name; a model that fails is left out, and says so in its place."""
    found = {}
    ready = all(map(is_loaded, runs))
    with place, st.spinner("Classifying the photo" if ready else "Loading the models, once per server"):
        for run in runs:
            try:
                found[run.name] = predict_with_heatmap(photo, run)[0]
            except GarbageError as error:
                slots[run.name].fail(escape(str(error), 500))
    return found


def _requests(
    photo: Photo, runs: list[Run], choice: Choice, predictions: "dict[str, Prediction]", slots: dict[str, Slots]
) -> dict[str, Request]:
    """Writes each model's prediction and returns what is to be explained, by its name, where it knows the class."""
    requests = {}
    for run in runs:
        best = predictions[run.name]
        slots[run.name].words.markdown(f"**{escape(capital(best.label))}**, {chance(best.confidence)}")
        if choice.label in (PREDICTED, *run.classes):
            label = best.label if choice.label == PREDICTED else choice.label
            requests[run.name] = Request(run, photo, label, choice.method, choice.stack)
        else:
            slots[run.name].fail(f"It knows no {escape(choice.label)}.", icon=":material/info:")
    return requests


def _test(
    requests: dict[str, Request],
    heats: dict[str, Any],
    random_jobs: dict[str, Job],
    slots: dict[str, Slots],
    show_progress: Callable[[float], None],
) -> "dict[str, Faithfulness]":
    """Tests the maps against random removal, writes the results and returns them by the models' names."""
    wait_for(list(random_jobs.values()), show_progress, 0.5, 0.8)
    random = _results(random_jobs, slots)
    jobs = {name: faithfulness_job(requests[name], heats[name], random[name]) for name in heats if name in random}
    wait_for(list(jobs.values()), show_progress, 0.8, 1.0)
    results = _results(jobs, slots)
    for name, result in results.items():
        write_faithfulness(requests[name], result, slots[name].chart)
    return results


def _results(jobs: dict[str, Job], slots: dict[str, Slots]) -> dict[str, Any]:
    """Returns the results of finished jobs by the models' names; what failed says so in its place."""
    results = {}
    for name, job in jobs.items():
        try:
            results[name] = job.result()
        except GarbageError as error:
            slots[name].fail(escape(str(error), 500))
    return results
