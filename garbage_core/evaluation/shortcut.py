"""What the main color of a photo gives away: a shortcut that a network can learn in place of the object.

The main color (`photo_statistics.measure`) is the color that fills most of a photo, which is the background as a rule.
Geirhos et al. 2020, Shortcut learning in deep neural networks, arXiv:2004.07780.
"""

from dataclasses import dataclass

import pandas as pd

from garbage_core.data.photo_statistics import hex_to_rgb, lab
from garbage_core.evaluation.intervals import wilson_interval

NEIGHBORS = 25  # training photos of the most similar color, of which the most common class is predicted


@dataclass(frozen=True)
class ColorShortcut:
    """How often the class of a test photo is predicted from its main color alone.

    Attributes:
        photos: Number of test photos.
        accuracy: Share that is predicted right, 0..1.
        low: Lower end of its 95 % interval (Wilson).
        high: Upper end.
        majority_label: The most common class of the training photos.
        majority: Share of the test photos that is right if that class is always predicted, 0..1.
    """

    photos: int
    accuracy: float
    low: float
    high: float
    majority_label: str
    majority: float

    @property
    def is_there(self) -> bool:
        """Whether the color gives away more than the most common class does, by more than chance can."""
        return self.low > self.majority


def color_shortcut(photos: pd.DataFrame) -> ColorShortcut | None:
    """Predicts the class of every test photo from the training photos whose main color is most similar in CIELAB.

    Args:
        photos: Columns `label`, `split` and `color` (`#rrggbb`), one row per photo.

    Returns:
        The result, or None without training or test photos or with a single class.
    """
    from sklearn.neighbors import KNeighborsClassifier

    train, test = (photos[photos["split"] == split] for split in ("train", "test"))
    if test.empty or train["label"].nunique() < 2:
        return None
    # A tenth of a small data set, so that the neighbors are similar there, too.
    neighbors = max(1, min(NEIGHBORS, len(train) // 10))
    nearest = KNeighborsClassifier(neighbors).fit(lab(hex_to_rgb(train["color"])), train["label"].to_numpy(str))
    right = nearest.predict(lab(hex_to_rgb(test["color"]))) == test["label"].to_numpy(str)
    low, high = wilson_interval(right.sum(), len(test))
    label = str(train["label"].value_counts().idxmax())
    majority = float((test["label"] == label).mean())
    return ColorShortcut(len(test), float(right.mean()), float(low), float(high), label, majority)
