"""A drawing of the network of a run: which of its stacks started from where, and which the training changed."""

from dataclasses import dataclass
from html import escape

import streamlit as st

from garbage_app.widgets.charts import is_dark
from garbage_core.figures.style import NEUTRAL, PRIMARY, faded
from garbage_core.runs.run import Run
from garbage_core.utils.text import listing

STACKS = ("conv1", "conv2", "conv3", "conv4", "conv5", "head")
_STARTS = {"head": "predictions"}  # where a stack's layers have another name
_PRIMARY_ON_DARK = "#4CC3BA"  # as in .streamlit/config.toml
_WIDTH, _HEIGHT, _GAP = 520, 136, 8


@dataclass(frozen=True)
class Stack:
    """A stack of the network.

    Attributes:
        name: One of `STACKS`.
        blocks: Number of its residual blocks; 0 for conv1 and the head.
        pretrained: Whether it started from weights of another training.
        trained: Whether any stage of the training changed it.
    """

    name: str
    blocks: int
    pretrained: bool
    trained: bool


def stacks_of(run: Run) -> list[Stack]:
    """Returns the stacks of a run's network, from the photo to the classes."""
    first = min((_place(stage.train_from) for stage in run.config.stages), default=0)
    loaded = (run.info.get("starting_weights") or {}).get("loaded") or []
    blocks = dict(zip(STACKS[1:5], run.config.blocks, strict=True))
    return [
        Stack(
            name,
            blocks.get(name, 0),
            any(layer.startswith(_STARTS.get(name, name)) for layer in loaded),
            place >= first,
        )
        for place, name in enumerate(STACKS)
    ]


def write_network(run: Run) -> None:
    """Draws the network of a run; nothing for one that is no ResNet."""
    if not run.config.version.startswith("v"):
        return
    stacks = stacks_of(run)
    st.image(_drawing(stacks, is_dark()), width="stretch", alt=in_words(stacks))
    st.caption(in_words(stacks))


def in_words(stacks: list[Stack]) -> str:
    """Returns what the drawing shows in a sentence."""
    kinds = {
        "Frozen as pretrained": [s.name for s in stacks if not s.trained],
        "Pretrained, then trained on": [s.name for s in stacks if s.trained and s.pretrained],
        "Trained from random weights": [s.name for s in stacks if s.trained and not s.pretrained],
    }
    return " ".join(f"{kind}: {listing(names)}." for kind, names in kinds.items() if names)


def _place(train_from: str) -> int:
    return 0 if train_from == "all" else STACKS.index(train_from)


def _drawing(stacks: list[Stack], dark: bool) -> str:
    """Returns the drawing as SVG: a box for each stack, with its blocks in it."""
    ink, primary = ("#E3E9E9", _PRIMARY_ON_DARK) if dark else ("#1B2426", PRIMARY)
    width = (_WIDTH - _GAP * (len(stacks) - 1)) / len(stacks)
    parts = []
    for place, stack in enumerate(stacks):
        left, color = place * (width + _GAP), primary if stack.trained else NEUTRAL
        fill = faded(color, 0.35 if stack.trained else 0.12)
        dash = "" if stack.trained else " stroke-dasharray='5 4'"
        parts.append(
            f"<rect x='{left + 1:.1f}' y='1' width='{width - 2:.1f}' height='92' rx='6' fill='{fill}' stroke='{color}' "
            f"stroke-width='1.5'{dash}/>"
        )
        inner = f"x='{left + 12:.1f}' width='{width - 24:.1f}' height='8' rx='2' fill='{color}'"
        parts += [f"<rect y='{80 - 12 * block}' {inner}/>" for block in range(stack.blocks)]
        middle = left + width / 2
        kind = ("pretrained" if stack.pretrained else "random") if stack.trained else "frozen"
        for text, y, size in ((stack.name, 111, 15), (kind, 129, 13)):
            parts.append(
                f"<text x='{middle:.1f}' y='{y}' font-size='{size}' text-anchor='middle' fill='{ink}' "
                f"font-family='sans-serif'>{escape(text)}</text>"
            )
    return f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}'>{''.join(parts)}</svg>"
