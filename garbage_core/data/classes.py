"""The six classes of TrashNet: order, names, colors, and what to do with each.

This is the only module that knows them. A run trained on another folder of classes carries its own names, and every
view asks `class_color` and `class_hint` by name, which answer for unknown names too.

The colors are the palette of Okabe and Ito (https://jfly.uni-koeln.de/color/), which stays readable with the common
forms of color blindness. Two of its colors are too light to stand on white with the 3:1 contrast that WCAG 2.1 asks
of graphics (criterion 1.4.11), so every class also has an `edge`: the outline that shapes of this color are drawn
with, which has that contrast on white and on the dark theme's background. Where the color has it, both are equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class WasteClass:
    """One kind of waste.

    Attributes:
        name: Name of the class as in the data set's folders.
        color: Fill color as `#RRGGBB`, the same in every chart.
        edge: Outline color as `#RRGGBB`, with a contrast of 3:1 on both themes' backgrounds.
        hint: What people usually do with such a thing; generic, because local rules differ.
    """

    name: str
    color: str
    edge: str
    hint: str


CLASSES: tuple[WasteClass, ...] = (
    WasteClass(
        "cardboard",
        "#E69F00",
        "#B47C00",
        "Flatten it and put it with paper and cardboard; greasy or soaked pieces go to residual waste.",
    ),
    WasteClass(
        "glass",
        "#009E73",
        "#009E73",
        "Empty it and take it to the glass container, sorted by color where asked; drinking glasses and panes do not "
        "belong there.",
    ),
    WasteClass(
        "metal",
        "#56B4E9",
        "#2E8FC8",
        "Empty it and put it with metal or mixed packaging; many cans carry a deposit.",
    ),
    WasteClass(
        "paper",
        "#0072B2",
        "#0072B2",
        "Put it with paper, clean and dry; tissues and coated receipts go to residual waste.",
    ),
    WasteClass(
        "plastic",
        "#D55E00",
        "#D55E00",
        "Empty it and put it with plastic packaging; many bottles carry a deposit.",
    ),
    WasteClass(
        "trash",
        "#CC79A7",
        "#CC79A7",
        "Residual waste, unless a part of it can be taken off and recycled.",
    ),
)

CLASS_NAMES: tuple[str, ...] = tuple(c.name for c in CLASSES)
LOCAL_RULES = "Rules differ from place to place: your local collection has the last word."

_BY_NAME = {c.name: c for c in CLASSES}
# For classes of other data sets: colors apart from each other, each with 3:1 contrast on both themes.
_OTHER_COLORS = (
    "#7F7F7F",
    "#8C6D31",
    "#7B61C9",
    "#2A9D8F",
    "#C44E52",
    "#5B8C2A",
    "#B5651D",
    "#3F7FBF",
    "#AD5A9B",
    "#6B7F99",
)


def class_color(name: str, position: int = 0) -> str:
    """Returns the fill color of a class.

    Args:
        name: Name of the class, known here or not.
        position: Place of the class in its run's order; picks the color of a class that is not known here.

    Returns:
        A color as `#RRGGBB`.
    """
    known = _BY_NAME.get(name)
    return known.color if known else _OTHER_COLORS[position % len(_OTHER_COLORS)]


def class_edge(name: str, position: int = 0) -> str:
    """Returns the outline color of a class, with 3:1 contrast on both themes; arguments as `class_color`."""
    known = _BY_NAME.get(name)
    return known.edge if known else _OTHER_COLORS[position % len(_OTHER_COLORS)]


def class_hint(name: str) -> str | None:
    """Returns what to do with a thing of this class, or None for a class that is not known here."""
    known = _BY_NAME.get(name)
    return known.hint if known else None
