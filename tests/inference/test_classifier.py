"""Classifying: the answers are the network's, whatever way the photos come in."""

import json
import subprocess
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from garbage_core.data.images import load_photo
from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import apply_temperature
from garbage_core.inference.classifier import Classifier, Failure, Prediction
from garbage_core.inference.engine import network_probabilities
from tests.fixtures.networks import miniature, miniature_run, picture
from tests.fixtures.runs import fake_run

CLASSES = ("glass", "paper", "tin")
HEIGHT, WIDTH = 48, 64


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global keras, save_network
    import keras

    from garbage_core.networks.weights import save_network


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a real, if random, miniature network."""
    root = tmp_path_factory.mktemp("models")
    return miniature_run(root, "mini", CLASSES, (HEIGHT, WIDTH), temperature=1.5, threshold=0.6)


@pytest.fixture(scope="module")
def classifier(run):
    return Classifier.from_run(run)


def reference(classifier, photo, temperature):
    """The plain way: one photo, no compiled call."""
    logits = keras.ops.convert_to_numpy(classifier.network(photo[np.newaxis].astype("float32"), training=False))[0]
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits / temperature))


def test_the_answer_is_the_calibrated_output_of_the_network(classifier):
    data = picture(1)
    answer = classifier.classify_bytes(data, "a.jpg")
    expected = reference(classifier, load_photo(data, HEIGHT, WIDTH), temperature=1.5)
    np.testing.assert_allclose(list(answer.probabilities.values()), expected, atol=1e-5)
    assert list(answer.probabilities) == list(CLASSES)
    assert answer.label == CLASSES[expected.argmax()]
    assert answer.confidence == max(answer.probabilities.values())
    assert isinstance(answer, Prediction)
    assert answer.file == "a.jpg"
    assert answer.to_dict()["error"] is None


def test_acceptance_begins_at_the_threshold(run):
    network = miniature()
    photo = load_photo(picture(2), HEIGHT, WIDTH)
    confidence = Classifier(network, CLASSES, (HEIGHT, WIDTH)).classify_photo(photo).confidence
    assert Classifier(network, CLASSES, (HEIGHT, WIDTH), threshold=confidence).classify_photo(photo).accepted
    assert not Classifier(network, CLASSES, (HEIGHT, WIDTH), threshold=confidence + 1e-6).classify_photo(photo).accepted


def test_photos_of_any_shape_share_a_call_and_keep_their_order(classifier):
    sizes = [(128, 96), (96, 128), (100, 100), (128, 96), (300, 100), (96, 128), (128, 96)]
    photos = [load_photo(picture(i, *size), HEIGHT, WIDTH) for i, size in enumerate(sizes)]
    assert len({photo.shape for photo in photos}) > 2
    done = []
    found = classifier.probabilities(photos, batch_size=2, progress=done.append)
    np.testing.assert_allclose(found, [reference(classifier, photo, 1.5) for photo in photos], atol=1e-5)
    assert sum(done) == len(photos)


def test_uncalibrated_probabilities_become_the_calibrated_ones_by_the_temperature(classifier):
    photos = [load_photo(picture(i), HEIGHT, WIDTH) for i in range(3)]
    raw = network_probabilities(classifier.network, photos)
    np.testing.assert_allclose(raw, classifier.probabilities(photos, calibrated=False), atol=1e-6)
    np.testing.assert_allclose(apply_temperature(raw, 1.5), classifier.probabilities(photos), atol=1e-5)
    assert abs(raw - classifier.probabilities(photos)).max() > 0.01


def test_no_photos_give_no_answers(classifier):
    assert classifier.probabilities([]).shape == (0, 3)
    assert list(classifier.classify_many([])) == []


def test_flipping_takes_the_mean_of_photo_and_mirror_image(classifier):
    photo = load_photo(picture(3), HEIGHT, WIDTH)
    plain, mirrored = classifier.probabilities([photo, photo[:, ::-1]])
    assert abs(plain - mirrored).max() > 1e-3
    np.testing.assert_allclose(classifier.probabilities([photo], flip=True)[0], (plain + mirrored) / 2, atol=1e-6)
    both = [classifier.classify_photo(image, flip=True).confidence for image in (photo, photo[:, ::-1])]
    assert both[0] == pytest.approx(both[1], abs=1e-6)


def test_files_are_answered_in_order_and_broken_ones_do_not_stop_the_rest(classifier, tmp_path):
    paths = []
    for number in range(11):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(picture(number))
    paths[3].write_bytes(picture(3)[:500])
    paths[7].unlink()
    answers = list(classifier.classify_paths(paths, batch_size=4, workers=3))
    assert [answer.file for answer in answers] == [str(path) for path in paths]
    failed = [i for i, answer in enumerate(answers) if isinstance(answer, Failure)]
    assert failed == [3, 7]
    assert "3.jpg" in answers[3].error
    assert answers[7].to_dict() == {
        "file": str(paths[7]),
        "label": None,
        "confidence": None,
        "probabilities": {},
        "accepted": False,
        "error": f"There is no file '{paths[7]}': give the path of a photo.",
        "ood_p_value": None,
        "is_ood": False,
        "far_p_value": None,
        "is_far": False,
        "verdict": None,
    }
    for number in (0, 4, 10):
        alone = classifier.classify_bytes(picture(number))
        assert answers[number].confidence == pytest.approx(alone.confidence, abs=1e-6)


def test_reading_stays_ahead_by_two_batches_at_most(classifier):
    taken = []

    def photos():
        for number in range(40):
            taken.append(number)
            yield f"{number}.jpg", picture(number)

    answers = classifier.classify_many(photos(), batch_size=4, workers=2)
    ahead = [len(taken) - done for done, _ in enumerate(answers, start=1)]
    assert len(ahead) == 40
    assert max(ahead) <= 3 * 4


def test_a_caller_who_stops_early_leaves_no_threads(classifier):
    answers = classifier.classify_many(((str(i), picture(i)) for i in range(100)), batch_size=2, workers=2)
    next(answers)
    answers.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("photos")]


def test_a_file_over_the_limit_is_refused_without_reading_all_of_it(classifier, tmp_path):
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.write(picture(0))
        file.truncate(200 * 2**20)  # on paper; a few kilobytes on the disk
    tracemalloc.start()
    (answer,) = classifier.classify_paths([huge])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "25 MB" in answer.error
    assert peak < 60 * 2**20


def test_many_threads_get_their_own_answers(classifier):
    data = [picture(i, *((128, 96) if i % 2 else (96, 128))) for i in range(8)]
    alone = [classifier.classify_bytes(photo, str(i)) for i, photo in enumerate(data)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: classifier.classify_bytes(data[i % 8], str(i % 8)), range(48)))
    for i, answer in enumerate(together):
        assert answer.file == str(i % 8)
        assert answer.label == alone[i % 8].label
        assert answer.confidence == pytest.approx(alone[i % 8].confidence, abs=1e-5)


def test_the_activation_map_is_the_share_of_each_place_in_the_logit(classifier):
    photo = load_photo(picture(5), HEIGHT, WIDTH)
    maps = keras.Model(classifier.network.input, classifier.network.get_layer("post_relu").output)
    features = keras.ops.convert_to_numpy(maps(photo[np.newaxis].astype("float32")))[0]
    weights, bias = classifier.network.get_layer("predictions").get_weights()
    evidence = features @ weights  # (rows, columns, classes)
    logits = np.log(classifier.probabilities([photo], calibrated=False)[0])
    shares = evidence.mean(axis=(0, 1)) + bias
    np.testing.assert_allclose(shares - shares.mean(), logits - logits.mean(), atol=1e-4)
    for index in range(3):
        heat = classifier.class_activation(photo, index)
        assert heat.shape == photo.shape[:2]
        assert heat.dtype == np.float32
        row, column = np.unravel_index(evidence[..., index].argmax(), features.shape[:2])
        if evidence[row, column, index] > 0:
            cell = np.array(photo.shape[:2]) / features.shape[:2]
            hottest = np.unravel_index(heat.argmax(), heat.shape) // cell
            assert tuple(hottest) == (row, column)
        else:
            assert heat.max() == 0


def test_answer_and_map_come_from_one_look(classifier):
    photo = load_photo(picture(6), HEIGHT, WIDTH)
    answer, heat = classifier.classify_with_activation(photo, "six.jpg")
    alone = classifier.classify_photo(photo, "six.jpg")
    assert answer.label == alone.label
    assert answer.confidence == pytest.approx(alone.confidence, abs=1e-6)
    np.testing.assert_allclose(heat, classifier.class_activation(photo, CLASSES.index(answer.label)), atol=1e-5)


def test_an_unknown_class_has_no_map(classifier):
    with pytest.raises(GarbageError, match=r"no class 3.*0 to 2"):
        classifier.class_activation(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 3)


def test_another_file_than_the_recorded_one_is_refused(run, tmp_path):
    changed = fake_run(tmp_path, "mini", classes=CLASSES)
    save_network(miniature(seed=1), changed.path / "model.keras")
    with pytest.raises(GarbageError, match="SHA-256"):
        Classifier.from_run(changed)


def test_a_network_with_other_outputs_than_classes_is_refused():
    with pytest.raises(GarbageError, match="4 outputs for 3 classes"):
        Classifier(miniature(num_classes=4), CLASSES, (HEIGHT, WIDTH))


def test_a_prediction_is_plain_json():
    answer = Prediction("a.jpg", "tin", 0.75, {"tin": 0.75, "glass": 0.25}, True)
    assert json.loads(json.dumps(answer.to_dict())) == {
        "file": "a.jpg",
        "label": "tin",
        "confidence": 0.75,
        "probabilities": {"tin": 0.75, "glass": 0.25},
        "accepted": True,
        "error": None,
        "ood_p_value": None,
        "is_ood": False,
        "far_p_value": None,
        "is_far": False,
        "verdict": None,
    }


@pytest.mark.parametrize("module", ["explain.heatmaps", "inference.runtimes"])
def test_names_for_the_command_line_load_neither_pandas_nor_keras(module):
    code = f"import sys, garbage_core.{module}; assert not {{'pandas', 'keras', 'tensorflow'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
