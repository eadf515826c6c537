"""Exported networks: they answer as the network does, are checked before they are kept, and need no TensorFlow."""

import json
import logging
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from garbage_core.cli import main
from garbage_core.errors import GarbageError
from garbage_core.explain.heatmaps import heatmap
from garbage_core.export import checks as export_checks
from garbage_core.export import export as exporting
from garbage_core.export.checks import Check, compare, generated_pictures, refuse_if_different
from garbage_core.export.converters import NEEDED, lost_by_rounding, split_peaks
from garbage_core.export.export import export_run
from garbage_core.inference.classifier import Classifier
from garbage_core.inference.engine import CompiledNetwork
from garbage_core.inference.runtimes import (
    LARGEST_BATCH,
    RUNTIMES,
    ExportedNetwork,
    can_classify,
    choose,
    find_exports,
    read_export,
    report_path,
)
from garbage_core.runs.run import load_run
from garbage_core.utils.files import write_json
from garbage_core.utils.system import available_cores
from tests.fixtures.networks import miniature, miniature_run, picture

CLASSES = ("can", "jar", "lid")
SIZE = (48, 64)
FORMATS = ("onnx", "openvino", "litert")


def setup_module():
    """Imports what needs Keras with the first test, so that collecting tests takes no time."""
    global load_network
    from garbage_core.networks.weights import load_network


def need(format, int8=False):
    packages = NEEDED[format] + (("nncf",) if int8 and format != "litert" else ())
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install '.[export]'")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A data set that holds every photo of the miniature's tables."""
    folder = tmp_path_factory.mktemp("photos")
    run = miniature_run(tmp_path_factory.mktemp("for-its-names"), classes=CLASSES, size=SIZE)
    for number, file in enumerate(run.predictions["file"]):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(picture(number, 96, 72))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return miniature_run(tmp_path_factory.mktemp("models"), classes=CLASSES, size=SIZE)


@pytest.fixture(scope="module")
def keras_network(run):
    return CompiledNetwork(load_network(run.model_path, run.weights_sha256))


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    """Makes each float32 export once, apart from the run, and hands it out."""
    folder, kept = tmp_path_factory.mktemp("exports"), {}

    def make(format):
        need(format)
        if format not in kept:
            kept[format] = export_run(run, format, out=folder)
        return kept[format]

    return make


@pytest.fixture
def own_run(run, made, tmp_path):
    """A copy of the run, with an ONNX export in its folder."""
    export = made("onnx")
    shutil.copytree(run.path, tmp_path / run.name)
    for file in (export.path, report_path(export.path)):
        shutil.copy(file, tmp_path / run.name)
    return load_run(run.name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_exported_network_gives_the_same_logits_maps_and_features_for_any_shape_and_batch(format, made, keras_network):
    exported = ExportedNetwork(made(format))
    across, upright, square = (np.stack([photo, photo[::-1]]) for photo in generated_pictures(SIZE, 3))
    assert len({across.shape, upright.shape, square.shape}) == 3
    for batch in (across, upright, square, across[:1]):
        ours, theirs = keras_network(batch, maps=True), exported(batch, maps=True)
        assert np.ptp(ours.logits) > 1
        for one, other in zip(ours, theirs, strict=True):
            assert other.dtype == np.float32
            np.testing.assert_allclose(other, one, atol=2e-4 * np.abs(one).max())
    assert exported(across).maps is None
    assert exported.feature_widths == keras_network.feature_widths


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_results_of_one_call_are_not_overwritten_by_the_next(format, made):
    exported = ExportedNetwork(made(format))
    one, other = (photo[np.newaxis] for photo in generated_pictures(SIZE, 4)[::3])
    first = exported(one, maps=True)
    kept = [part.copy() for part in first]
    assert not np.allclose(exported(other, maps=True).logits, first.logits)
    for part, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(part, copy)


@pytest.mark.slow
def test_many_photos_are_taken_a_few_at_a_time_so_that_they_fit_into_little_memory(made, keras_network):
    exported = ExportedNetwork(made("onnx"))
    photos, parts = generated_pictures(SIZE, 1) * 10, []
    found = exported.predict(photos, batch_size=16, progress=parts.append)[0]
    assert (sum(parts), max(parts)) == (10, LARGEST_BATCH)
    np.testing.assert_allclose(found, keras_network.predict(photos)[0], atol=1e-4)


@pytest.mark.slow
def test_many_threads_get_the_answers_of_one(made):
    exported = ExportedNetwork(made("onnx"))
    batches = [photo[np.newaxis] for photo in generated_pictures(SIZE, 12)]
    expected = [exported(batch)[0] for batch in batches]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda batch: exported(batch)[0], batches * 3))
    np.testing.assert_allclose(np.stack(found), np.stack(expected * 3), atol=1e-6)


