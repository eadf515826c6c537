"""What page Explanations looks like: the choices, the photo, places for each model's results, and the results."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from garbage_app.explanations.jobs import Request
from garbage_app.explanations.text import METHOD_NAMES, PREDICTED, faithfulness_in_words
from garbage_app.photo import Photo
from garbage_app.widgets.charts import drawn, show
from garbage_core.explain.heatmaps import METHOD_HINTS, METHODS
from garbage_core.runs.run import Run
from garbage_core.utils.text import escape, percent

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from garbage_core.explain.faithfulness import Faithfulness

CHART_HEIGHT = 290  # pixels
STACKS = ("last", "conv4", "conv3", "conv2")


def choose_map(classes: list[str]) -> tuple[str, str, str, "DeltaGenerator"]:
    """Lets the reader choose; returns the method, the layers, the class, and the place for the opacity of the maps."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        method = st.segmented_control(
            "Method",
            list(METHODS),
            default="gradcam",
            required=True,
            format_func=METHOD_NAMES.__getitem__,
            key="method",
            bind="query-params",
            wrap=True,
            help="\n".join(f"- **{METHOD_NAMES[name]}**: {hint}" for name, hint in METHOD_HINTS.items()),
        )
        label = st.selectbox(
            "What speaks for",
            [PREDICTED, *classes],
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
            help="The network consists of stacks of layers. The last feature map says best what is in the photo, but "
            "only roughly where; earlier ones show edges and textures in finer detail. SmoothGrad works on single "
            "pixels and needs no layer.",
        )
        opacity = st.empty()
    return method, "last" if method == "saliency" else stack, label, opacity


@dataclass
class Slots:
    """Places on the page for the results of one model; until then placeholders of the same size stand there."""

    words: "DeltaGenerator"
    image: "DeltaGenerator"
    download: "DeltaGenerator"
    chart: "DeltaGenerator"

    def fail(self, message: str, icon: str = ":material/error:") -> None:
        """Says why there is no map, in the place of the words, and clears the chart's place."""
        self.words.error(message, icon=icon)
        self.chart.empty()


def lay_out(photo: Photo, preview: bytes, runs: list[Run], method: str) -> dict[str, Slots]:
    """Shows the photo, with places for the results of every model beside it, and returns these by the models' names."""
    words: dict[str, DeltaGenerator] = {}
    images: dict[str, DeltaGenerator] = {}
    downloads: dict[str, DeltaGenerator] = {}
    charts: dict[str, DeltaGenerator] = {}
    grid = st.grid(1 + len(runs), min_column_width=260)
    with grid.cell():
        write_photo(photo, preview, method)
    for run in runs:
        with grid.cell():
            st.subheader(escape(run.title), anchor=False)
            words[run.name] = st.empty()
            words[run.name].markdown(":gray[...]")
            images[run.name] = st.empty()
            images[run.name].image(preview, width="stretch", alt="The map is on its way")
            downloads[run.name] = st.empty()
    st.subheader("Do the maps show what counts?", anchor=False)
    grid = st.grid(1 + len(runs), min_column_width=260)
    with grid.cell():
        write_method()
    for run in runs:
        with grid.cell():
            charts[run.name] = st.empty()
            charts[run.name].skeleton(height=CHART_HEIGHT)
    return {name: Slots(words[name], images[name], downloads[name], charts[name]) for name in words}


def write_photo(photo: Photo, preview: bytes, method: str) -> None:
    """Shows the photo by itself, what the colors of the maps beside it mean, and how the maps are made."""
    from garbage_core import figures

    st.subheader("The photo", anchor=False)
    st.markdown(f"The data set labels it **{escape(photo.label)}**" if photo.label else escape(photo.name))
    st.image(preview, width="stretch", alt=f"The photo {photo.name}")
    show(drawn(figures.heat_scale, "heat scale"), "heat-scale", toolbar=False)
    st.caption(f"{METHOD_NAMES[method]}: {METHOD_HINTS[method]}")


def write_faithfulness(request: Request, result: "Faithfulness", place: "DeltaGenerator") -> None:
    """Draws how the probability falls as places are removed, with the number and the sentence that it comes to."""
    from garbage_core import figures

    with place.container():
        st.markdown(f"**{escape(request.run.title)}**, {escape(request.label)}")
        draws = len(result.random)
        curve = result.to_table()
        figure = drawn(
            lambda: figures.removal_curve(curve, request.label, draws),
            "removal",
            *request.key,
            private=request.photo.private,
        )
        show(figure, f"removal-{request.run.name}", data=curve)
        st.markdown(faithfulness_in_words(result, request.label))
        low, high = result.chance_range
        st.caption(
            f"Area under the curve {percent(result.area)}; in random order {percent(result.random_area)}, and between "
            f"{percent(max(0, low))} and {percent(min(1, high))} for nine of ten random orders."
        )


def write_method() -> None:
    """Says how faithfulness is measured."""
    st.markdown("**How this is measured**")
    st.markdown(
        "The photo is divided into small squares. They are removed, the hottest of the map first, and the model "
        "computes the probability of the class anew each time. If the map shows what counts, the probability falls "
        "faster than when squares are removed in random order (the gray band)."
    )
    st.caption(
        "A removed square is filled in smoothly from what is left around it: a gray one would be something new in the "
        "photo, and a blurred one would still have its color. At 100 % nothing of the photo is left, so all orders "
        "end in the same place. After Petsiuk et al. 2018 (RISE) and Rong et al. 2022 (ROAD)."
    )
