"""Draws the page anew when the reader changes the theme.

Streamlit recolors its own elements in the browser and tells the server nothing. Figures hold colors that the server
chose for the other theme, such as the text on the cells of a matrix, and would be unreadable until the next click.
"""

import streamlit as st

_JS = """
export default function ({ setTriggerValue }) {
  const app = document.querySelector(".stApp");
  const background = () => getComputedStyle(app).backgroundColor;
  let before = background();
  const observer = new MutationObserver(() => {
    if (background() === before) return;
    before = background();
    setTriggerValue("theme", before);
  });
  observer.observe(app, { attributes: true, attributeFilter: ["class"] });
  return () => observer.disconnect();
}
"""
_watch = st.components.v2.component("theme_watch", html="<span hidden></span>", js=_JS, isolate_styles=False)


def follow_theme() -> None:
    """Puts an invisible element on the page that asks for the page again when its background changes."""
    _watch(key="theme-watch", on_theme_change=lambda: None)