@pytest.mark.slow
def test_report_says_how_far_the_answers_are_and_what_was_not_measured(made):
    export = made("onnx")
    report = json.loads(report_path(export.path).read_text("utf-8"))
    check = report["check"]["generated"]
    assert (check["source"], check["photos"], check["agreement"], check["accuracy"]) == ("generated", 6, 1.0, None)
    assert check["max_probability_difference"] < 1e-4
    assert report["milliseconds"]["median"] > 0
    assert report["milliseconds"]["cores"] == available_cores()
    export.check()


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_int8_is_smaller_and_checked_on_val_photos(format, run, made, photos, tmp_path, monkeypatch):
    need(format, int8=True)
    monkeypatch.setattr(export_checks, "MAX_POINTS_LOST", 100)  # of twelve photos one is eight points
    export = export_run(run, format, int8=True, out=tmp_path, data_dir=photos)
    check = export.report["check"]["val"]
    assert export.report["calibration"] == {"split": "train", "photos": 24}
    assert check["photos"] == 12
    assert check["agreement"] >= 0.75
    assert 1e-6 < check["max_probability_difference"] < 0.5
    assert check["points_lost"] == pytest.approx(100 * (check["accuracy"] - check["accuracy_exported"]))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [*export.report["files"], report_path(export.path).name]
    )
    assert export.report["floating_convolutions"] == {"first": 0, "last": 0}
    exported = ExportedNetwork(read_export(export.path))
    assert np.isfinite(exported(np.stack(generated_pictures(SIZE, 1)))[0]).all()
    if format == "openvino":  # what is averaged and what the last layer takes is not rounded
        import openvino

        inner = [op for op in openvino.Core().read_model(export.path).get_ordered_ops() if op.get_input_size() > 1]
        kinds = {op.get_type_name(): op.input_value(0).get_node().get_type_name() for op in inner}
        assert {"Convolution", "MatMul", "ReduceMean"} <= kinds.keys()
        assert "FakeQuantize" not in (kinds["MatMul"], kinds["ReduceMean"])


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_int8_that_loses_too_much_is_made_again_with_more_layers_in_floating_point(
    format, run, photos, tmp_path, monkeypatch
):
    need(format, int8=True)
    monkeypatch.setattr("garbage_core.export.converters.PLANS", ((0, 0), (3, 2), (5, 5)))
    lost = iter([2.0, 0.3])

    def check(*args):
        exported = args[1]
        differences.append(compare(args[0], exported, generated_pictures(SIZE), None, "generated"))
        points = next(lost)
        return {"generated": differences[-1], "val": Check(12, "val", 0.1, 0.9, 0.9, 0.9 - points / 100, points)}

    differences, lines = [], []
    monkeypatch.setattr(exporting, "check_export", check)
    export = export_run(run, format, int8=True, out=tmp_path, data_dir=photos, progress=lines.append)
    assert export.report["floating_convolutions"] == {"first": 3, "last": 2}
    assert any("2.00 points lost" in line for line in lines)
    first, second = (check.max_probability_difference for check in differences)
    assert second < first  # fewer layers are rounded
    export.check()


@pytest.mark.parametrize(
    ("kernel", "lost"),
    [
        (np.random.default_rng(0).normal(size=(1, 1, 64, 8)), (0, 1e-3)),  # a usual layer
        (np.eye(8) + 1e-4, (0.99, 1.01)),  # all but the identity is rounded away
        (np.eye(8), (0, 0)),  # there is nothing else
        (np.zeros((4, 4)), (0, 0)),
    ],
)
def test_loss_by_rounding(kernel, lost):
    low, high = lost
    assert low <= lost_by_rounding(kernel) <= high


