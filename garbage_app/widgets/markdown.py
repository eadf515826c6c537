"""Text for Streamlit's Markdown: the colors of the classes."""

from garbage_core.data.classes import class_edge


def chip(name: str, position: int = 0) -> str:
    """Returns Markdown for a small square in the color of a class; put the name beside it."""
    return f':color[■]{{foreground="{class_edge(name, position)}"}}'
