"""Page Explanations around the picture: the choices with how long each method takes, and how faithful the maps are."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from garbage_app import cache
from garbage_app.explanations.jobs import Request, seconds_of
from garbage_app.explanations.text import PREDICTED, faithfulness_in_words, seconds_in_words
from garbage_app.widgets.charts import drawn, show
from garbage_core.errors import GarbageError
from garbage_core.explain.faithfulness import Faithfulness
from garbage_core.explain.heatmaps import METHOD_HINTS, METHOD_NAMES, METHODS
from garbage_core.explain.times import Times, load_times, times_path
from garbage_core.inference.engine import keras_is_installed
from garbage_core.utils.text import escape, percent

CHART_HEIGHT = 290  # pixels
STACKS = ("last", "conv4", "conv3", "conv2")
CAM = "gradcam"  # on the last feature map the class activation map, which needs no gradient


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

    def with_method(self, method: str) -> "Choice":
        """Returns the same choice with another method, which may need no layers."""
        return Choice(method, "last" if method == "saliency" else self.stack, self.label)

    @property
    def needs_gradient(self) -> bool:
        """Whether the maps need TensorFlow."""
        return (self.method, self.stack) != (CAM, "last")


def methods_here() -> tuple[str, ...]:
    """Returns the methods that can be used on this server."""
    return METHODS if keras_is_installed() else (CAM,)


def choose_map(classes: list[str]) -> Choice:
    """Lets the reader choose method, class and layers."""
    methods = methods_here()
    method = st.radio(
        "Method",
        methods,
        format_func=METHOD_NAMES.__getitem__,
        captions=[time_in_words(name) for name in methods],
        key="method",
        bind="query-params",
        help="\n".join(f"- **{METHOD_NAMES[name]}**: {METHOD_HINTS[name]}" for name in methods)
        + "\n\nThe time is that of one map on this server, or until it was used here on the machine that measured it.",
    )
    if len(methods) < len(METHODS):
        st.caption("Methods that need gradients need TensorFlow, which is not installed on this server.")
    label = st.selectbox(
        "What speaks for",
        [PREDICTED, *classes],
        key="target",
        bind="query-params",
        help="Also for a class that a model did not choose: what in the photo would speak for it?",
    )
    if len(methods) < len(METHODS):
        return Choice(method, "last", label)
    stack = st.selectbox(
        "Layers",
        STACKS,
        key="layer",
        bind="query-params",
        disabled=method == "saliency",
        help="The network consists of stacks of layers. The last feature map says best what is in the photo, but "
        "only roughly where; earlier ones show edges and textures in finer detail. SmoothGrad works on single "
        "pixels and needs no layer.",
    )
    return Choice(method, stack, label).with_method(method)


def time_in_words(method: str) -> str:
    """Returns how long a map of a method takes: as measured on this server, else where the times were measured."""
    stored = _stored_times()
    seconds = seconds_of(method) or (stored.methods[method] if stored else None)
    if method == CAM:
        return "at once"
    return "" if seconds is None else seconds_in_words(seconds)


def _stored_times() -> Times | None:
    path = times_path()
    try:
        return _read_times(path)
    except GarbageError:
        return None


@cache.data(max_entries=2)
def _read_times(path: Path) -> Times | None:
    return load_times(path)


def write_faithfulness(request: Request, result: Faithfulness) -> None:
    """Draws how the probability falls as places are removed, with the number and the sentence that it comes to."""
    from garbage_core import figures

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
    with st.expander("How this is measured: deletion curves"):
        st.markdown(
            "The photo is divided into small squares. They are removed, the hottest of the map first, and the model "
            "computes the probability of the class anew each time. If the map shows what counts, the probability falls "
            "faster than when squares are removed in random order (the gray band)."
        )
        st.caption(
            "A removed square is filled in smoothly from what is left around it: a gray one would be something new in "
            "the photo, and a blurred one would still have its color. At 100 % nothing of the photo is left, so all "
            "orders end in the same place. After Petsiuk et al. 2018 (RISE) and Rong et al. 2022 (ROAD)."
        )
