"""Clicks on the map: where a drag draws a lasso, Streamlit passes on lassos alone, and a click or a tap is lost."""

import streamlit as st

from garbage_app.evaluation.selection import MAP, follow_point
from garbage_app.widgets.downloads import css_class

_JS = """
export default function ({ data, setTriggerValue }) {
  const click = (event) => {
    const point = event.points?.[0];
    if (point) setTriggerValue("place", [point.x, point.y]);
  };
  // The page replaces its figures whenever something is selected.
  const attach = () => {
    const plot = document.querySelector(`.st-key-${data.figure} .js-plotly-plot`);
    if (!plot?.on || plot.followsClicks === click) return;
    if (plot.followsClicks) plot.removeListener("plotly_click", plot.followsClicks);
    plot.followsClicks = click;
    plot.on("plotly_click", click);
  };
  const timer = setInterval(attach, 300);
  attach();
  return () => clearInterval(timer);
}
"""
_clicks = st.components.v2.component("map_click", html="<span hidden></span>", js=_JS, isolate_styles=False)
_KEY = "map-click"


def follow_clicks_on_map() -> None:
    """Puts an invisible element on the page that selects the photo whose point is clicked or tapped."""
    _clicks(
        key=_KEY, data={"figure": css_class(MAP)}, on_place_change=lambda: follow_point(st.session_state[_KEY].place)
    )
