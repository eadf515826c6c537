"""A conv5 without weights learns what another network knows, and goes on where it was stopped."""

import numpy as np
import pytest

from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from garbage_core.utils.locks import only_writer
from tests.fixtures.photos import write_colors


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, build_resnet, pipeline, TrainingPhotos, pretraining
    import keras

    from garbage_core.networks.resnet import build_resnet
    from garbage_core.training import pretraining
    from garbage_core.training.augmentation import pipeline
    from garbage_core.training.batches import TrainingPhotos


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    dataset = load_dataset(write_colors(tmp_path_factory.mktemp("photos")))
    return TrainingPhotos(dataset, dataset.photos["file"].tolist(), 32, 32, 1.0)


def networks():
    keras.utils.set_random_seed(0)
    return [build_resnet("v2", 3, (1, 1, 1, 1), 8, batch_norm_momentum=0.5) for _ in range(2)]


def teach(network, teacher, photos, folder, epochs=6):
    options = {"views": 2, "epochs": epochs, "learning_rate": 0.01, "batch_size": 20}
    return pretraining.teach_conv5(network, teacher, photos, folder, pipeline("crops"), **options)


def test_conv5_learns_the_teachers_features_and_the_rest_stays(photos, tmp_path):
    network, teacher = networks()
    before = {layer.name: layer.get_weights() for layer in network.layers if layer.weights}
    taught = {layer.name: layer.get_weights() for layer in teacher.layers if layer.weights}
    losses = teach(network, teacher, photos, tmp_path)
    assert len(losses) == 6
    assert losses[-1] < 0.7 * losses[0]
    changed = {
        layer.name
        for layer in network.layers
        if layer.weights
        and not all(np.array_equal(a, b) for a, b in zip(before[layer.name], layer.get_weights(), strict=True))
    }
    assert changed
    assert all(name.startswith(("conv5", "post")) for name in changed)
    for layer in teacher.layers:
        for was, now in zip(taught.get(layer.name, []), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(was, now)


@pytest.mark.slow
def test_a_stopped_teaching_ends_as_one_that_was_not(photos, tmp_path, monkeypatch):
    whole, teacher = networks()
    losses = teach(whole, teacher, photos, tmp_path / "whole", epochs=3)
    network, teacher = networks()
    save = pretraining._save

    def stop(student, found, folder):
        save(student, found, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(pretraining, "_save", stop)
    with pytest.raises(KeyboardInterrupt):
        teach(network, teacher, photos, tmp_path / "stopped", epochs=3)
    monkeypatch.undo()
    network, teacher = networks()
    again = teach(network, teacher, photos, tmp_path / "stopped", epochs=3)
    np.testing.assert_allclose(again, losses, rtol=1e-4)
    for mine, other in zip(network.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)


def test_weights_that_do_not_fit_are_refused_before_any_work(tmp_path):
    with pytest.raises(GarbageError, match="There is no weights file"):
        pretraining.pretrain(None, [], tmp_path / "none.weights.h5", tmp_path / "out.weights.h5")
    assert not any(tmp_path.iterdir())


def test_two_at_once_are_refused(tmp_path):
    with only_writer(tmp_path / "out-views"), pytest.raises(GarbageError, match="Another process is writing to"):
        pretraining.pretrain(None, [], tmp_path / "some.weights.h5", tmp_path / "out.weights.h5")
