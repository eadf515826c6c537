"""Text for Streamlit's Markdown: names as they are, and the colors of the classes."""

import re

from garbage_core.data.classes import class_edge

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&^=\"'])")


def plain(text: str, limit: int = 60) -> str:
    """Returns a text so that Markdown shows it letter by letter, such as the name of an uploaded file.

    Args:
        text: Any text; control characters become spaces.
        limit: Longer texts lose their middle.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in str(text))
    if len(text) > limit:
        text = f"{text[: limit - 16]}...{text[-13:]}"
    return _MARKDOWN.sub(r"\\\1", text)


def chip(name: str, position: int = 0) -> str:
    """Returns Markdown for a small square in the color of a class; put the name beside it."""
    return f':color[■]{{foreground="{class_edge(name, position)}"}}'
