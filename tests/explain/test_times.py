"""Times of the methods: measured on a network, stored, and read back or refused."""

import json

import pytest

from garbage_core.errors import GarbageError
from garbage_core.explain.heatmaps import METHODS
from garbage_core.explain.times import Times, load_times, measure, save_times
from garbage_core.inference.classifier import Classifier

TIMES = Times(
    dict.fromkeys(METHODS, 0.5), 1.5, "transfer", "openvino-int8", (240, 320), "2 cores", "2026-11-28", load=1.9
)


def test_every_method_and_the_test_of_faithfulness_are_measured():
    import keras

    from garbage_core.networks.resnet import build_resnet

    keras.utils.set_random_seed(1)
    classifier = Classifier(build_resnet("v2", 3, stacks=(1, 1), width=4), "abc", (64, 96))
    methods, faithfulness = measure(classifier, repeats=1)
    assert set(methods) == set(METHODS)
    assert all(seconds > 0 for seconds in methods.values())
    assert faithfulness > 0


def test_what_was_stored_is_read_back(tmp_path):
    assert load_times(tmp_path / "times.json") is None
    assert load_times(save_times(TIMES, tmp_path / "times.json")) == TIMES


@pytest.mark.parametrize(
    "change",
    [{"schema_version": 99}, {"methods": {"gradcam": 1.0}}, {"faithfulness": 0}, {"faithfulness": None}, {"odd": 1}],
    ids=["newer", "method-missing", "no-time", "null", "unknown-field"],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_to_do(tmp_path, change):
    path = save_times(TIMES, tmp_path / "times.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(GarbageError, match=r"cannot be used .*python -m benchmarks\.explanations"):
        load_times(path)


@pytest.mark.parametrize(
    ("load", "said"), [(1.9, False), (17.0, True), (None, False)], ids=["quiet", "busy", "unknown"]
)
def test_a_busy_machine_is_named(load, said):
    times = Times(TIMES.methods, 1.5, "transfer", "keras", (240, 320), "2 cores", "2026-11-28", load)
    assert bool(times.note) == said
