"""Weights survive the way into a file and back, and a wrong file is refused with a reason."""

import numpy as np
import pytest

from garbage_core.errors import GarbageError


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, weights, build_resnet, load_network, load_starting_weights, save_network
    import keras

    from garbage_core.networks import weights
    from garbage_core.networks.resnet import build_resnet
    from garbage_core.networks.weights import load_network, load_starting_weights, save_network


def build(version="v2", width=4, num_classes=3, seed=0):
    keras.utils.set_random_seed(seed)
    return build_resnet(version, num_classes, (1, 1), width)


def answers(network):
    photos = np.random.default_rng(0).uniform(0, 255, (2, 48, 64, 3))
    return keras.ops.convert_to_numpy(network(photos, training=False))


def test_network_comes_back_as_float32_with_almost_the_same_answers(tmp_path):
    network = build()
    digest = save_network(network, tmp_path / "model.keras")
    again = load_network(tmp_path / "model.keras", digest)
    assert {w.dtype for w in again.weights} == {"float32"}
    np.testing.assert_allclose(answers(again), answers(network), atol=5e-3)
    # A second trip changes nothing: float16 values stay what they are.
    save_network(again, tmp_path / "again.keras")
    np.testing.assert_array_equal(answers(load_network(tmp_path / "again.keras")), answers(again))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.keras", "model.keras"]


def test_file_takes_two_bytes_per_weight(tmp_path):
    network = build(width=32)
    save_network(network, tmp_path / "model.keras")
    assert (tmp_path / "model.keras").stat().st_size < 2 * network.count_params() + 200_000


def test_refuses_a_file_that_is_not_the_recorded_one(tmp_path):
    path = tmp_path / "model.keras"
    digest = save_network(build(), path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(GarbageError, match=f"records {digest[:12]}"):
        load_network(path, digest)


@pytest.mark.parametrize("content", [b"", b"not a network", b"PK\x05\x06" + bytes(18)])
def test_refuses_a_file_that_is_no_network(tmp_path, content):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    with pytest.raises(GarbageError, match=r"model\.keras"):
        load_network(path)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(GarbageError, match="no network file"):
        load_network(tmp_path / "model.keras")


def test_refuses_to_save_a_diverged_network(tmp_path):
    network = build()
    head = network.get_layer("predictions")
    head.set_weights([np.full_like(w, 1e6) for w in head.get_weights()])
    with pytest.raises(GarbageError, match="diverged"):
        save_network(network, tmp_path / "model.keras")
    assert list(tmp_path.iterdir()) == []


def test_no_source_starts_everything_at_random():
    report = load_starting_weights(build(), None)
    assert report.loaded == ()
    assert "conv1_conv" in report.random


def test_full_file_gives_the_same_network(tmp_path):
    network = build(seed=1)
    network.save_weights(tmp_path / "full.weights.h5")
    other = build(seed=2)
    report = load_starting_weights(other, tmp_path / "full.weights.h5")
    np.testing.assert_array_equal(answers(other), answers(network))
    assert report.random == ()
    assert report.source == "full.weights.h5"
    assert len(report.sha256) == 64


def test_the_network_of_a_run_can_be_gone_on_from(tmp_path):
    network = build(seed=1)
    save_network(network, tmp_path / "model.keras")
    other = build(seed=2)
    report = load_starting_weights(other, tmp_path / "model.keras")
    assert report.random == ()
    np.testing.assert_array_equal(answers(other), answers(load_network(tmp_path / "model.keras")))


def test_partial_file_loads_what_it_has_and_says_what_it_has_not(tmp_path):
    network = build(seed=1)
    part = keras.Model(network.input, network.get_layer("conv2_block1_out").output)
    part.save_weights(tmp_path / "part.weights.h5")
    other = build(seed=2)
    before = other.get_layer("conv3_block1_1_conv").get_weights()
    report = load_starting_weights(other, str(tmp_path / "part.weights.h5"))
    np.testing.assert_array_equal(
        other.get_layer("conv2_block1_3_conv").get_weights()[0],
        network.get_layer("conv2_block1_3_conv").get_weights()[0],
    )
    np.testing.assert_array_equal(other.get_layer("conv3_block1_1_conv").get_weights()[0], before[0])
    assert "conv2_block1_3_conv" in report.loaded
    assert "conv3_block1_1_conv" in report.random
    assert "predictions" in str(report)


def test_head_of_another_number_of_classes_stays_at_random(tmp_path):
    build(num_classes=5).save_weights(tmp_path / "five.weights.h5")
    report = load_starting_weights(build(num_classes=3), tmp_path / "five.weights.h5")
    assert report.random == ("predictions",)


@pytest.mark.parametrize(
    ("other", "layer"),
    [({"width": 8}, "conv1_conv"), ({"version": "v1"}, "conv2_block1_1_conv")],
)
def test_file_of_another_network_is_refused_by_its_first_layer_and_changes_nothing(tmp_path, other, layer):
    build(**other).save_weights(tmp_path / "other.weights.h5")
    network = build()
    before = answers(network)
    with pytest.raises(GarbageError, match=f"{layer!r}"):
        load_starting_weights(network, tmp_path / "other.weights.h5")
    np.testing.assert_array_equal(answers(network), before)


def test_reads_numbered_arrays_without_names(tmp_path):
    """The form in which weights travel to machines where every megabyte counts: float16, Keras' numbering, no names."""
    network = build(seed=1)
    counts, arrays = {}, {}
    for layer in network.layers:
        kind = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "Dense": "dense"}.get(
            type(layer).__name__
        )
        if kind:
            number = counts.get(kind, 0)
            counts[kind] = number + 1
            for position, value in enumerate(layer.get_weights()):
                key = f"{kind}_{number}" if number else kind
                arrays[f"layers/{key}/vars/{position}"] = value.astype("float16")
    np.savez(tmp_path / "weights.npz", **arrays)
    other = build(seed=2)
    load_starting_weights(other, tmp_path / "weights.npz")
    np.testing.assert_allclose(answers(other), answers(network), atol=5e-3)


