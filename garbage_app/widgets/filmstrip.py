"""Small photos side by side, each a button: a click on one tells the page which."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

_CSS = """
.filmstrip { display: grid; grid-template-columns: repeat(6, 1fr); gap: 0.5rem 1rem; font: 0.8125rem var(--st-font); }
.filmstrip.row { display: flex; overflow-x: auto; gap: 0.5rem; padding: 3px;
  align-items: flex-start; }
.filmstrip button { font: inherit; color: var(--st-text-color); background: none; border: none; padding: 0;
  text-align: left; cursor: pointer; border-radius: var(--st-base-radius); }
.filmstrip.row button { flex: 0 0 6.5rem; line-height: 1.2; }
.filmstrip img { display: block; width: 100%; aspect-ratio: 3 / 2; object-fit: cover; margin-bottom: 0.125rem;
  border-radius: var(--st-base-radius); }
.filmstrip button:hover { color: var(--st-primary-color); }
.filmstrip button:hover img, .filmstrip button:focus-visible, .filmstrip [aria-pressed=true] img {
  outline: 2px solid var(--st-primary-color); }
@media (max-width: 700px) {
  .filmstrip { display: flex; overflow-x: auto; gap: 0.75rem; padding: 3px; }
  .filmstrip button { flex: 0 0 38%; }
  .filmstrip.row button { flex: 0 0 5.5rem; }
}
"""
_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const strip = parentElement.querySelector(".filmstrip");
  strip.classList.toggle("row", data.row);
  strip.replaceChildren(...data.frames.map(({ key, tag, photo }) => {
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = photo;
    image.alt = "";
    button.append(image, tag);
    if (data.chosen !== null) button.setAttribute("aria-pressed", key === data.chosen);
    button.onclick = () => setTriggerValue("chosen", key);
    return button;
  }));
}
"""
_strip = st.components.v2.component(
    "filmstrip", html='<div class="filmstrip"></div>', css=_CSS, js=_JS, isolate_styles=False
)


@dataclass(frozen=True)
class Frame:
    """One photo of a filmstrip.

    Attributes:
        key: What is handed over when it is chosen.
        tag: Words under it.
        photo: Address of the small photo, such as a data address.
    """

    key: str
    tag: str
    photo: str


def filmstrip(
    name: str, frames: Sequence[Frame], choose: Callable[[str], None], chosen: str | None = None, row: bool = False
) -> None:
    """Shows photos side by side.

    Args:
        name: Key of the element, unique on the page.
        frames: The photos.
        choose: Called with the key of a photo that was clicked, before the page is drawn anew.
        chosen: Key of the photo that is marked; None marks none.
        row: Whether they stand in one row that scrolls, else in several rows of six.
    """

    def follow() -> None:
        if key := st.session_state[name]["chosen"]:
            choose(key)

    _strip(
        key=name,
        data={"frames": [asdict(frame) for frame in frames], "chosen": chosen, "row": row},
        on_chosen_change=follow,
    )
