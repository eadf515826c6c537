"""Generated photos and data sets for tests; no photo of a real data set is needed."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from garbage_core.dataset import official_splits

ORIENTATION = 0x0112


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
