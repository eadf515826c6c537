"""What the browser does on page Explanations: blends photo and maps, draws the bars, and takes the covered parts.

The reader drags over the photo, or moves a brush with the arrow keys and covers with the space bar. Every change goes
to the server as the numbers of the covered cells, at most four times a second while the reader drags.
"""

import streamlit as st

_HTML = """<div class="exhibit">
<figure class="photo"><figcaption><b>The photo</b><span></span></figcaption>
<div class="frame"><img><canvas tabindex="0" role="application"
aria-label="Cover parts of the photo: the arrow keys move the brush, the space bar covers"></canvas></div>
<label><span>Photo</span><input type="range" min="0" max="100" value="75" aria-label="Opacity of the maps">
<span>Maps</span></label></figure>
<div class="models"></div>
</div>"""
_CSS = """
.exhibit { display: grid; grid-template-columns: minmax(0, 1.25fr) minmax(0, 2fr); gap: 1rem;
  color: var(--st-text-color); font: 0.875rem var(--st-font); }
.exhibit .models { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 0.75rem; }
.exhibit figure { margin: 0; min-width: 0; }
.exhibit figcaption { margin-bottom: 0.25rem; line-height: 1.3; }
.exhibit figcaption > * { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.exhibit .frame { position: relative; border-radius: var(--st-base-radius); overflow: hidden; width: fit-content;
  margin: 0 auto; }
.exhibit .frame img { display: block; max-width: 100%; max-height: 46vh; }
.exhibit .frame .map, .exhibit canvas { position: absolute; inset: 0; width: 100%; height: 100%; max-height: none; }
.exhibit .frame .map { opacity: var(--opacity); }
.exhibit canvas { touch-action: none; cursor: crosshair; }
.exhibit canvas:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: -3px; }
.exhibit .note { margin: 0.25rem 0; }
.exhibit label { display: flex; align-items: center; gap: 0.5rem; margin-top: 0.25rem; }
.exhibit input { flex: 1; min-width: 0; height: 2rem; accent-color: var(--st-primary-color); }
.exhibit .bars { display: grid; grid-template-columns: max-content minmax(0, 1fr) max-content; gap: 0.1875rem 0.375rem;
  align-items: center; margin-top: 0.5rem; font-size: 0.75rem; line-height: 1.2; }
.exhibit .track { position: relative; height: 0.625rem; background: var(--st-secondary-background-color); }
.exhibit .track i { position: absolute; inset: 0 auto 0 0; transition: width 0.2s; }
.exhibit .track u { position: absolute; top: -2px; bottom: -2px; width: 2px; background: var(--st-text-color); }
.exhibit .value { text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 700px) {
  .exhibit { grid-template-columns: minmax(0, 1fr); gap: 0.5rem; }
  .exhibit .photo .frame img { max-height: 24vh; }
  .exhibit .models { grid-auto-flow: row; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.5rem; }
  .exhibit:has(.model:nth-child(3)) { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .exhibit:has(.model:nth-child(3)) .models { display: contents; }
  .exhibit .bars { gap: 0.0625rem 0.25rem; margin-top: 0.25rem; }
}
"""
_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".exhibit");
  const [photo, canvas, slider] = ["img", "canvas", "input"].map(tag => root.querySelector(".photo " + tag));
  const state = root.state ??= { at: [data.rows >> 1, data.columns >> 1] };
  if (state.key !== data.key || state.version !== data.version)
    Object.assign(state, { key: data.key, version: data.version, covered: new Set(data.covered) });
  const shown = new Set(data.covered);
  photo.src = data.photo;
  photo.alt = data.photo_alt;
  root.querySelector("figcaption span").textContent = data.label;
  const fade = () => root.style.setProperty("--opacity", slider.value / 100);
  slider.oninput = fade;
  fade();

  const make = (tag, name, text = "") => {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = text;
    return element;
  };
  root.querySelector(".models").replaceChildren(...data.models.map(model => {
    const figure = make("figure", "model"), frame = make("div", "frame"), bars = make("div", "bars");
    const caption = make("figcaption", ""), under = make("img", "");
    caption.append(make("b", "", model.title), make("span", "", model.words));
    caption.title = model.title + " " + model.words;
    Object.assign(under, { src: data.photo, alt: "" });
    frame.append(under);
    if (model.map) frame.append(Object.assign(make("img", "map"), { src: model.map, alt: model.map_alt }));
    for (const { name, color, now, before } of model.bars) {
      const track = make("span", "track"), bar = make("i", ""), mark = make("u", "");
      Object.assign(bar.style, { width: 100 * now + "%", background: color });
      mark.style.left = `calc(${100 * before}% - 1px)`;
      track.append(bar, mark);
      bars.append(make("span", "", name), track, make("span", "value", Math.round(100 * now) + " %"));
    }
    figure.append(caption, frame, ...(model.note ? [make("p", "note", model.note)] : []), bars);
    return figure;
  }));

  const paint = () => {
    const { width, height } = canvas.getBoundingClientRect(), pen = canvas.getContext("2d");
    if (!width) return;
    Object.assign(canvas, { width: width * devicePixelRatio, height: height * devicePixelRatio });
    pen.scale(devicePixelRatio, devicePixelRatio);
    const [w, h] = [width / data.columns, height / data.rows];
    for (const cell of state.covered) {
      const [row, column] = [Math.floor(cell / data.columns), cell % data.columns];
      pen.fillStyle = shown.has(cell) ? "rgba(255, 255, 255, 0.12)" : "rgba(90, 90, 90, 0.75)";
      pen.fillRect(column * w, row * h, w, h);
      pen.fillStyle = "rgba(255, 255, 255, 0.9)";
      const edge = (r, c, ...box) => {
        if (r < 0 || c < 0 || r >= data.rows || c >= data.columns || !state.covered.has(r * data.columns + c))
          pen.fillRect(...box);
      };
      edge(row - 1, column, column * w, row * h, w, 1);
      edge(row + 1, column, column * w, (row + 1) * h - 1, w, 1);
      edge(row, column - 1, column * w, row * h, 1, h);
      edge(row, column + 1, (column + 1) * w - 1, row * h, 1, h);
    }
    if (canvas.matches(":focus-visible")) {
      pen.strokeStyle = "#fff";
      pen.lineWidth = 2;
      pen.strokeRect((state.at[1] - 1) * w, (state.at[0] - 1) * h, 3 * w, 3 * h);
    }
  };
  const send = () => { state.timer = null; setTriggerValue("covered", [...state.covered]); };
  const cover = (row, column) => {
    for (let r = row - 1; r <= row + 1; r++)
      for (let c = column - 1; c <= column + 1; c++)
        if (r >= 0 && c >= 0 && r < data.rows && c < data.columns) state.covered.add(r * data.columns + c);
    state.timer ??= setTimeout(() => state.send(), 250);
    state.paint();
  };
  Object.assign(state, { paint, send });
  canvas.onpointerdown = event => { canvas.setPointerCapture(event.pointerId); state.last = null; move(event); };
  const move = event => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const box = canvas.getBoundingClientRect();
    const to = [(event.clientY - box.y) / box.height * data.rows, (event.clientX - box.x) / box.width * data.columns];
    const from = state.last ?? to, steps = Math.ceil(Math.max(1, ...to.map((value, k) => Math.abs(value - from[k]))));
    for (let k = 1; k <= steps; k++)
      cover(...to.map((value, axis) => Math.floor(from[axis] + (value - from[axis]) * k / steps)));
    state.last = to;
  };
  canvas.onpointermove = move;
  canvas.onkeydown = event => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], " ": [0, 0] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    state.at = [Math.min(data.rows - 1, Math.max(0, state.at[0] + step[0])),
      Math.min(data.columns - 1, Math.max(0, state.at[1] + step[1]))];
    if (event.key === " ") cover(...state.at);
    state.paint();
  };
  canvas.onfocus = canvas.onblur = paint;
  photo.onload = paint;
  paint();
}
"""
exhibit_view = st.components.v2.component("exhibit", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)
