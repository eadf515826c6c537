"""Why a model answers as it does: heat maps of the models side by side, and whether they show what counts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from garbage_app.classifiers import choose_models, is_loaded, predict_with_heatmap, start_loading, val_accuracy
from garbage_app.explanations.jobs import Wish, Work, faithfulness_work, map_work, wait_for, yardstick_work
from garbage_app.explanations.map_images import Picture, Shown, jpeg, show_maps
from garbage_app.explanations.text import ANSWER, METHOD_NAMES, answers_in_words, conclusion, in_words, note
from garbage_app.photo import Photo, preview_of
from garbage_app.router import ensure_routed
from garbage_app.widgets.charts import drawn, show
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.page_header import answer, question
from garbage_app.widgets.photo_picker import pick_photo
from garbage_core.errors import GarbageError
from garbage_core.explain.heatmaps import METHOD_HINTS, METHODS
from garbage_core.runs.run import Run
from garbage_core.utils.text import capital, chance, escape, percent

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from garbage_core.explain.faithfulness import Faithfulness

ensure_routed()

STACKS = ("last", "conv4", "conv3", "conv2")
CHART_HEIGHT = 290
SLIDER_HEIGHT = 66


# What to explain


def choose_map(classes: list[str]) -> tuple[str, str, str, "DeltaGenerator"]:
    """Lets the reader choose; returns the method, the layers, the class, and the place for the opacity of the maps."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        method = st.segmented_control(
            "Method",
            list(METHODS),
            default="gradcam",
            required=True,
            format_func=METHOD_NAMES.get,
            key="method",
            bind="query-params",
            wrap=True,
            help="\n".join(f"- **{METHOD_NAMES[name]}**: {hint}" for name, hint in METHOD_HINTS.items()),
        )
        label = st.selectbox(
            "What speaks for",
            [ANSWER, *classes],
            key="target",
            bind="query-params",
            help="Also for a class that a model did not choose: what in the photo would speak for it?",
        )
    with right:
        stack = st.segmented_control(
            "Layers",
            STACKS,
            default="last",
            required=True,
            key="layer",
            bind="query-params",
            disabled=method == "saliency",
            help="The network looks at the photo in stacks of layers. The last feature map knows best what is to be "
            "seen, but only roughly where; earlier ones see edges and textures in finer detail. SmoothGrad looks at "
            "single pixels and needs no layer.",
        )
        opacity = st.empty()
    return method, "last" if method == "saliency" else stack, label, opacity


# The maps


def write_photo(photo: Photo, preview: bytes, method: str) -> None:
    """Shows the photo by itself, what the colors of the maps beside it mean, and how the maps are made."""
    from garbage_core import figures

    st.subheader("The photo", anchor=False)
    st.markdown(f"The data set calls it **{escape(photo.label)}**" if photo.label else escape(photo.name))
    st.image(preview, width="stretch", alt=f"The photo {photo.name}")
    show(drawn(figures.heat_scale, "heat scale"), "heat-scale", toolbar=False)
    st.caption(f"{METHOD_NAMES[method]}: {METHOD_HINTS[method]}")


# How far they can be trusted


def write_faithfulness(wish: Wish, result: "Faithfulness", place: "DeltaGenerator") -> None:
    """Draws how the probability falls as places are removed, with the number and the sentence that it comes to."""
    from garbage_core import figures

    with place.container():
        st.markdown(f"**{escape(wish.run.title)}**, {escape(wish.label)}")
        draws = len(result.random)
        curve = result.to_table()
        figure = drawn(
            lambda: figures.removal_curve(curve, wish.label, draws), "removal", *wish.key, private=wish.photo.private
        )
        show(figure, f"removal-{wish.run.name}", data=curve)
        st.markdown(in_words(result, wish.label))
        low, high = result.chance_range
        st.caption(
            f"Area under the curve {percent(result.area)}; in random order {percent(result.random_area)}, and between "
            f"{percent(max(0, low))} and {percent(min(1, high))} for nine of ten random orders."
        )


def write_method() -> None:
    """Says how faithfulness is measured."""
    st.markdown("**How this is measured**")
    st.markdown(
        "The photo is divided into small squares. They are removed, the hottest of the map first, and the model is "
        "asked again and again how likely the class still is. If the map shows what counts, the probability falls "
        "faster than when squares are removed in random order (the gray band)."
    )
    st.caption(
        "A removed square is filled in smoothly from what is left around it: a gray one would be something new in the "
        "photo, and a blurred one would still have its color. At 100 % nothing of the photo is left, so all orders "
        "end in the same place. After Petsiuk et al. 2018 (RISE) and Rong et al. 2022 (ROAD)."
    )


# The page


@dataclass
class Slots:
    """The places on the page that one model's results go to; until then something of the same size stands there."""

    words: "DeltaGenerator"
    picture: "DeltaGenerator"
    download: "DeltaGenerator"
    chart: "DeltaGenerator"

    def fail(self, message: str, icon: str = ":material/error:") -> None:
        """Says why there is no map, in the place of the words, and clears the chart's place."""
        self.words.error(message, icon=icon)
        self.chart.empty()


