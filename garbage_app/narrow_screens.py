"""What a narrow screen would cut off: words wrap, and what scrolls sideways says so at its edge.

Streamlit shortens the words of metrics and links with dots, and lets tables, code and rows of choices scroll inside
themselves without a sign of it. `fit_narrow_screens` mends that on every page. Whatever can be scrolled sideways gets
the attribute `data-more` on the element around it, with the sides ("left", "right") where there is more; the styles
draw a shadow and an arrow there.
"""

import streamlit as st

_CSS = """
[data-testid=stMetric] :is(.stMarkdownEllipsis, p), [data-testid=stPageLink] a :is(span, p) {
  white-space: normal; overflow: visible; text-overflow: clip; }
[data-testid=stMetric] div:has(> [data-testid=stMetricDelta]) { flex-wrap: wrap; overflow: visible; row-gap: 0; }
[data-testid=stMetricDeltaDescription] { flex-shrink: 1; min-width: 0; max-width: 100%; overflow: visible; }
[data-testid=stButtonGroup] > [data-rac] {
  flex-wrap: nowrap; overflow-x: auto; max-width: 100%; scrollbar-width: none; }
[data-testid=stButtonGroup] > [data-rac] > button { flex-shrink: 0; }
[data-more] { position: relative; --shadow: 1rem -1rem rgb(110 110 110 / 0.75); }
[data-more]::before, [data-more]::after {
  position: absolute; z-index: 2; top: var(--more-top); height: var(--more-height); width: 2.5rem; padding: 0 0.2rem;
  pointer-events: none; display: flex; align-items: center; font: 1.25rem/1 sans-serif; color: #fff;
  text-shadow: 0 0 3px #000, 0 0 6px #000, 0 0 2px #000; }
[data-more~=left]::before { content: "\\2039" / ""; left: 0; box-shadow: inset 1.5rem 0 var(--shadow); }
[data-more~=right]::after {
  content: "\\203A" / ""; right: 0; justify-content: flex-end; box-shadow: inset -1.5rem 0 var(--shadow); }
@media (hover: none) {
  /* A finger has no hover: the toolbar above a table always shows, and would cover the words before it. */
  [data-testid=stElementContainer]:has(> [data-testid=stFullScreenFrame] [data-testid=stDataFrame]) {
    margin-top: 2.25rem; }
}
"""
_JS = """
const SCROLLERS = ".dvn-scroller, [data-testid=stTable] > div, [data-testid=stMarkdownContainer] table, pre, "
  + "[data-testid=stButtonGroup] > [data-rac], [role=tablist], .filmstrip";

const marked = (scroller, sides) => {
  const holder = scroller.closest("[data-testid=stDataFrame]") ?? scroller.parentElement;
  if (!sides.length) {
    holder.removeAttribute("data-more");
    return;
  }
  const inner = scroller.getBoundingClientRect(), outer = holder.getBoundingClientRect();
  holder.style.setProperty("--more-top", `${inner.top - outer.top}px`);
  holder.style.setProperty("--more-height", `${scroller.clientHeight}px`);
  holder.setAttribute("data-more", sides.join(" "));
};

const look = (scroller) => {
  const rest = scroller.scrollWidth - scroller.clientWidth;
  const scrolls = rest > 1 && ["auto", "scroll"].includes(getComputedStyle(scroller).overflowX);
  const left = scrolls && scroller.scrollLeft > 1, right = scrolls && scroller.scrollLeft < rest - 1;
  marked(scroller, [left && "left", right && "right"].filter(Boolean));
};

export default function () {
  const app = document.querySelector(".stApp");
  let waiting = null;
  const lookAtAll = () => {
    waiting = null;
    app.querySelectorAll(SCROLLERS).forEach(look);
  };
  const soon = () => { waiting ??= setTimeout(lookAtAll, 150); };
  const scrolled = ({ target }) => { if (target.matches?.(SCROLLERS)) look(target); };
  const changes = new MutationObserver(soon), sizes = new ResizeObserver(soon);
  changes.observe(app, { childList: true, subtree: true });
  sizes.observe(app);
  for (const name of ["toggle", "transitionend"]) app.addEventListener(name, soon, true);
  app.addEventListener("scroll", scrolled, true);
  soon();
  return () => {
    changes.disconnect();
    sizes.disconnect();
    clearTimeout(waiting);
    for (const name of ["toggle", "transitionend"]) app.removeEventListener(name, soon, true);
    app.removeEventListener("scroll", scrolled, true);
  };
}
"""
_fit = st.components.v2.component("narrow_screens", html="<span hidden></span>", css=_CSS, js=_JS, isolate_styles=False)


def fit_narrow_screens() -> None:
    """Puts an invisible element on the page that keeps words whole and marks what scrolls sideways."""
    _fit(key="narrow-screens")