@pytest.mark.slow
def test_layer_that_would_be_rounded_away_is_split_without_changing_the_network():
    network = miniature(3)
    shortcut = network.get_layer("conv3_block1_0_conv")
    shape = shortcut.kernel.shape
    learned = 1e-3 * np.random.default_rng(0).normal(size=shape)
    shortcut.kernel.assign(learned + np.eye(*shape[2:]) - np.eye(*shape[2:], k=shape[2]))
    batch = np.stack(generated_pictures(SIZE, 4)[::3])
    split = split_peaks(network)
    ours, theirs = (CompiledNetwork(one)(batch, maps=True) for one in (network, split))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-4 * np.abs(one).max())
    assert lost_by_rounding(np.asarray(shortcut.kernel)) > 0.5
    assert lost_by_rounding(np.asarray(split.get_layer(shortcut.name).kernel)) < 1e-3
    assert split_peaks(split) is split


def test_int8_needs_photos(run, tmp_path, monkeypatch):
    need("onnx", int8=True)
    monkeypatch.setenv("GARBAGE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(GarbageError, match=r"needs training photos of 'transfer'.*--data-dir"):
        export_run(run, "onnx", int8=True, out=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("precision", "difference", "lost", "refused"),
    [
        ("float32", 9e-4, 0.0, None),
        ("float32", 2e-3, 0.0, "off by up to 0.002 in a probability"),
        ("int8", 0.3, 0.4, None),
        ("int8", 0.3, -1.0, None),
        ("int8", 0.1, 0.6, "loses 0.60 points of accuracy on 100 val photos"),
    ],
)
def test_what_differs_too_much_is_refused(precision, difference, lost, refused):
    checks = {"val": Check(100, "val", difference, 0.99, 0.9, 0.9 - lost / 100, lost)}
    if refused is None:
        refuse_if_different(checks, precision)
    else:
        with pytest.raises(GarbageError, match=refused):
            refuse_if_different(checks, precision)


@pytest.mark.slow
def test_refused_export_leaves_nothing_behind(run, made, tmp_path, monkeypatch):
    file = made("onnx").path
    monkeypatch.setattr(exporting, "convert", lambda model, format, path, photos, plan: shutil.copy(file, path))
    monkeypatch.setattr(export_checks, "MAX_DIFFERENCE", 0.0)
    with pytest.raises(GarbageError, match="not written"):
        export_run(run, "onnx", out=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("format", "out", "message"),
    [
        ("onnx", "model.tflite", "ends in .onnx, not"),
        ("openvino", "nowhere/model.xml", "no folder"),
        ("caffe", "model.caffe", "no format 'caffe': choose one of openvino"),
    ],
)
def test_wrong_target_is_refused_before_anything_is_loaded(format, out, message, run, tmp_path):
    with pytest.raises(GarbageError, match=message):
        export_run(run, format, out=tmp_path / out)


@pytest.mark.slow
def test_classifier_of_a_run_uses_its_export_and_answers_as_keras_does(own_run):
    fast, slow = Classifier.from_run(own_run), Classifier.from_run(own_run, "keras")
    assert (fast.runtime, slow.runtime) == ("onnx", "keras")
    photo = fast.prepare(picture(3, 128, 96))
    (one, heat), (other, other_heat) = (c.classify_with_activation(photo) for c in (fast, slow))
    assert one.label == other.label
    assert list(one.probabilities.values()) == pytest.approx(list(other.probabilities.values()), abs=1e-4)
    np.testing.assert_allclose(heat, other_heat, atol=1e-3)
    index = own_run.classes.index(one.label)
    np.testing.assert_array_equal(heatmap(fast, photo, index), heat)
    np.testing.assert_allclose(heatmap(fast, photo, index, "layercam"), heatmap(slow, photo, index, "layercam"))


@pytest.mark.slow
def test_runtime_is_chosen_by_name_or_by_the_environment(own_run, monkeypatch):
    assert choose(own_run).runtime == "onnx"
    monkeypatch.setenv("GARBAGE_RUNTIME", "keras")
    assert choose(own_run) is None
    assert choose(own_run, "auto").runtime == "onnx"
    with pytest.raises(GarbageError, match="no runtime 'tpu'"):
        choose(own_run, "tpu")
    need("openvino")
    with pytest.raises(GarbageError, match=r"export transfer --format openvino --int8`"):
        choose(own_run, "openvino-int8")


@pytest.mark.slow
def test_fastest_export_comes_first(own_run, made):
    for file in made("openvino").path.parent.glob("model.*"):
        if file.suffix in (".xml", ".bin") or ".xml" in file.suffixes:
            shutil.copy(file, own_run.path)
    found = [export.runtime for export in find_exports(own_run)]
    assert found == [name for name in RUNTIMES if name in ("onnx", "openvino")]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["file", "report", "weights"])