def lay_out(photo: Photo, preview: bytes, runs: list[Run], method: str) -> dict[str, Slots]:
    """Shows the photo and keeps places for the results of every model beside it; returns them by the models' names."""
    words, pictures, downloads, charts = {}, {}, {}, {}
    grid = st.grid(1 + len(runs), min_column_width=260)
    with grid.cell():
        write_photo(photo, preview, method)
    for run in runs:
        with grid.cell():
            st.subheader(escape(run.title), anchor=False)
            words[run.name] = st.empty()
            words[run.name].markdown(":gray[...]")
            pictures[run.name] = st.empty()
            pictures[run.name].image(preview, width="stretch", alt="The map is on its way")
            downloads[run.name] = st.empty()
    st.subheader("Do the maps show what counts?", anchor=False)
    grid = st.grid(1 + len(runs), min_column_width=260)
    with grid.cell():
        write_method()
    for run in runs:
        with grid.cell():
            charts[run.name] = st.empty()
            charts[run.name].skeleton(height=CHART_HEIGHT)
    return {run.name: Slots(*(places[run.name] for places in (words, pictures, downloads, charts))) for run in runs}


def predictions_of(photo: Photo, runs: list[Run], place: "DeltaGenerator", slots: dict[str, Slots]) -> dict:
    """Returns the answer of each model by its name; a model that fails is left out, and says so in its place."""
    found = {}
    ready = all(map(is_loaded, runs))
    with place, st.spinner("Looking at the photo" if ready else "Loading the models, once per server"):
        for run in runs:
            try:
                found[run.name] = predict_with_heatmap(photo, run)[0]
            except GarbageError as error:
                slots[run.name].fail(escape(str(error), 500))
    return found


def results_of(works: dict[str, Work], slots: dict[str, Slots]) -> dict:
    """Returns what finished work came to, by the model's name; what failed says so in its place."""
    done = {}
    for name, work in works.items():
        try:
            done[name] = work.result()
        except GarbageError as error:
            slots[name].fail(escape(str(error), 500))
    return done


def explain(
    photo: Photo,
    runs: list[Run],
    method: str,
    stack: str,
    label: str,
    opacity: "DeltaGenerator",
    place: "DeltaGenerator",
) -> None:
    """Shows the maps of all models and how far they can be trusted, each as soon as it is there."""
    opacity.skeleton(height=SLIDER_HEIGHT)
    preview = preview_of(photo)
    slots = lay_out(photo, jpeg(preview), runs, method)
    predictions = predictions_of(photo, runs, place, slots)
    runs = [run for run in runs if run.name in predictions]
    wishes = {}
    for run in runs:
        best = predictions[run.name]
        slots[run.name].words.markdown(f"**{escape(capital(best.label))}**, {chance(best.confidence)}")
        if label in (ANSWER, *run.classes):
            wishes[run.name] = Wish(run, photo, best.label if label == ANSWER else label, method, stack)
        else:
            slots[run.name].fail(f"It knows no {escape(label)}.", icon=":material/info:")
    if not wishes:
        opacity.empty()
        answer(place, "No model can answer this.")
        return
    sentence = answers_in_words([run for run in runs if run.name in wishes], predictions, label)

    with place.container(gap="xsmall"):
        st.subheader(sentence, anchor=False)
        bar = st.progress(0.0, "Computing the maps")

    def show_progress(share: float) -> None:
        bar.progress(share, "Computing the maps" if share < 0.5 else "Testing whether they show what counts")

    maps = {name: map_work(wish) for name, wish in wishes.items()}
    yardsticks = {name: yardstick_work(wish) for name, wish in wishes.items()}
    wait_for(list(maps.values()), show_progress, 0.0, 0.5)
    heats = results_of(maps, slots)
    shown = Shown()
    for name, heat in heats.items():
        shown.add(Picture(wishes[name], preview, heat, slots[name].picture), slots[name].download)
    opacity.empty()
    if heats:
        with opacity.container():
            show_maps(shown)
    wait_for(list(yardsticks.values()), show_progress, 0.5, 0.8)
    random = results_of(yardsticks, slots)
    tests = {name: faithfulness_work(wishes[name], heats[name], random[name]) for name in heats if name in random}
    wait_for(list(tests.values()), show_progress, 0.8, 1.0)
    tested = results_of(tests, slots)
    for name, result in tested.items():
        write_faithfulness(wishes[name], result, slots[name].chart)
    verdicts = {wishes[name].run.title: result.verdict for name, result in tested.items()}
    answer(
        place,
        f"{sentence} {conclusion(verdicts)}" if verdicts else sentence,
        note(method, stack, list(heats.values())),
    )


place = question("Which part of the photo decides?")
runs = sorted(choose_models(runs_or_stop()), key=val_accuracy, reverse=True)
photo = pick_photo(runs)
classes = list(dict.fromkeys(name for run in runs for name in run.classes))
method, stack, label, opacity = choose_map(classes)
if photo is None:
    answer(place, "Choose a photo, and see what in it speaks for the answer.")
else:
    explain(photo, runs, method, stack, label, opacity, place)
for run in runs:
    start_loading(run)
