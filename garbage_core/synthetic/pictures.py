"""Drawn pictures that an OOD detector should refuse, and altered photos that it should accept.

    picture = drawn("document", seed=3)  # uint8 RGB
    photo = altered(rgb, seed=3)  # the same object, as another phone in another room might show it

Every picture follows from its kind and seed alone, so a study that uses them can be repeated to the pixel.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from garbage_core.errors import GarbageError

KINDS = ("plain", "noise", "document", "screenshot")
_SYLLABLES = ("an", "be", "con", "de", "er", "for", "in", "la", "men", "no", "or", "pre", "ran", "so", "ti", "un", "wy")


def drawn(kind: str, seed: int) -> np.ndarray:
    """Draws a picture that shows no object: RGB, uint8 (height, width, 3), 300 to 700 pixels a side.

    The kind is one of `KINDS`: a plain color or a gradient, noise of some grain, a page of text, a program's window.

    Raises:
        GarbageError: For an unknown kind.
    """
    if kind not in KINDS:
        raise GarbageError(f"There is no kind of drawn picture {kind!r}: choose one of {', '.join(KINDS)}.")
    rng = np.random.default_rng([KINDS.index(kind), seed])
    width, height = [(512, 384), (384, 512), (448, 448), (640, 360), (360, 640)][rng.integers(5)]
    return _PAINTERS[kind](rng, width, height)


def altered(rgb: np.ndarray, seed: int) -> np.ndarray:
    """Changes a photo, uint8 (H, W, 3), as another camera, light and hand would have: the object stays what it is.

    A crop of 75 to 100 % of each side, upright, level or square; exposure, white balance, blur, sensor noise and JPEG.
    """
    rng = np.random.default_rng([99, seed])
    height, width = rgb.shape[:2]
    aspect = rng.choice([4 / 3, 1.0, 3 / 4])
    zoom = rng.uniform(0.75, 1.0)
    box_width = zoom * min(width, height * aspect)
    box_height = box_width / aspect
    left, top = rng.uniform(0, width - box_width), rng.uniform(0, height - box_height)
    size = (round(box_width), round(box_height))
    image = Image.fromarray(rgb).resize(
        size, Image.Resampling.BICUBIC, box=(left, top, left + box_width, top + box_height)
    )
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    values = (np.asarray(image) / 255.0) ** rng.uniform(0.75, 1.33) * rng.uniform(0.94, 1.06, 3)
    values = 255 * values + rng.normal(0, rng.uniform(0, 3), (size[1], size[0], 1))
    buffer = BytesIO()
    Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=int(rng.integers(60, 96)))
    return np.array(Image.open(buffer))


def _plain(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """One color, or one that turns into another; every third with the faint grain of a lens cap or a wall."""
    first, second = rng.uniform(0, 255, (2, 3))
    if rng.random() < 0.5:
        second = first
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    angle = rng.uniform(0, 2 * np.pi)
    share = (np.cos(angle) * x + np.sin(angle) * y) / 3 + 0.5
    values = first + share[..., np.newaxis] * (second - first)
    if rng.random() < 1 / 3:
        values = values + rng.normal(0, rng.uniform(1, 6), values.shape)
    return np.clip(values, 0, 255).astype(np.uint8)


def _noise(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Independent pixels, gray or colored, or clouds of them: the same at a coarser grain."""
    channels = 1 if rng.random() < 0.3 else 3
    grain = int(rng.choice([1, 1, 2, 8, 24, 64]))
    small = rng.normal(128, rng.uniform(30, 90), (max(height // grain, 2), max(width // grain, 2), channels))
    small = np.repeat(np.clip(small, 0, 255).astype(np.uint8), 3 // channels, axis=2)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def _document(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A page of text with a heading, paragraphs and now and then a table; scanned, or photographed a little askew."""
    scale = 2  # drawn large and made small, so that letters look like a page's and not like a screen's
    width, height = scale * width, scale * height
    paper = tuple(int(v) for v in rng.integers(225, 256) + rng.integers(-8, 1, 3))
    ink = tuple(int(v) for v in np.repeat(rng.integers(0, 70), 3))
    page = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(page)
    size = int(rng.integers(16, 34))
    font, margin = ImageFont.load_default(size), int(rng.uniform(0.04, 0.12) * width)
    y = margin
    draw.text((margin, y), _sentence(rng, 5).title(), fill=ink, font=ImageFont.load_default(2 * size))
    y += 3 * size
    while y < height - margin:
        if rng.random() < 0.15:  # a table
            rows, columns = int(rng.integers(3, 7)), int(rng.integers(2, 6))
            step = (width - 2 * margin) // columns
            for _ in range(rows):
                draw.line((margin, y, width - margin, y), fill=ink, width=2)
                for column in range(columns):
                    draw.text((margin + column * step + 6, y + 4), str(rng.integers(1, 9999)), fill=ink, font=font)
                y += int(1.5 * size)
            draw.line((margin, y, width - margin, y), fill=ink, width=2)
        else:
            for _ in range(int(rng.integers(2, 9))):
                text = _sentence(rng, 30)
                while font.getlength(text) > width - 2 * margin:
                    text = text.rpartition(" ")[0]
                draw.text((margin, y), text, fill=ink, font=font)
                y += int(1.35 * size)
        y += size
    if rng.random() < 0.5:
        page = page.rotate(rng.uniform(-6, 6), Image.Resampling.BICUBIC, fillcolor=tuple(v // 2 for v in paper))
    return np.array(page.resize((width // scale, height // scale), Image.Resampling.LANCZOS))


def _screenshot(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A program's window, light or dark: bar, side list, cards with text, buttons and charts."""
    dark = rng.random() < 0.4
    ground, ink = ((24, 26, 32), (225, 225, 230)) if dark else ((250, 250, 252), (40, 42, 50))
    raised = (42, 45, 54) if dark else (236, 238, 243)
    accent = tuple(int(v) for v in rng.integers(30, 230, 3))
    page = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(int(rng.integers(10, 15)))
    bar = int(rng.integers(24, 44))
    draw.rectangle((0, 0, width, bar), fill=accent if rng.random() < 0.6 else raised)
    draw.text((12, bar // 2 - 6), _sentence(rng, 2), fill=ink, font=font)
    side = int(width * rng.uniform(0.18, 0.3)) if width > height else 0
    if side:
        draw.rectangle((0, bar, side, height), fill=raised)
        for y in range(bar + 12, height - 20, 24):
            draw.ellipse((10, y, 22, y + 12), fill=accent if rng.random() < 0.3 else ink)
            draw.text((30, y), _sentence(rng, 2), fill=ink, font=font)
    columns = int(rng.integers(1, 4))
    step = (width - side - 12) // columns
    y = bar + 12
    while y < height:
        tall = int(rng.integers(60, 150))
        for column in range(columns):
            x = side + 12 + column * step
            box = (x, y, x + step - 12, y + tall)
            draw.rounded_rectangle(box, 6, fill=raised)
            _card(rng, draw, box, font, ink, accent)
        y += tall + 12
    return np.array(page)


def _card(rng: np.random.Generator, draw: ImageDraw.ImageDraw, box, font, ink, accent) -> None:
    left, top, right, bottom = box
    content = rng.integers(3)
    if content == 0:  # text and a button
        for y in range(top + 8, bottom - 34, 16):
            draw.text((left + 8, y), _sentence(rng, max(1, (right - left) // 45)), fill=ink, font=font)
        draw.rounded_rectangle((left + 8, bottom - 26, left + min(80, right - left - 8), bottom - 8), 4, fill=accent)
    elif content == 1:  # a bar chart
        for x in range(left + 8, right - 14, 16):
            draw.rectangle((x, rng.integers(top + 10, bottom - 10), x + 10, bottom - 8), fill=accent)
    else:  # a line chart
        xs = np.linspace(left + 8, right - 8, 12)
        ys = np.clip(np.cumsum(rng.normal(0, 8, 12)) + (top + bottom) / 2, top + 8, bottom - 8)
        draw.line([(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], fill=accent, width=2)


def _sentence(rng: np.random.Generator, words: int) -> str:
    """Returns words of one to three syllables that mean nothing."""
    return " ".join("".join(rng.choice(_SYLLABLES, rng.integers(1, 4))) for _ in range(words)).capitalize()


_PAINTERS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "plain": _plain,
    "noise": _noise,
    "document": _document,
    "screenshot": _screenshot,
}
