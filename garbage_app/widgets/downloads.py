"""Below a figure: its image as PNG and SVG, its numbers as CSV.

Only the browser can draw a Plotly figure without a Chrome on the server, so the two images come from the figure's own
"download image" button, which is pressed for the reader. It is hidden itself: it knows one format at a time, cannot be
found on phones, would cover a cell of a matrix, and leaves the background clear, so that the light text of the dark
theme would be lost on white paper.
"""

import re
from collections.abc import Callable

import pandas as pd
import streamlit as st

from garbage_core.utils.files import spreadsheet_csv

_HTML = """<div class="figure-images"><span aria-hidden="true">Download</span>
<button data-format="png">PNG</button><button data-format="svg">SVG</button></div>"""
_CSS = """
.stPlotlyChart .modebar-container { display: none; }
.figure-images { display: flex; align-items: center; gap: 0.25rem; font-size: 0.875rem; color: var(--st-text-color); }
.figure-images span { opacity: 0.6; }
.figure-images button {
  font: inherit; color: inherit; cursor: pointer; background: none; border: none; min-height: 2rem; padding: 0.25rem;
  border-radius: var(--st-base-radius);
}
.figure-images button:hover { color: var(--st-primary-color); }
.figure-images button:focus-visible { outline: 2px solid var(--st-primary-color); }
"""
# A finger on a figure that can be clicked must still scroll the page: Plotly would keep the touch for itself. Without
# it the browser scrolls, and turns a tap into a click.
_JS = """
export default function ({ data, parentElement }) {
  const press = (format) => {
    const plot = document.querySelector(`.st-key-${data.figure} .js-plotly-plot`);
    const button = plot?.querySelector(".modebar-btn");
    if (!button) return;
    const before = plot.layout.paper_bgcolor;
    plot._context.toImageButtonOptions = { ...plot._context.toImageButtonOptions, format, scale: 2 };
    plot.layout.paper_bgcolor = getComputedStyle(document.querySelector(".stApp")).backgroundColor;
    button.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    plot.layout.paper_bgcolor = before;
  };
  for (const button of parentElement.querySelectorAll("button")) {
    button.title = `Download this figure as ${button.textContent}`;
    button.setAttribute("aria-label", `${button.title}: ${data.alt}`);
    button.onclick = () => press(button.dataset.format);
  }
  const leave = (event) => {
    if (event.target.closest?.(`.st-key-${data.figure}`)) event.stopPropagation();
  };
  document.addEventListener("touchstart", leave, { capture: true, passive: true });
  return () => document.removeEventListener("touchstart", leave, { capture: true });
}
"""
_images = st.components.v2.component("figure_images", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)


def downloads(name: str, alt: str, data: pd.DataFrame | Callable[[], pd.DataFrame] | None = None) -> None:
    """Writes the row of downloads below a figure.

    Args:
        name: Key of the figure on the page; also the name of the files.
        alt: What the figure shows, for those who hear the page.
        data: Its numbers, or a function that makes the table when it is asked for; None for images alone.
    """
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="xsmall"):
        _images(key=f"{name}-images", data={"figure": css_class(name), "alt": alt}, width="content")
        if data is not None:
            st.download_button(
                "CSV",
                lambda: csv(data() if callable(data) else data),
                f"{name}.csv",
                "text/csv",
                type="tertiary",
                help="Download the numbers of this figure as CSV",
                on_click="ignore",
                key=f"{name}-csv",
            )


def csv(data: pd.DataFrame) -> bytes:
    """Returns a table as the content of a CSV file for spreadsheets, with its index if that has a name."""
    return spreadsheet_csv(data.reset_index() if data.index.name is not None else data)


def css_class(key: str) -> str:
    """Returns a key as Streamlit writes it into a class of the page."""
    return re.sub(r"[^a-zA-Z0-9_-]", "-", key.strip())
