"""The head starts as the logistic regression it was fitted to be."""

import numpy as np
import pytest


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, build_resnet, split_network, FeatureSource, fit_linear_probe
    import keras

    from garbage_core.networks.resnet import build_resnet, split_network
    from garbage_core.training.batches import FeatureSource
    from garbage_core.training.linear_probe import fit_linear_probe


@pytest.mark.parametrize("classes", [2, 3])
def test_head_tells_apart_what_the_features_tell_apart(classes):
    keras.utils.set_random_seed(0)
    network = build_resnet("v2", classes + 1, (1, 1), 4)
    frozen, rest = split_network(network, "conv3")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 48)
    centers = rng.normal(0, 2, (classes, 1, 1, 16))
    passes = (centers[labels] + rng.normal(0, 0.5, (2, 48, 4, 4, 16))).astype("float16")
    before = keras.ops.convert_to_numpy(rest(passes[0].astype("float32"))).argmax(axis=1)
    fit_linear_probe(network, frozen, FeatureSource(passes), labels, 1.0, np.ones(classes + 1))
    after = keras.ops.convert_to_numpy(rest(passes[0].astype("float32")))
    assert (before == labels).mean() < 0.9
    assert (after.argmax(axis=1) == labels).mean() > 0.95
    probabilities = np.exp(after) / np.exp(after).sum(axis=1, keepdims=True)
    assert probabilities[:, classes].max() < 1e-3  # the class without photos


def test_class_weights_pull_toward_their_class():
    """Two classes that cannot be told apart: the heavier one is the answer."""
    network = build_resnet("v2", 2, (1, 1), 4)
    frozen, rest = split_network(network, "conv3")
    features = np.random.default_rng(0).normal(0, 1, (1, 64, 2, 2, 16)).astype("float16")
    labels = np.arange(64) % 2
    answers = []
    for weights in ([5.0, 1.0], [1.0, 5.0]):
        fit_linear_probe(network, frozen, FeatureSource(features), labels, 1e-4, np.array(weights))
        answers.append(keras.ops.convert_to_numpy(rest(features[0].astype("float32"))).argmax(axis=1).mean())
    assert answers[0] < 0.1
    assert answers[1] > 0.9


def test_pooled_features_are_told_apart_too():
    """Where only the head learns, nothing lies between the cached features and the head."""
    network = build_resnet("v2", 2, (1, 1), 4)
    frozen, rest = split_network(network, "head")
    labels = np.arange(48) % 2
    features = (labels[:, None] + np.random.default_rng(0).normal(0, 0.2, (1, 48, 32))).astype("float16")
    fit_linear_probe(network, frozen, FeatureSource(features), labels, 1.0)
    answers = keras.ops.convert_to_numpy(rest(features[0].astype("float32"))).argmax(axis=1)
    assert (answers == labels).mean() > 0.95
