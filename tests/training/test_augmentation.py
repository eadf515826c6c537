"""Augmentation does what its numbers say, the same for the same seed, and mixes labels as it mixes photos."""

import numpy as np
import pytest

from garbage_core.errors import GarbageError

NAMES = ["none", "light", "legacy", "standard", "crops", "strong"]
ALONE = [
    "rotation",
    "shift",
    "zoom",
    "shear",
    "horizontal_flip",
    "vertical_flip",
    "brightness",
    "contrast",
    "color_shift",
    "erase",
    "mixup",
    "cutmix",
]


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, augment, PIPELINES, TRANSFORMATIONS, Augmentation, augment_batch, pipeline, single
    import keras

    from garbage_core.training import augmentation as augment
    from garbage_core.training.augmentation import (
        PIPELINES,
        TRANSFORMATIONS,
        Augmentation,
        augment_batch,
        pipeline,
        single,
    )


def photos(count=4, height=24, width=32, seed=0):
    """Smooth random photos: interpolation changes them little, a wrong move much."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (count, height // 8, width // 8, 3))
    return coarse.repeat(8, 1).repeat(8, 2).astype("uint8")


def test_every_pipeline_and_transformation_is_tried():
    assert (list(PIPELINES), list(TRANSFORMATIONS)) == (NAMES, ALONE)


@pytest.mark.parametrize("name", NAMES)
def test_pipelines_repeat_with_the_seed_and_stay_in_range(name):
    batch, labels = photos(), np.eye(4)
    first, first_labels = augment_batch(batch, pipeline(name), seed=5, labels=labels)
    again, again_labels = augment_batch(batch, pipeline(name), seed=5, labels=labels)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first_labels, again_labels)
    assert first.dtype == np.float32
    assert first.shape == batch.shape
    assert first.min() >= 0
    assert first.max() <= 255
    np.testing.assert_allclose(first_labels.sum(axis=1), 1, atol=1e-6)
    if name == "none":
        np.testing.assert_array_equal(first, batch)
    else:
        assert np.abs(first - augment_batch(batch, pipeline(name), seed=6, labels=labels)[0]).max() > 1


@pytest.mark.parametrize("name", ALONE)
def test_each_transformation_alone_changes_photos(name):
    changed, _ = augment_batch(photos(), single(name), seed=1, labels=np.eye(4))
    assert np.abs(changed - photos()).max() > 5
    unchanged, _ = augment_batch(photos(), single(name, 0), seed=1, labels=np.eye(4))
    np.testing.assert_array_equal(unchanged, photos())


@pytest.mark.parametrize("name", ["standard", "strong"])
def test_in_a_training_photos_change_as_they_do_alone(name):
    """One is compiled, the other is not; values fall out at either end of the range, moves beyond every edge."""
    import keras

    from garbage_core.training.batches import Augmented

    batch = np.random.default_rng(3).integers(0, 256, (6, 40, 56, 3), dtype="uint8")
    augmentation = pipeline(name, 1.5)
    values = augment.draw(augmentation, np.random.default_rng(8), 6, 40, 56)
    values["affine"][0, [2, 5]] += [500, -500]
    values["affine"][1] = [-1, 0, 55, 0, 1, 0, 0, 0]
    alone = keras.ops.convert_to_numpy(augment.apply(keras.ops.convert_to_tensor(batch), values))
    augmented = Augmented(augmentation, batch.shape[1:])
    trained = keras.Model(augmented.inputs, augmented.output).predict_on_batch({"rows": batch, **values})
    assert trained.dtype == np.float32
    np.testing.assert_allclose(trained, alone, atol=0.02)
    assert alone.std() > 10


def test_flips_mirror_about_the_middle():
    batch = photos(count=32)
    for name, axis in (("horizontal_flip", 2), ("vertical_flip", 1)):
        changed, _ = augment_batch(batch, Augmentation(**{name: True}), seed=0)
        mirrored = np.flip(batch, axis)
        is_same = [np.allclose(a, b, atol=1e-2) for a, b in zip(changed, batch, strict=True)]
        is_mirrored = [np.allclose(a, b, atol=1e-2) for a, b in zip(changed, mirrored, strict=True)]
        assert all(a != b for a, b in zip(is_same, is_mirrored, strict=True))
        assert 6 < sum(is_mirrored) < 26


def test_shift_moves_by_at_most_its_share_and_repeats_the_edge():
    row = np.arange(32, dtype="float32") * 8
    batch = np.broadcast_to(row[None, None, :, None], (16, 24, 32, 3))
    changed, _ = augment_batch(batch, Augmentation(shift=0.25), seed=0)
    moved = changed[:, 12, 16, 0] - batch[0, 12, 16, 0]
    assert np.abs(moved).max() <= 0.25 * 32 * 8 + 1
    assert np.abs(moved).max() > 0.1 * 32 * 8
    assert (np.diff(changed[:, 12, :, 0], axis=1) >= -1e-3).all()  # a ramp stays a ramp, flat at the edge


def test_rotation_turns_about_the_center():
    """A quarter turn of a square photo is a transposition and a flip."""
    batch = photos(1, 32, 32)
    values = {
        "affine": augment._affine(
            np.array([np.pi / 2]), np.zeros(1), np.ones(1), np.zeros((1, 2)), [np.ones(1)] * 2, 32, 32
        )
    }
    values["affine"] = values["affine"].astype("float32")
    turned = np.asarray(augment.apply(batch.astype("float32"), values))
    assert min(np.abs(turned[0] - np.rot90(batch[0], k)).max() for k in (1, 3)) < 1


def test_brightness_multiplies_and_channel_shift_adds():
    gray = np.full((64, 4, 4, 3), 100, "uint8")
    bright, _ = augment_batch(gray, Augmentation(brightness=0.1), seed=0)
    assert 89.9 <= bright.min() < 92
    assert 108 < bright.max() <= 110.1
    shifted, _ = augment_batch(gray, Augmentation(color_shift=10), seed=0)
    assert 89.9 <= shifted.min() < 92
    assert (shifted.std(axis=3) > 0).any()
    alike, _ = augment_batch(gray, Augmentation(channel_shift=10), seed=0)
    assert 89.9 <= alike.min() < 92
    assert 108 < alike.max() <= 110.1
    np.testing.assert_allclose(alike.std(axis=3), 0, atol=1e-3)
    # Contrast keeps the mean.
    contrast, _ = augment_batch(photos(), Augmentation(contrast=0.2), seed=0)
    np.testing.assert_allclose(contrast.mean(axis=(1, 2, 3)), photos().mean(axis=(1, 2, 3)), rtol=0.05)


def test_the_starting_recipe_shifts_channels_as_keras_does():
    """One number for all three channels, as `ImageDataGenerator(channel_shift_range=10)`."""
    from keras.src.legacy.preprocessing.image import apply_channel_shift

    recipe = pipeline("legacy")
    assert (recipe.channel_shift, recipe.color_shift) == (10, 0)
    batch = photos()
    values = augment.draw(Augmentation(channel_shift=10), np.random.default_rng(2), len(batch), *batch.shape[1:3])
    changed = keras.ops.convert_to_numpy(augment.apply(keras.ops.convert_to_tensor(batch), values))
    for before, after, offset in zip(batch, changed, values["offset"], strict=True):
        expected = apply_channel_shift(before.astype("float32"), float(offset[0]), channel_axis=2)
        inside = (expected > before.min()) & (expected < before.max())  # Keras clips to the photo's own range
        np.testing.assert_allclose(after[inside], expected[inside], atol=1e-3)


def test_the_pipeline_of_the_committed_runs_draws_what_it_drew():
    values = augment.draw(pipeline("standard"), np.random.default_rng(7), 2, 48, 64)
    assert values["offset"].shape == (2, 3)
    assert np.ptp(values["offset"], axis=1).min() > 0.1
    assert pipeline("standard").color_shift == 10


def test_erasing_fills_a_box_with_the_mean_color():
    batch = photos(8, 64, 64)
    erased, _ = augment_batch(batch, Augmentation(erase=1.0), seed=0)
    for before, after in zip(batch.astype("float32"), erased, strict=True):
        changed = np.abs(after - before).max(axis=2) > 1e-3
        assert changed.mean() <= 0.27
        np.testing.assert_allclose(
            after[changed], np.broadcast_to(before.mean(axis=(0, 1)), after[changed].shape), atol=1e-2
        )


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_labels_are_mixed_as_the_photos_are(kind):
    """Photos of one value each: the mean of a mixture tells how much of each went in."""
    count = 16
    batch = np.broadcast_to(np.arange(count)[:, None, None, None] * 10.0, (count, 64, 64, 3)).astype("float32")
    mixed, labels = augment_batch(batch, Augmentation(**{kind: 1.0}), seed=3, labels=np.eye(count))
    np.testing.assert_allclose(mixed.mean(axis=(1, 2, 3)), labels @ (np.arange(count) * 10.0), atol=3.0)
    assert (labels.max(axis=1) < 1).any()
    if kind == "cutmix":
        own, partner = batch[:, 0, 0, 0], batch[::-1, 0, 0, 0]
        for photo, a, b in zip(mixed, own, partner, strict=True):
            assert set(np.unique(photo)) <= {a, b}


def test_each_device_mixes_its_own_part_of_a_batch():
    rng = np.random.default_rng(0)
    values = augment.draw(Augmentation(mixup=1.0), rng, 8, 4, 4)
    labels = augment.mix_labels(np.eye(8), values, shards=2)
    assert (labels[:4, 4:] == 0).all()
    assert (labels[4:, :4] == 0).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pipeline("loud"), "'loud'"),
        (lambda: pipeline("strong", 3), "not 3"),
        (lambda: single("sepia"), "'sepia'"),
        (lambda: Augmentation(rotation=200), "not 200"),
        (lambda: Augmentation(erase=-0.1), "not -0.1"),
    ],
)
def test_refuses_unknown_names_and_ranges(make, words):
    with pytest.raises(GarbageError, match=words):
        make()


@pytest.mark.parametrize("name", ["light", "strong"])
def test_bfloat16_moves_photos_as_far_as_float32(name):
    """Networks that are trained in mixed precision must see the same copies, but for the rounding of colors."""
    batch = photos(height=40, width=304)
    values = augment.draw(pipeline(name), np.random.default_rng(2), *batch.shape[:3])
    results = []
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            inputs = {key: keras.Input(value.shape[1:]) for key, value in values.items()}
            rows = keras.Input(batch.shape[1:], dtype="uint8")
            model = keras.Model([rows, inputs], augment.apply(rows, inputs))
            results.append(model.predict([batch, values], verbose=0).astype("float32"))
        finally:
            keras.config.set_dtype_policy("float32")
    assert np.abs(results[0] - results[1]).max() <= 4  # of 255; bfloat16 has eight bits
