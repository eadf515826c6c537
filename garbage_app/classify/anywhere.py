"""Photos pasted or dropped anywhere on the landing page.

The browser hands them to the page's own uploader, so they arrive, are limited and are refused as any upload is. The
server only empties that uploader first, so that a pasted photo takes the place of the one before.
"""

from collections.abc import Callable

import streamlit as st

# Where Streamlit's uploader takes files from, and the places that take what is pasted or dropped on them by themselves.
_JS = """
const INPUT = '[data-testid="stFileUploaderDropzoneInput"]';
const OWN = '[data-testid="stFileUploader"], input, textarea, [contenteditable="true"]';
const NO_PICTURE = "The clipboard holds no picture: copy one, then paste it.";

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader(), found = [];
  for (;;) {  // a folder is read in portions
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    for (const inside of some) if (!inside.name.startsWith(".")) found.push(...await filesOf(inside));
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const state = parentElement.anywhere ??= {};
  const said = parentElement.querySelector("[role=status]");
  state.ask = () => setTriggerValue("wanted", true);
  if (state.files && data.turn !== state.turn) {
    const files = state.files, until = Date.now() + 10000;
    state.files = null;
    const hand = () => {  // once the emptied uploader stands in the place of the one before
      const input = document.querySelector(INPUT);
      if (!input || input === state.before) return Date.now() < until && setTimeout(hand, 30);
      const parcel = new DataTransfer();
      files.forEach((file) => parcel.items.add(file));
      input.files = parcel.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    };
    hand();
  }
  state.turn = data.turn;
  if (state.listening) return;
  state.listening = true;

  const take = (files) => {
    said.textContent = "";
    state.files = files;
    state.before = document.querySelector(INPUT);
    state.ask();
  };
  const pasted = (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) {
      event.preventDefault();
      take(files);
    } else if (!event.target.closest?.(OWN)) {
      said.textContent = NO_PICTURE;
    }
  };
  const over = (event) => {
    if (event.dataTransfer?.types.includes("Files") && !event.target.closest?.(OWN)) event.preventDefault();
  };
  const dropped = async (event) => {
    if (!event.dataTransfer?.files.length || event.target.closest?.(OWN)) return;
    event.preventDefault();  // else the browser would leave the page and show the file
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = entries.length ? (await Promise.all(entries.map(filesOf))).flat() : [...event.dataTransfer.files];
    if (files.length) take(files);
  };
  const key = navigator.platform.startsWith("Mac") ? "⌘V" : "Ctrl+V";
  const button = parentElement.querySelector("button");
  button.querySelector("kbd").textContent = `(${key})`;
  button.onclick = async () => {  // for phones, and for those who do not know the keys
    said.textContent = "";
    try {
      const files = [];
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((one) => one.startsWith("image/"));
        if (type) files.push(new File([await item.getType(type)], `image.${type.slice(6)}`, { type }));
      }
      if (files.length) take(files); else said.textContent = NO_PICTURE;
    } catch {  // not allowed, or not a secure address
      said.textContent = `The browser does not let the page read the clipboard: press ${key}.`;
    }
  };
  const listeners = { paste: pasted, dragover: over, drop: dropped };
  for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener);
    state.listening = false;
  };
}
"""
_HTML = '<p class="anywhere"><button type="button">or paste one <kbd></kbd></button> <span role="status"></span></p>'
_CSS = """
.anywhere { margin: 0; color: var(--st-text-color); font: 0.875rem var(--st-font); }
.anywhere button { min-height: 1.5rem; padding: 0; border: none; border-radius: 0.25rem; background: none;
  font: inherit; color: var(--st-link-color); text-decoration: underline; cursor: pointer; }
.anywhere button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.anywhere kbd { font: inherit; font-size: 0.8125rem; }
@media (pointer: coarse) { .anywhere kbd { display: none; } }
"""
_anywhere = st.components.v2.component("anywhere", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)


def take_from_anywhere(turn: int, make_room: Callable[[], None]) -> None:
    """Takes photos that are pasted or dropped anywhere on the page, and says that they can be.

    Args:
        turn: Number of times that the uploader was emptied.
        make_room: Puts an empty uploader on the page, with a higher number, before the photos are handed to it.
    """
    _anywhere(key="anywhere", data={"turn": turn}, on_wanted_change=make_room, width="content")