@pytest.mark.parametrize("name", ["missing.weights.h5", "broken.weights.h5", "broken.npz", "broken.keras"])
def test_refuses_a_file_that_is_no_weights_file(tmp_path, name):
    (tmp_path / "broken.weights.h5").write_bytes(b"nonsense")
    (tmp_path / "broken.npz").write_bytes(b"nonsense")
    (tmp_path / "broken.keras").write_bytes(b"nonsense")
    with pytest.raises(GarbageError, match=name.replace(".", r"\.")):
        load_starting_weights(build(), tmp_path / name)


@pytest.mark.parametrize(("version", "reference"), [("v1", "ResNet50"), ("v2", "ResNet50V2")])
def test_imagenet_takes_the_weights_that_keras_downloads(monkeypatch, version, reference):
    """The download is replaced by a network built the same way; the rest of the path is the real one."""
    source = build(version, seed=1)
    headless = keras.Model(source.input, source.get_layer("avg_pool").output)
    asked = []
    monkeypatch.setattr(keras.applications, reference, lambda **options: asked.append(options) or headless)
    network = build(version, seed=2)
    report = load_starting_weights(network, "imagenet")
    assert asked == [{"weights": "imagenet", "include_top": False}]
    assert report.random == ("predictions",)
    np.testing.assert_array_equal(
        network.get_layer("conv3_block1_3_conv").get_weights()[0],
        source.get_layer("conv3_block1_3_conv").get_weights()[0],
    )


def test_failed_download_is_one_sentence(monkeypatch):
    def fail(**options):
        raise OSError("no route to host")

    monkeypatch.setattr(weights.keras.applications, "ResNet50V2", fail)
    with pytest.raises(GarbageError, match=r"no route to host.*\.weights\.h5"):
        load_starting_weights(build(), "imagenet")
