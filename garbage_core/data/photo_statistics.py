"""What can be measured on a photo without a network: size, brightness, dominant color.

    models/studies/photos.csv    one row per photo: file, label, width, height, bytes, brightness, color

    python -m garbage_core data --statistics

makes the table from the photos; the page on the data set reads it, so that it says the same where no photo is.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from garbage_core.data.dataset import Dataset
from garbage_core.data.images import decode_image
from garbage_core.errors import GarbageError
from garbage_core.utils.files import write_csv
from garbage_core.utils.system import map_photos

STATISTICS_COLUMNS = ("file", "label", "width", "height", "bytes", "brightness", "color")
COMMAND = "python -m garbage_core data --statistics"
_PALE = ("white", "pale blue", "beige", "gray", "black")
# Names of colors, from light to dark and then around the wheel, as `color_name` gives them.
COLOR_NAMES = (*_PALE, "brown", "red", "orange", "yellow", "green", "blue", "purple")
SIDE = 64  # pixels; the longer side of the small copy that is measured
GROUPS = 5  # of like colors in a photo


def measure_photos(dataset: Dataset, progress: Callable[[], None] = lambda: None) -> pd.DataFrame:
    """Measures every photo of a data set.

    Args:
        dataset: The data set.
        progress: Called after each photo.

    Returns:
        Columns `STATISTICS_COLUMNS`, see `read_statistics`.

    Raises:
        GarbageError: A photo cannot be read.
    """
    from threadpoolctl import threadpool_limits

    def measured(file: str) -> tuple[float, str]:
        return measure(decode_image(dataset.read_bytes(file), file, at_least=(SIDE * 3 // 4, SIDE * 3 // 4)))

    # The groups of a small copy are found faster by one thread than by several that wait for each other.
    with threadpool_limits(1):
        found = list(map_photos(measured, dataset.photos["file"], lambda _: progress()))
    table = dataset.photos[["file", "label", "width", "height", "bytes"]].reset_index(drop=True)
    return table.assign(brightness=[value for value, _ in found], color=[color for _, color in found])


def measure(rgb: np.ndarray) -> tuple[float, str]:
    """Measures one photo on a copy whose longer side has `SIDE` pixels at most.

    Args:
        rgb: Photo of shape (H, W, 3), uint8.

    Returns:
        The brightness, mean luma (ITU-R BT.601) of all pixels in 0..1 with three decimals; and the dominant color as
        `#rrggbb`, the mean of the largest of `GROUPS` groups of like colors (k-means on sRGB, always from the same
        start).
    """
    from sklearn.cluster import KMeans

    photo = Image.fromarray(rgb)
    photo.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    brightness = round(float(np.asarray(photo.convert("L"), float).mean()) / 255, 3)
    pixels = np.asarray(photo, float).reshape(-1, 3)
    groups = min(GROUPS, len(np.unique(pixels, axis=0)))
    found = KMeans(groups, n_init=1, random_state=0).fit(pixels)
    largest = found.cluster_centers_[np.bincount(found.labels_).argmax()]
    return brightness, "#{:02x}{:02x}{:02x}".format(*largest.round().clip(0, 255).astype(int))


def write_statistics(table: pd.DataFrame, path: str | Path) -> Path:
    """Writes the table of `measure_photos`, atomically, and returns where."""
    return write_csv(table[list(STATISTICS_COLUMNS)], path, "%.3f")


def read_statistics(path: str | Path) -> pd.DataFrame:
    """Reads the measured photos.

    Args:
        path: The file, as a rule `studies.tables.study_path("photos")`.

    Returns:
        Columns `file`, `label`, `width` and `height` (pixels, upright), `bytes`, `brightness` (0 black to 1 white),
        `color` (`#rrggbb`).

    Raises:
        GarbageError: The file is missing or is no such table.
    """
    path = Path(path)
    again = f"make it with `{COMMAND}`."
    if not path.is_file():
        raise GarbageError(f"There is no table {path}; {again}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise GarbageError(f"{path} cannot be read ({error}); {again}") from error
    missing = [column for column in STATISTICS_COLUMNS if column not in table.columns]
    if missing or table.empty:
        raise GarbageError(f"{path} lacks {'the columns ' + ', '.join(missing) if missing else 'any row'}; {again}")
    numbers = ["width", "height", "bytes", "brightness"]
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce")
    wrong = ~(
        (table[numbers[:3]] >= 1).all(axis=1)
        & table["brightness"].between(0, 1)
        & table["color"].map(lambda color: re.fullmatch(r"#[0-9a-f]{6}", color) is not None)
    )
    if wrong.any():
        raise GarbageError(f"{path} holds no valid values for {table['file'][int(wrong.argmax())]!r}; {again}")
    return table[list(STATISTICS_COLUMNS)].astype({"width": int, "height": int, "bytes": int})


def statistics_of(photos: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Returns the measured values of some photos.

    Args:
        photos: Columns `file`, `label`, `split`, and `bytes` where the photos themselves are there.
        table: From `read_statistics`.

    Returns:
        The rows of `table` whose file is among the photos and, where that is known, has as many bytes; with the
        `label` and `split` of `photos`. Photos of another data set with the same names are thus left out.
    """
    known = photos[[column for column in ("file", "label", "split", "bytes") if column in photos]]
    keys = [column for column in ("file", "bytes") if column in known]
    return known.merge(table.drop(columns="label"), on=keys)