def test_export_that_does_not_belong_to_the_run_is_passed_over_with_a_warning(damage, own_run, caplog):
    path = own_run.path / "model.onnx"
    assert [export.runtime for export in find_exports(own_run)] == ["onnx"]
    if damage == "file":
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    elif damage == "report":
        report_path(path).write_text("{}", "utf-8")
    else:
        info = own_run.info | {"weights": own_run.info["weights"] | {"sha256": "0" * 64}}
        own_run = load_run(own_run.name, write_json(info, own_run.path / "run.json").parent.parent)
    with caplog.at_level(logging.WARNING):
        assert find_exports(own_run) == []
    assert "export" in caplog.text
    assert "model.onnx" in caplog.text


WITHOUT_TENSORFLOW = """
import json, sys
for name in ("tensorflow", "keras", "h5py", "tf_keras_vis"):
    sys.modules[name] = None
from garbage_core.inference.classifier import Classifier
from garbage_core.explain.heatmaps import heatmap
from garbage_core.errors import GarbageError
from garbage_core.runs.run import load_run
run = load_run("transfer", sys.argv[1])
classifier = Classifier.from_run(run)
photo = classifier.prepare(open(sys.argv[2], "rb").read())
answer, heat = classifier.classify_with_activation(photo)
try:
    heatmap(classifier, photo, 0, "scorecam")
except GarbageError as error:
    refused = str(error)
print(json.dumps([answer.label, answer.confidence, float(heat.max()), refused]))
"""


@pytest.mark.slow
def test_classifies_and_explains_without_tensorflow(own_run, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture(5))
    result = python(WITHOUT_TENSORFLOW, tmp_path, file)
    label, confidence, hottest, refused = json.loads(result.stdout)
    expected = Classifier.from_run(own_run, "keras").classify_paths([file])
    answer = next(iter(expected))
    assert label == answer.label
    assert confidence == pytest.approx(answer.confidence, abs=1e-4)
    assert hottest == pytest.approx(1)
    assert "needs the network of 'transfer' in TensorFlow, which is not installed" in refused


def test_without_tensorflow_and_without_exports_a_sentence_says_so(run):
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from garbage_core.inference.classifier import Classifier; from garbage_core.runs.run import load_run\n"
        "Classifier.from_run(load_run('transfer', sys.argv[1]))"
    )
    result = python(code, run.path.parent, check=False)
    assert "TensorFlow is not installed and 'transfer' has no exported network" in result.stderr
    assert can_classify(run)  # here TensorFlow is


@pytest.mark.slow
def test_commands_export_and_classify(run, made, tmp_path, monkeypatch, capsys):
    file = made("onnx").path
    monkeypatch.setattr(exporting, "convert", lambda model, format, path, photos, plan: shutil.copy(file, path))
    shutil.copytree(run.path, tmp_path / run.name)
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path))
    monkeypatch.setenv("GARBAGE_DATA", str(tmp_path / "nowhere"))
    assert main(["export", "transfer", "--format", "onnx", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["file"] == str(tmp_path / "transfer" / "model.onnx")
    assert "head" not in result
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture(5))
    answers = []
    for runtime in ("onnx", "keras"):
        assert main(["classify", str(file), "--runtime", runtime, "--json"]) == 0
        answers += json.loads(capsys.readouterr().out)
    assert answers[0]["confidence"] == pytest.approx(answers[1]["confidence"], abs=1e-4)
    assert main(["classify", str(file), "--runtime", "litert-int8"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def python(code, *args, check=True):
    """Runs code in a fresh interpreter."""
    root = Path(__file__).resolve().parents[2]
    environment = {k: v for k, v in os.environ.items() if k not in ("GARBAGE_RUNTIME", "KERAS_BACKEND")}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=check,
        timeout=300,
    )
