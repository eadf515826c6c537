"""What the main color gives away: photos of known colors, whose result can be told by hand."""

import numpy as np
import pandas as pd
import pytest

from garbage_core.evaluation.shortcut import color_shortcut

COLORS = {"can": "#c81e28", "jar": "#e1e1dc", "lid": "#1e28c8"}


def photos(colors: dict[str, list[str]], train: int) -> pd.DataFrame:
    """Returns a table of photos; of each class the first `train` are training photos, the rest test photos."""
    rows = [
        (label, "train" if place < train else "test", color)
        for label, list_ in colors.items()
        for place, color in enumerate(list_)
    ]
    return pd.DataFrame(rows, columns=["label", "split", "color"])


def test_a_color_of_its_own_gives_every_class_away():
    table = photos({label: [color] * 30 for label, color in COLORS.items()}, train=20)
    found = color_shortcut(table)
    assert (found.photos, found.accuracy, found.high) == (30, 1, 1)
    assert found.majority == pytest.approx(1 / 3)
    assert found.is_there


def test_colors_that_say_nothing_give_nothing_away():
    rng = np.random.default_rng(0)
    random = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in rng.integers(0, 256, (400, 3))]
    found = color_shortcut(photos({"can": random[:200], "jar": random[200:]}, train=100))
    assert found.low < 0.5 < found.high
    assert not found.is_there


def test_only_test_photos_count_and_only_training_photos_teach():
    table = photos({"can": ["#c81e28"] * 20 + ["#e1e1dc"] * 10, "jar": ["#e1e1dc"] * 20 + ["#c81e28"] * 10}, train=20)
    assert color_shortcut(table).accuracy == 0
    assert color_shortcut(table.assign(split=table["split"].replace("test", "val"))) is None


@pytest.mark.parametrize("drop", ["can", "jar"])
def test_a_single_class_has_nothing_to_be_told_apart(drop):
    table = photos({label: [COLORS[label]] * 12 for label in ("can", "jar")}, train=8)
    assert color_shortcut(table[table["label"] != drop]) is None