def size_table(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Describes the sizes of the photos of each class.

    Args:
        table: Columns `label`, `width`, `height`, one row per photo.
        classes: Names in order; those without a photo are left out.

    Returns:
        Columns `label`, `photos`, `sizes` (different ones), `width` and `height` of the most common one, `share` of the
        photos that have it (0..1), and the `smallest` and `largest` number of megapixels.
    """
    rows = []
    for name, photos in _by_class(table, classes):
        sizes = photos.groupby(["width", "height"]).size()
        width, height = sizes.index.to_list()[int(sizes.to_numpy().argmax())]
        share, pixels = sizes.max() / len(photos), photos["width"] * photos["height"] / 1e6
        rows.append((name, len(photos), len(sizes), width, height, share, pixels.min(), pixels.max()))
    columns = ["label", "photos", "sizes", "width", "height", "share", "smallest", "largest"]
    return pd.DataFrame(rows, columns=columns)


def brightness_table(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Describes how bright the photos of each class are.

    Args:
        table: Columns `label` and `brightness` (0..1), one row per photo.
        classes: Names in order; those without a photo are left out.

    Returns:
        Columns `label`, `photos`, `mean`, and the quantiles `low` (5 %), `q1` (25 %), `median`, `q3` (75 %), `high`
        (95 %), all in 0..1.
    """
    rows = []
    for name, photos in _by_class(table, classes):
        values = photos["brightness"]
        rows.append((name, len(photos), values.mean(), *values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])))
    return pd.DataFrame(rows, columns=["label", "photos", "mean", "low", "q1", "median", "q3", "high"])


def explained_share(values: pd.Series, labels: pd.Series) -> float:
    """Returns the share of the variance of some values that their classes explain (eta squared), 0..1.

    Args:
        values: One number per photo.
        labels: Its class.

    Returns:
        The variance between the classes' means, weighted by their photos, over the variance of all; 0 where all
        values are equal.
    """
    numbers = values.to_numpy(float)
    means = pd.Series(numbers).groupby(labels.to_numpy()).transform("mean").to_numpy()
    total = numbers.var()
    return float(means.var() / total) if total > 0 else 0.0


def color_table(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Counts dominant colors by their names.

    Args:
        table: Columns `label` and `color` (`#rrggbb`), one row per photo.
        classes: Names in order.

    Returns:
        Columns `label`, `name` (of `COLOR_NAMES`), `photos`, `share` of the photos of the class (0..1), and `color`,
        the mean of theirs as `#rrggbb`; in the order of `classes` and `COLOR_NAMES`.
    """
    rgb = hex_to_rgb(table["color"])
    rows = pd.DataFrame(rgb, columns=list("rgb")).assign(label=table["label"].to_numpy(), name=color_names(rgb))
    groups = rows.groupby(["label", "name"]).agg(
        photos=("r", "size"), r=("r", "mean"), g=("g", "mean"), b=("b", "mean")
    )
    order = pd.MultiIndex.from_product([classes, COLOR_NAMES], names=["label", "name"])
    groups = groups.reindex(order).dropna(subset=["photos"]).reset_index()
    channels = groups[["r", "g", "b"]].round().astype(int)
    return groups[["label", "name"]].assign(
        photos=groups["photos"].astype(int),
        share=groups["photos"] / groups.groupby("label")["photos"].transform("sum"),
        color=[f"#{r:02x}{g:02x}{b:02x}" for r, g, b in channels.itertuples(index=False)],
    )


def hex_to_rgb(colors: Iterable[str]) -> np.ndarray:
    """Turns N colors `#rrggbb` into numbers 0..255, float of shape (N, 3)."""
    return np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors], float).reshape(-1, 3)


def color_names(rgb: np.ndarray) -> np.ndarray:
    """Names colors as people would, in `COLOR_NAMES`.

    Args:
        rgb: sRGB 0..255, shape (N, 3).

    Returns:
        Names, shape (N,): without a hue (chroma below 5 in CIELAB) white, gray or black by lightness; else by the angle
        of the hue. Pale warm colors are beige, dark ones brown; pale cold ones pale blue.
    """
    lightness, a, b = lab(rgb).T
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    warm = (hue >= 40) & (hue < 110)
    cold = (hue >= 190) & (hue < 315)
    rules = (
        (lightness < 22, "black"),
        ((chroma < 5) & (lightness >= 85), "white"),
        (chroma < 5, "gray"),
        (warm & (lightness < 60), "brown"),
        (warm & (chroma < 35), "beige"),
        (warm & (hue < 80), "orange"),
        (warm, "yellow"),
        (cold & (chroma < 20) & (lightness >= 60), "pale blue"),
        (cold & (hue < 300), "blue"),
        ((hue >= 110) & (hue < 190), "green"),
        ((hue >= 300) & (hue < 350), "purple"),
    )
    return np.select([condition for condition, _ in rules], [name for _, name in rules], "red")


def lab(rgb: np.ndarray) -> np.ndarray:
    """Converts sRGB (IEC 61966-2-1) to CIELAB under D65.

    Args:
        rgb: 0..255, shape (N, 3).

    Returns:
        L* (0..100), a* and b*, shape (N, 3).
    """
    c = np.asarray(rgb, float).reshape(-1, 3) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    )
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _by_class(table: pd.DataFrame, classes: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    groups = {str(name): photos for name, photos in table.groupby("label")}
    return [(name, groups[name]) for name in classes if name in groups]
