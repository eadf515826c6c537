"""Generated photos and data sets for tests; no photo of a real data set is needed."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw, ImageFilter

from garbage_core.dataset import official_splits

ORIENTATION = 0x0112
COLOURS = {"blue": (40, 60, 200), "red": (200, 50, 40), "yellow": (210, 200, 60)}


def picture(width: int = 64, height: int = 48) -> Image.Image:
    """A smooth picture in which all four corners and all three channels differ."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    channels = np.stack([40 + 180 * across, 30 + 200 * down, 220 - 120 * across - 80 * down], axis=-1)
    return Image.fromarray(channels.round().astype(np.uint8))


def encode(image: Image.Image, kind: str, orientation: int | None = None, **options) -> bytes:
    """Encodes a picture; `kind` is one of `images.ACCEPTED_FORMATS`."""
    exif = Image.Exif()
    if orientation:
        options["exif"] = exif
        exif[ORIENTATION] = orientation
    options = {"JPEG": {"quality": 95}, "WebP": {"quality": 95}, "AVIF": {"quality": 95}}.get(kind, {}) | options
    buffer = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image).save(
            buffer, format="HEIF", quality=95, **{k: v.tobytes() for k, v in options.items()}
        )
    else:
        image.save(buffer, kind.upper(), **options)
    return buffer.getvalue()


def cardboard(width: int = 1280, height: int = 960) -> bytes:
    """A JPEG that looks like a photo of a piece of cardboard on a light table, drawn."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    table = np.stack([222 - x / 40 - y / 60, 216 - x / 40 - y / 60, 206 - x / 38 - y / 55], axis=-1)
    image = Image.fromarray(np.clip(table + rng.normal(0, 2, table.shape), 0, 255).astype(np.uint8))
    corners = [(0.08, 0.14), (0.84, 0.06), (0.94, 0.84), (0.16, 0.95)]

    def where(shift: float, blur: float, strength: int) -> Image.Image:
        mask = Image.new("L", image.size)
        places = [(width * (left + shift), height * (top + shift)) for left, top in corners]
        ImageDraw.Draw(mask).polygon(places, fill=strength)
        return mask.filter(ImageFilter.GaussianBlur(blur))

    fibres = 1.5 * np.sin((x + 0.12 * y) / 4.5)
    for grain, strength in ((4, 0.9), (16, 1.2), (64, 1.8)):
        spots = rng.normal(0, strength, (height // grain, width // grain)).astype(np.float32)
        fibres += np.asarray(Image.fromarray(spots).resize(image.size))
    card = np.stack([164 + fibres, 122 + fibres, 84 + fibres], axis=-1)
    image.paste((120, 112, 104), mask=where(0.02, 22, 120))
    image.paste(Image.fromarray(np.clip(card, 0, 255).astype(np.uint8)), mask=where(0, 1, 255))
    return encode(image, "JPEG")


def jpeg(colour: tuple[int, int, int] = (120, 130, 140), width: int = 16, height: int = 12) -> bytes:
    """A small JPEG of one colour."""
    return encode(Image.new("RGB", (width, height), colour), "JPEG")


def small_dataset(classes: Iterable[str] = ("can", "jar"), photos: int = 3) -> dict[str, bytes]:
    """Files of a data set, name -> content: a few photos per class, each of another colour."""
    return {
        f"{label}/{label}{number}.jpg": jpeg((10 + 40 * place, 20 * number, 90))
        for place, label in enumerate(classes)
        for number in range(1, photos + 1)
    }


def write_folder(root: Path, files: dict[str, bytes], prefix: str = "") -> Path:
    """Writes files below a folder and returns the folder."""
    for name, content in files.items():
        path = root / (prefix + name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_zip(path: Path, files: dict[str, bytes], prefix: str = "") -> Path:
    """Writes files into an archive and returns its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
    return path


def official_files() -> dict[str, bytes]:
    """A photo under every name of TrashNet, all the same."""
    return dict.fromkeys(official_splits(), jpeg(width=8, height=6))


def write_colours(root: Path, counts: Mapping[str, int] | None = None, height: int = 36, width: int = 48) -> Path:
    """Writes noisy photos of `COLOURS`, twenty of each or as counted: a network learns them in a few steps."""
    rng = np.random.default_rng(0)
    for name, count in (counts or dict.fromkeys(COLOURS, 20)).items():
        (root / name).mkdir()
        for number in range(count):
            pixels = np.clip(np.array(COLOURS[name]) + rng.normal(0, 40, (height, width, 3)), 0, 255)
            Image.fromarray(pixels.astype("uint8")).save(root / name / f"{number}.png")
    return root


def thing_on_a_table(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A photo like the data set's: a blue thing with stripes on a light ground that darkens to one side; and where."""
    y, x = np.mgrid[0:300, 0:400]
    photo = np.stack([225 - x / 12, 222 - x / 12, 215 - x / 12], axis=-1)
    photo += np.random.default_rng(seed).normal(0, 2, photo.shape)
    where = (abs(y - 150) < 60) & (abs(x - 200) < 90)
    photo[where] = np.where((x // 10 % 2 == 0)[where, np.newaxis], (30, 60, 140), (60, 90, 170))
    return np.clip(photo, 0, 255).astype(np.uint8), where
