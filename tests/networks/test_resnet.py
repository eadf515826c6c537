"""The network is ResNet-50: same layers and same numbers as the reference implementation."""

import numpy as np
import pytest

from garbage_core.errors import GarbageError


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, build_resnet, build_resnet50, freeze, last_feature_map, pass_through, split_network
    import keras

    from garbage_core.networks.resnet import (
        build_resnet,
        build_resnet50,
        freeze,
        last_feature_map,
        pass_through,
        split_network,
    )


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_equals_the_reference_with_the_same_weights(version):
    reference, preprocess = {
        "v1": (keras.applications.ResNet50, keras.applications.resnet.preprocess_input),
        "v2": (keras.applications.ResNet50V2, keras.applications.resnet_v2.preprocess_input),
    }[version]
    theirs = reference(weights=None, classes=6, classifier_activation=None, input_shape=(64, 96, 3))
    ours = build_resnet50(version, 6)
    rng = np.random.default_rng(0)
    with_weights = [layer for layer in theirs.layers if layer.weights]
    assert [layer.name for layer in ours.layers if layer.weights] == [layer.name for layer in with_weights]
    for layer in with_weights:
        # Norms must differ from the identity, or a forgotten one would go unnoticed.
        values = [value * rng.uniform(0.8, 1.2, value.shape) for value in layer.get_weights()]
        values = [value + rng.uniform(0, 0.1, value.shape) * (value.ndim == 1) for value in values]
        layer.set_weights(values)
        ours.get_layer(layer.name).set_weights(values)
    photos = rng.uniform(0, 255, (2, 64, 96, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(theirs(preprocess(photos.copy())))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours(photos)), expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_halves_the_resolution_five_times_and_pools_the_last_feature_map(version):
    network = build_resnet(version, 4, (1, 2, 1, 2), 4)
    assert network.output_shape == (None, 4)
    assert last_feature_map(network) == {"v1": "conv5_block2_out", "v2": "post_relu"}[version]
    whole = build_resnet(version, 4, width=4)
    assert last_feature_map(whole) == {"v1": "conv5_block3_out", "v2": "post_relu"}[version]
    features = keras.Model(network.input, network.get_layer(last_feature_map(network)).output)
    assert features(np.zeros((1, 64, 96, 3))).shape == (1, 2, 3, 4 * 4 * 8)


def test_has_the_published_number_of_parameters():
    # keras.applications: 25,613,800 with 1,000 classes; six classes need 2,049 x 994 fewer.
    assert build_resnet50("v2", 6).count_params() == 25_613_800 - 2_049 * 994


def test_starts_each_block_as_the_identity_when_asked():
    network = build_resnet("v2", 3, (2, 2), 4, zero_init_residual=True)
    inner = keras.Model(network.input, [network.get_layer(f"conv3_block{n}_out").output for n in (1, 2)])
    first, second = (
        keras.ops.convert_to_numpy(x) for x in inner(np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)))
    )
    assert np.abs(first).max() > 0
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"version": "v3"}, "'v3'"),
        ({"num_classes": 1}, "not 1"),
        ({"dropout": 1.0}, "not 1.0"),
    ],
)
def test_refuses_what_cannot_be_built(arguments, words):
    with pytest.raises(GarbageError, match=words):
        build_resnet(**{"version": "v2", "num_classes": 6, "stacks": (1, 1), "width": 4} | arguments)


def test_freezes_everything_before_a_stack_and_norms_on_request():
    network = build_resnet("v2", 3, (1, 1, 1, 1), 4)
    freeze(network, "conv4", train_batch_norms=False)
    trained = {layer.name for layer in network.layers if layer.trainable_weights}
    assert trained == {
        *(f"conv{stack}_block1_{part}_conv" for stack in (4, 5) for part in (0, 1, 2, 3)),
        "predictions",
    }
    freeze(network, "head")
    assert {layer.name for layer in network.layers if layer.trainable_weights} == {"predictions"}
    freeze(network, "all")
    assert all(layer.trainable for layer in network.layers)


@pytest.mark.parametrize("train_from", ["conv2", "conv3", "conv4", "conv5", "head"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_two_halves_do_what_the_whole_does(version, train_from):
    network = build_resnet(version, 3, (1, 1, 1, 1), 4, dropout=0.5)
    frozen, rest = split_network(network, train_from)
    photos = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3))
    whole, halves = network(photos, training=False), rest(frozen(photos, training=False), training=False)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(whole), keras.ops.convert_to_numpy(halves), atol=1e-5)
    assert {w.path for w in rest.weights}.isdisjoint({w.path for w in frozen.weights})


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_stack_that_passes_through_loses_nothing(version):
    """The difference of the two halves of the pooled features is a linear function of what reached the stack."""
    network = build_resnet(version, 3, (1, 1), 4, zero_init_residual=True)
    pass_through(network, "conv3")
    reached = "conv3_block1_preact_relu" if version == "v2" else "conv2_block1_out"
    pooled = keras.Model(network.input, [network.get_layer(name).output for name in (reached, "avg_pool")])
    photos = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3))
    before, after = (keras.ops.convert_to_numpy(x) for x in pooled(photos, training=True))
    before = before[:, :: 2 if version == "v1" else 1, :: 2 if version == "v1" else 1].mean(axis=(1, 2))
    channels = before.shape[1]
    difference = after[:, :channels] - after[:, channels:]
    for channel in range(channels):
        if before[:, channel].std() > 1e-3:
            assert np.corrcoef(before[:, channel], difference[:, channel])[0, 1] > 0.999
