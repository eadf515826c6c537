"""Foreground masks of photos with plain backgrounds, and background replacement in a study and in training."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from garbage_core.config.training_config import load_config
from garbage_core.data.dataset import load_dataset
from garbage_core.synthetic.foreground import extract_foreground, placed
from tests.fixtures.photos import thing_on_a_table

CONFIG = """
name = "mini"
filters = 8
blocks = [1, 1, 1, 1]
height = 48
width = 64
[[stages]]
name = "only"
epochs = 2
learning_rate = 0.01
batch_size = 8
augmentation = "light"
grounds = 0.5
"""


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global BackgroundReplacement, draw_background, TrainingPhotos, train
    from garbage_core.training.backgrounds import BackgroundReplacement, draw_background
    from garbage_core.training.batches import TrainingPhotos
    from garbage_core.training.loop import train


def test_a_thing_is_cut_out_of_a_plain_background():
    photo, where = thing_on_a_table()
    found = extract_foreground(photo)
    assert (found & where).sum() / (found | where).sum() > 0.95


@pytest.mark.parametrize(
    "photo",
    [
        np.full((300, 400, 3), 200, np.uint8),
        np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8),
    ],
    ids=["nothing there", "no background"],
)
def test_where_there_is_no_thing_none_is_cut_out(photo):
    assert extract_foreground(photo) is None
    assert placed(photo, 0) is None


def test_a_placed_thing_stays_and_its_ground_changes():
    photo, where = thing_on_a_table()
    inside = ndimage.binary_erosion(where, iterations=6)
    outside = ~ndimage.binary_dilation(where, iterations=40)
    grounds = []
    for seed in range(12):
        picture = placed(photo, seed)
        np.testing.assert_array_equal(picture, placed(photo, seed))
        assert abs(picture[inside].astype(int) - photo[inside]).max() <= 2
        assert abs(picture[outside].astype(int) - photo[outside]).mean() > 10
        grounds.append(picture[outside].mean(axis=0))
    assert np.std(grounds, axis=0).min() > 15


@pytest.mark.parametrize("height", [192, 384])
def test_a_thing_is_cut_out_at_any_size(height):
    photo, where = thing_on_a_table()
    size = (height * 4 // 3, height)
    found = extract_foreground(np.asarray(Image.fromarray(photo).resize(size)))
    wanted = np.asarray(Image.fromarray(where).resize(size))
    assert (found & wanted).sum() / (found | wanted).sum() > 0.93


def test_drawn_grounds_differ_in_color_and_pattern():
    grounds = [draw_background(np.random.default_rng(seed), 48, 64) for seed in range(60)]
    assert all(ground.shape == (48, 64, 3) and ground.dtype == np.uint8 for ground in grounds)
    means = np.array([ground.mean(axis=(0, 1)) for ground in grounds])
    assert means.min() < 60
    assert means.max() > 195
    spread = [ground.std(axis=(0, 1)).mean() for ground in grounds]
    assert min(spread) < 10  # nearly plain
    assert max(spread) > 30


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of things on a table, and one of photos without a thing."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(45):
        kind = ("blue", "red", "nothing")[number % 3]
        photo = thing_on_a_table(number)[0]
        photo = {"blue": photo, "red": photo[..., ::-1], "nothing": np.full_like(photo, 180 + number)}[kind]
        (folder / kind).mkdir(exist_ok=True)
        Image.fromarray(photo).save(folder / kind / f"{number}.png")
    return folder


def source(photos, share):
    dataset = load_dataset(photos)
    files = dataset.photos["file"].tolist()
    return TrainingPhotos(dataset, files, 96, 128, 1.0), files, share


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 6, 24), (1.0, 30, 30)])
def test_a_share_of_the_things_changes_its_ground_and_what_has_none_stays(photos, share, least, most):
    plain, files, share = source(photos, share)
    shown = BackgroundReplacement(plain, share)
    indices = np.arange(len(files))
    before, after = plain.rows(indices), shown.rows(indices, np.random.default_rng(3))
    changed = np.array([not np.array_equal(a, b) for a, b in zip(before, after, strict=True)])
    assert least <= changed.sum() <= most
    assert not any(changed[[file.startswith("nothing") for file in files]])
    middle = (slice(None), slice(40, 56), slice(50, 78))
    assert np.abs(before[middle].astype(int) - after[middle]).max() <= 2
    corner = (changed, slice(0, 12), slice(0, 12))
    assert not changed.any() or np.abs(before[corner].astype(int) - after[corner]).mean() > 20


def test_grounds_follow_from_the_random_numbers_and_nothing_else(photos):
    plain, files, _ = source(photos, 1.0)
    indices = np.arange(len(files))
    used = BackgroundReplacement(plain, 0.7)
    used.rows(indices, np.random.default_rng(9))
    again = used.rows(indices, np.random.default_rng(3))
    np.testing.assert_array_equal(again, BackgroundReplacement(plain, 0.7).rows(indices, np.random.default_rng(3)))
    assert not np.array_equal(again, used.rows(indices, np.random.default_rng(4)))
    part = slice(7, 19)  # what one of several machines computes
    np.testing.assert_array_equal(used.rows(indices, np.random.default_rng(3), part), again[part])


@pytest.mark.slow
def test_trains_on_other_grounds_and_says_so(photos, tmp_path):
    (tmp_path / "mini.toml").write_text(CONFIG)
    config = load_config(tmp_path / "mini.toml")
    run = train(config, load_dataset(photos), tmp_path)
    plain = dataclasses.replace(
        config, name="plain", stages=(dataclasses.replace(config.stages[0], background_replacement=0.0),)
    )
    usual = train(plain, load_dataset(photos), tmp_path)
    assert run.history["loss"].tolist() != usual.history["loss"].tolist()
    assert "light, 50 % on drawn backgrounds" in (run.path / "card.md").read_text()
    assert "drawn backgrounds" not in (usual.path / "card.md").read_text()
