"""Heat maps: the methods point at what the network looks at, and the overlay shows it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from garbage_core.errors import GarbageError
from garbage_core.explain.heatmaps import (
    METHOD_HINTS,
    METHODS,
    SALIENCY_BATCH,
    SALIENCY_COPIES,
    SCORECAM_MAPS,
    colorize,
    explainable_layers,
    heatmap,
    overlay,
)
from garbage_core.inference.classifier import Classifier
from garbage_core.inference.engine import to_heat

SIZE = (64, 96)


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, build_resnet
    import keras

    from garbage_core.networks.resnet import build_resnet


@pytest.fixture(scope="module", params=["v1", "v2"])
def network(request):
    keras.utils.set_random_seed(3)
    network = build_resnet(request.param, 4, stacks=(2, 1), width=4)
    head = network.get_layer("predictions")
    head.set_weights([abs(weights) for weights in head.get_weights()])  # so that every class has some evidence
    return network


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def red_detector():
    """Returns a network of which class 1 is "something red", so the right map is known."""
    photos = keras.Input((None, None, 3))
    x = keras.layers.AveragePooling2D(8)(photos)
    x = keras.layers.Conv2D(2, 1, activation="relu", name="conv1_block1_out")(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    network = keras.Model(photos, keras.layers.Dense(2, name="predictions")(x))
    kernel = np.array([[1, -1], [-1, 0], [-1, 1]], dtype="float32") / 255  # red without green and blue; blue
    network.get_layer("conv1_block1_out").set_weights([kernel[np.newaxis, np.newaxis], np.zeros(2)])
    network.get_layer("predictions").set_weights([np.array([[0, 100], [100, 0]]), np.zeros(2)])
    return network


def test_grad_cam_on_the_last_feature_map_is_the_class_activation_map(network, photo):
    classifier = Classifier(network, "abcd", SIZE)
    for index in range(4):
        expected = classifier.class_activation(photo, index)
        assert expected.max() == 1
        np.testing.assert_allclose(heatmap(network, photo, index, "gradcam"), expected, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_points_at_what_makes_the_class(method):
    photo = np.full((*SIZE, 3), 90, dtype=np.uint8)
    photo[16:40, 56:80] = (250, 20, 20)
    photo[40:60, 8:32] = (20, 20, 250)
    heat = heatmap(red_detector(), photo, 1, method)
    assert heat.shape == SIZE
    assert heat.dtype == np.float32
    assert 0 <= heat.min() <= heat.max() <= 1
    red, blue = heat[16:40, 56:80].mean(), heat[40:60, 8:32].mean()
    assert red > 0.5
    assert blue < 0.2 * red


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "scorecam", "layercam"])
def test_earlier_layers_can_be_explained(network, photo, method):
    layers = explainable_layers(network)
    answer = int(np.argmax(network(photo[np.newaxis].astype("float32"))))
    first, last = (heatmap(network, photo, answer, method, layer) for layer in (layers[0], None))
    assert first.shape == last.shape == SIZE
    assert abs(first - last).max() > 0.05


def test_the_layers_on_offer_end_with_the_last_feature_map():
    network = build_resnet("v2", 2, stacks=(1, 2, 1), width=4)
    assert explainable_layers(network) == ("conv2_block1_out", "conv3_block2_out", "conv4_block1_out", "post_relu")
    assert explainable_layers(build_resnet("v1", 2, stacks=(1, 2), width=4)) == ("conv2_block1_out", "conv3_block2_out")


def test_the_same_photo_always_gets_the_same_saliency(photo):
    network = red_detector()
    np.testing.assert_array_equal(heatmap(network, photo, 0, "saliency"), heatmap(network, photo, 0, "saliency"))


def test_score_cam_tries_only_the_maps_that_vary_most(photo):
    """The faster variant: of 64 feature maps half are tried, a call each, and the progress is told."""
    photos = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2 * SCORECAM_MAPS, 8, 8, activation="relu", name="conv1_block1_out")(photos)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    network = keras.Model(photos, keras.layers.Dense(2, name="predictions")(x))
    told = []
    heatmap(network, photo, 0, "scorecam", progress=told.append)
    assert told == [8 * (k + 1) / SCORECAM_MAPS for k in range(SCORECAM_MAPS // 8)]


def test_saliency_tells_its_progress_and_sharpens(photo):
    told, seen = [], []
    heat = heatmap(red_detector(), photo, 0, "saliency", progress=told.append, preview=seen.append)
    assert told == [k * SALIENCY_BATCH / SALIENCY_COPIES for k in range(1, SALIENCY_COPIES // SALIENCY_BATCH + 1)]
    assert len(seen) == len(told)
    np.testing.assert_array_equal(seen[-1], heat)
    distances = [np.abs(early - heat).mean() for early in seen]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0


def test_score_cam_asks_the_classifier_so_that_its_runtime_answers(photo, monkeypatch):
    """An exported network takes the many forward passes; the map is the one that Keras gives."""
    network = red_detector()
    classifier = Classifier(network, "ab", SIZE)
    asked = []
    outputs = classifier.outputs
    monkeypatch.setattr(classifier, "outputs", lambda photos: asked.append(len(photos)) or outputs(photos))
    heat = heatmap(classifier, photo, 1, "scorecam")
    assert sum(asked) == 2  # one for each of its feature maps
    np.testing.assert_allclose(heat, heatmap(network, photo, 1, "scorecam"), atol=1e-4)


def test_threads_get_the_maps_that_one_after_the_other_gets():
    network = red_detector()
    photos = np.random.default_rng(1).integers(0, 256, (4, *SIZE, 3), dtype=np.uint8)
    tasks = [(photo, index, method) for photo in photos for index, method in ((0, "gradcam"), (1, "layercam"))]
    alone = [heatmap(network, *task) for task in tasks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda task: heatmap(network, *task), tasks))
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_nothing_is_printed(photo, capfd):
    network = red_detector()
    for method in METHODS:
        heatmap(network, photo, 0, method)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "no method 'magic'.*gradcam, gradcam"),
        ({"class_index": 4}, "no class 4.*0 to 3"),
        ({"class_index": -1}, "no class -1"),
        ({"layer": "conv9"}, "no feature map 'conv9'.*conv2_block2_out"),
        ({"layer": "avg_pool"}, "no feature map 'avg_pool'"),
        ({"method": "saliency", "layer": "conv2_block2_out"}, "uses pixels"),
    ],
)
def test_what_cannot_be_explained_is_refused(network, photo, options, message):
    with pytest.raises(GarbageError, match=message):
        heatmap(network, photo, **({"class_index": 0} | options))


def test_another_backend_is_named(network, photo, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(GarbageError, match="needs TensorFlow, but Keras runs on 'jax'"):
        heatmap(network, photo, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 2], [4, -8]], [[0, 0.5], [1, 0]]),  # evidence against counts as none
        ([[3, 3], [3, 3]], [[1, 1], [1, 1]]),  # equal everywhere stays warm
        ([[-1, -2], [-3, -4]], [[0, 0], [0, 0]]),
        ([[0, 0], [0, 0]], [[0, 0], [0, 0]]),
    ],
)
def test_evidence_becomes_heat(values, expected):
    np.testing.assert_allclose(to_heat(np.array(values), 2, 2), expected)


def test_enlarging_keeps_places():
    values = np.zeros((3, 4))
    values[1, 3] = 1
    heat = to_heat(values, 48, 64)
    rows, columns = np.mgrid[:48, :64]
    center = (rows * heat).sum() / heat.sum(), (columns * heat).sum() / heat.sum()
    assert center[0] == pytest.approx(23.5, abs=0.5)
    assert heat[24, 56] == heat.max()


def test_hotter_is_lighter():
    lightness = colorize(np.linspace(0, 1, 50)[np.newaxis])[0] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > 0).all()


def test_the_overlay_goes_from_photo_to_map(photo):
    heat = np.zeros(SIZE)
    heat[:, 48:] = 1
    np.testing.assert_array_equal(overlay(photo, heat, 0), photo)
    covered = overlay(photo, heat, 1)
    np.testing.assert_array_equal(covered[:, 48:], colorize(heat)[:, 48:])
    np.testing.assert_allclose(covered[:, :48], (2.0 * photo + colorize(heat))[:, :48] / 3, atol=0.51)
    with pytest.raises(GarbageError, match=r"from 0 to 1, not 1\.5"):
        overlay(photo, heat, 1.5)
    with pytest.raises(ValueError, match="heat map of"):
        overlay(photo, heat[1:])


def test_every_method_says_what_it_does():
    assert set(METHOD_HINTS) == set(METHODS)
