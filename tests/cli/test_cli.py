"""The command line: one answer on standard output, one sentence for every mistake, and the exit code."""

import csv
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import garbage_core
from garbage_core import cli
from garbage_core.data.classes import CLASS_NAMES
from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from garbage_core.evaluation.calibration import apply_temperature
from garbage_core.runs.run import load_run
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.runs import fake_run

REAL_PHOTOS = os.environ.get("GARBAGE_DATA")  # read before the fixture below hides it


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch):
    """Keeps this machine's data set and settings out of the tests."""
    for name in ("GARBAGE_DATA", "GARBAGE_MODELS", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def two_runs(runs_dir, monkeypatch):
    monkeypatch.setenv("GARBAGE_MODELS", str(runs_dir))
    return runs_dir


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    miniature_run(root, "transfer", threshold=0.0)
    miniature_run(root, "careful", threshold=1.01)
    return root


@pytest.fixture
def models(models_dir, monkeypatch):
    monkeypatch.setenv("GARBAGE_MODELS", str(models_dir))
    return models_dir


@pytest.fixture
def photos(tmp_path):
    """A folder of three photos, one of them in a folder below, beside a file that is none and a hidden one."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(["a.jpg", "b.PNG", "below/c.webp"]):
        (folder / name).write_bytes(picture(number, kind=("JPEG", "PNG", "WEBP")[number]))
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.jpg").write_bytes(b"")
    return folder


def data_set(root, counts):
    """Writes class folders with so many pictures each."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{name}{number}.jpg").write_bytes(picture(number + 100 * len(name)))
    return root


def run(capsys, *argv):
    """Runs a command and returns its exit code, standard output and standard error."""
    code = cli.main(list(map(str, argv)))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


# data


def test_data_lists_classes_splits_and_problems(tmp_path, capsys):
    root = data_set(tmp_path / "set", {"glass": 20, "tin": 40})
    (root / "glass" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    code, out, _ = run(capsys, "data", "--data-dir", root, "--json")
    assert code == 0
    summary = json.loads(out)
    assert summary["source"] == str(root)
    assert summary["photos"] == 60
    assert summary["classes"] == {"glass": 20, "tin": 40}
    assert summary["protocol"] == "stratified"
    assert sum(summary["splits"].values()) == 60
    assert list(summary["splits"]) == ["train", "val", "test"]
    assert summary["splits"]["test"] == 12
    assert sum(summary["per_class_splits"]["tin"].values()) == 40
    assert [problem["file"] for problem in summary["problems"]] == ["glass/broken.jpg"]
    assert len(summary["fingerprint"]) == 64

    code, out, _ = run(capsys, "data", "--data-dir", root)
    assert code == 0
    assert "60 photos of 2 classes; the largest, tin, has 2.0 times as many as the smallest, glass." in out
    assert "glass/broken.jpg: " in out
    lines = [line.split() for line in out.splitlines()]
    assert ["tin", "40", "66.7", "%"] in [line[:4] for line in lines]


@pytest.mark.parametrize("photos", [1, 2, 3])
def test_what_needs_no_split_works_for_a_class_of_few_photos(tmp_path, capsys, photos):
    root = data_set(tmp_path / "set", {"glass": photos, "tin": 6})
    code, out, err = run(capsys, "data", "--data-dir", root, "--json")
    assert code == 0
    assert json.loads(out)["classes"] == {"glass": photos, "tin": 6}
    assert json.loads(out)["protocol"] is None
    assert "too few for train, val, test, which takes 4" in err
    code, out, _ = run(capsys, "data", "--data-dir", root)
    assert code == 0
    assert f"{photos + 6} photos of 2 classes" in out
    code, out, err = run(capsys, "audit", "--duplicates-only", "--data-dir", root, "-o", tmp_path / "found.csv")
    assert code == 0
    assert f"{photos + 6} photos, not split" in out
    assert "which takes 4" in err
    code, _, err = run(capsys, "train", "scratch", "--data-dir", root, "--out", tmp_path / "models")
    assert code == 2
    assert "Class glass has only" in err
    assert "which takes 4" in err
    assert not (tmp_path / "models").exists()


def test_download_comes_before_looking(tmp_path, capsys, monkeypatch):
    asked = []

    def download(target):
        asked.append(target)
        return data_set(tmp_path / "set", {"glass": 10, "tin": 10})

    monkeypatch.setattr("garbage_core.data.dataset.download_dataset", download)
    code, out, _ = run(capsys, "data", "--download", "--data-dir", "somewhere", "--json")
    assert (code, asked, json.loads(out)["photos"]) == (0, ["somewhere"], 20)


# evaluate and compare


def test_evaluate_gives_metrics_with_intervals(two_runs, capsys):
    code, out, err = run(capsys, "evaluate", "transfer", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["name"], result["split"], result["photos"], result["protocol"]) == (
        "transfer",
        "test",
        431,
        "official",
    )
    predictions = load_run("transfer", two_runs).predictions
    test = predictions[predictions["split"] == "test"]
    answers = test[[f"p_{name}" for name in CLASS_NAMES]].to_numpy().argmax(axis=1)
    right = answers == test["label"].map(CLASS_NAMES.index)
    assert result["metrics"]["accuracy"]["value"] == pytest.approx(right.mean())
    for metric in result["metrics"].values():
        assert metric["low"] <= metric["value"] <= metric["high"]
    assert np.trace(result["confusion"]) == right.sum()
    assert [row["support"] for row in result["per_class"]] == [70, 82, 68, 108, 74, 29]
    assert (result["temperature"], result["threshold"]) == (1.2, 0.8)
    assert 0 < result["accepted"]["accepted"] < 431

    code, out, _ = run(capsys, "evaluate", "transfer", "--split", "val")
    assert code == 0
    assert out.startswith("transfer on the 328 val photos (official split)\n")
    accuracy = next(line for line in out.splitlines() if line.startswith("accuracy"))
    assert accuracy.count("%") == 3


def test_a_run_that_is_never_sure_says_so(two_runs, capsys):
    fake_run(two_runs, "careful", threshold=1.01)
    code, out, _ = run(capsys, "evaluate", "careful")
    assert code == 0
    assert "Always abstains" in out


def test_compare_looks_at_the_same_photos(two_runs, capsys):
    code, out, err = run(capsys, "compare", "scratch", "transfer", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["a"], result["b"], result["photos"]) == ("scratch", "transfer", 431)
    assert sum(result["table"].values()) == 431
    difference = result["metrics"]["accuracy"]
    assert difference["low"] < difference["b"] - difference["a"] < difference["high"]

    code, out, _ = run(capsys, "compare", "scratch", "transfer")
    assert code == 0
    assert out.startswith(result["sentence"] + "\n")
    assert f"{100 * difference['difference']:+.1f} points" in out


def test_runs_of_other_classes_are_not_compared(two_runs, capsys):
    fake_run(two_runs, "other", classes=("a", "b"))
    code, out, err = run(capsys, "compare", "transfer", "other")
    assert (code, out) == (2, "")
    assert "'other' knows a, b" in err
    fake_run(two_runs, "turned", classes=CLASS_NAMES[::-1])
    code, out, err = run(capsys, "compare", "transfer", "turned")
    assert (code, out) == (2, "")
    assert "in the same order" in err


# classify


def test_classify_prints_a_line_for_each_photo(models, photos, capsys):
    code, out, _ = run(capsys, "classify", photos)
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()]
    assert names == [str(photos / "a.jpg"), str(photos / "b.PNG"), str(photos / "below" / "c.webp")]
    assert all(line.endswith(" %") and line.split()[1] in CLASS_NAMES for line in out.splitlines())


def test_below_the_threshold_the_answer_is_not_sure(models, photos, capsys):
    code, out, _ = run(capsys, "classify", photos / "a.jpg", "--model", "careful")
    assert code == 0
    assert "  not sure: " in out
    assert out.count("%") == 2


def test_classify_as_json(models, photos, capsys):
    missing = photos / "missing.jpg"
    code, out, _ = run(capsys, "classify", photos / "a.jpg", missing, photos / "notes.txt", "--json")
    assert code == 1
    answers = json.loads(out)
    detected = ["ood_p_value", "is_ood", "far_p_value", "is_far", "verdict"]
    fields = ["file", "label", "confidence", "probabilities", "accepted", "error", *detected]
    assert [list(answer) for answer in answers] == [fields] * 3
    good, absent, text = answers
    assert good["label"] == max(good["probabilities"], key=good["probabilities"].get)
    assert sum(good["probabilities"].values()) == pytest.approx(1)
    assert (good["accepted"], good["error"]) == (True, None)
    assert (absent["file"], absent["label"], absent["accepted"]) == (str(missing), None, False)
    assert "missing.jpg" in absent["error"]
    assert "text file" in text["error"]


def test_json_is_written_while_photos_are_still_classified(models, monkeypatch):
    """Memory must not grow with the number of photos: a result is written before the next but one is there."""
    from garbage_core.inference.classifier import Failure, Prediction

    out, total = io.StringIO(), 500

    class Classifier:
        @staticmethod
        def classify_paths(paths, flip):
            for number in range(total):
                assert number < 2 or f'"photo {number - 2}"' in out.getvalue()
                yield (
                    Failure(f"photo {number}", "odd")
                    if number % 5
                    else Prediction(f"photo {number}", "glass", 0.75, {"glass": 0.75, "metal": 0.25}, True)
                )

    monkeypatch.setattr(cli.classify, "load_classifier", lambda name, runtime: Classifier)
    args = cli._parser().parse_args(["classify", "a.jpg", "--json"])
    assert args.run(args, out) == 1
    found = json.loads(out.getvalue())
    assert len(found) == total
    assert out.getvalue() == json.dumps(found, indent=2) + "\n"


def test_json_is_complete_after_an_error(models, monkeypatch, capsys):
    from garbage_core.errors import GarbageError
    from garbage_core.inference.classifier import Failure

    class Classifier:
        @staticmethod
        def classify_paths(paths, flip):
            if paths[0].name == "a.jpg":
                yield Failure("a.jpg", "odd")
            raise GarbageError("The runtime stopped: choose another with --runtime.")

    monkeypatch.setattr(cli.classify, "load_classifier", lambda name, runtime: Classifier)
    for name, count in (("a.jpg", 1), ("b.jpg", 0)):
        code, out, err = run(capsys, "classify", name, "--json")
        assert (code, len(json.loads(out))) == (2, count)
        assert "The runtime stopped" in err


def test_classify_as_a_table(models, photos, tmp_path, capsys):
    (photos / "d, broken.jpg").write_bytes(b"")
    target = tmp_path / "out.csv"
    code, out, err = run(capsys, "classify", photos, "--csv", target)
    assert (code, out) == (1, "")
    assert "4 photos: 1 could not be read, 0 not sure" in err
    rows = list(csv.DictReader(target.open(encoding="utf-8")))
    documented = ["file", "label", "confidence", "accepted", *(f"p_{c}" for c in CLASS_NAMES), "error"]
    assert list(rows[0]) == [*documented, "ood_p_value", "is_ood", "far_p_value", "is_far", "verdict"]
    assert [row["error"] != "" for row in rows] == [False, False, False, True]
    by_file = {os.path.basename(row["file"]): row for row in rows}
    assert by_file["d, broken.jpg"]["label"] == ""
    assert float(by_file["a.jpg"]["confidence"]) == max(float(by_file["a.jpg"][f"p_{c}"]) for c in CLASS_NAMES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "photos"]


def test_a_name_that_is_no_text_does_no_harm(models, photos, capsys):
    name = "odd \x1b[31m\n.jpg"
    (photos / name).write_bytes(picture(9))
    code, out, _ = run(capsys, "classify", photos)
    assert code == 0
    assert len(out.splitlines()) == 4
    assert "\x1b" not in out


# explain


def test_explain_writes_a_picture(models, photos, tmp_path, capsys):
    target = tmp_path / "heat.png"
    code, out, _ = run(capsys, "explain", photos / "a.jpg", "--class", "paper", "--method", "layercam", "-o", target)
    assert code == 0
    assert "What speaks for paper (layercam)" in out
    assert Image.open(target).size == (64, 48)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heat.png", "photos"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--class", "wood", "-o", "x.png"], "no class 'wood': choose one of cardboard, glass"),
        (["-o", "x.jpg"], "'x.jpg' does not end in .png"),
        (["-o", "nowhere/x.png"], "no folder 'nowhere'"),
    ],
)
def test_what_explain_refuses(models, photos, tmp_path, monkeypatch, capsys, argv, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "explain", photos / "a.jpg", *argv)
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


# train


@pytest.fixture
def training(monkeypatch, tmp_path):
    """Takes the place of the training; what it was asked for is in the list that this returns."""
    calls = []

    class Training:
        @staticmethod
        def train(config, dataset, root=None, resume=False, limit=None, extend=None, extras=()):
            calls.append((config, dataset, root, resume, limit))
            return fake_run(tmp_path / "models", config.name, classes=dataset.classes)

    monkeypatch.setitem(sys.modules, "garbage_core.training.loop", Training)
    return calls


def test_train_hands_everything_on(training, tmp_path, capsys):
    root = data_set(tmp_path / "set", {"glass": 10, "tin": 10})
    options = ["--name", "2026", "--epochs", "7", "--weights", 'a "b".h5', "--seed", "5", "--resume", "--limit", "60"]
    changes = ["--set", "version=v1", "--set", "stages.*.batch_size=8", "--out", tmp_path / "runs"]
    code, out, _ = run(capsys, "train", "transfer", "--data-dir", root, *options, *changes)
    assert code == 0
    ((config, dataset, out_dir, resume, limit),) = training
    assert (config.name, config.weights, config.seed, config.version) == ("2026", 'a "b".h5', 5, "v1")
    assert {stage.batch_size for stage in config.stages} == {8}
    assert sum(stage.epochs for stage in config.stages) == 7
    assert (dataset.classes, out_dir, resume, limit) == (("glass", "tin"), str(tmp_path / "runs"), True, 60)
    assert out.startswith("2026: 12 epochs in ")
    assert "macro-F1" in out


def test_train_takes_the_presets_as_they_are(training, tmp_path, capsys):
    from garbage_core.config.training_config import load_config

    root = data_set(tmp_path / "set", {"glass": 10, "tin": 10})
    code, _, _ = run(capsys, "train", "scratch", "--data-dir", root)
    assert code == 0
    assert training[0][0] == load_config("scratch")
    assert training[0][2:] == (None, False, None)


# errors


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["data", "--data-dir", "nowhere"], "nowhere does not exist"),
        (["evaluate", "resnet"], "no run 'resnet'"),
        (["evaluate", "../transfer"], "cannot be called '../transfer'"),
        (["classify", "a.jpg", "--model", "none"], "no run 'none'"),
        (["classify", ".", "--model", "transfer"], "no photo in the folder '.'"),
        (["classify", "a.jpg", "--csv", "nowhere/out.csv"], "no folder 'nowhere'"),
        (["explain", "missing.jpg", "-o", "x.png"], "no file 'missing.jpg'"),
        (["explain", ".", "-o", "x.png"], "'.' is a folder"),
        (["train", "nothing.toml"], "'nothing.toml'"),
        (["train", "scratch", "--set", "color=red"], "'color'"),
    ],
)
def test_a_mistake_gets_one_sentence_and_code_2(two_runs, tmp_path, monkeypatch, capsys, argv, message):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    code, out, err = run(capsys, *argv)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["race"],
        ["train", "scratch", "--epochs", "0"],
        ["evaluate", "transfer", "--split", "all"],
        ["explain", "a.jpg"],
        ["classify", "a.jpg", "--json", "--csv", "x.csv"],
    ],
)
def test_arguments_that_make_no_sense_end_with_code_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m garbage_core")


@pytest.mark.parametrize(
    ("command", "message"), [("evaluate", "No file is half written."), ("train", "with the same command and --resume.")]
)
def test_ctrl_c_ends_with_a_sentence(command, message, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.COMMANDS[command], "run", stop)
    code, out, err = run(capsys, command, "transfer")
    assert (code, out) == (130, "")
    assert err.strip().endswith(message)


def test_a_reader_who_leaves_early_is_no_error(monkeypatch, capsys):
    def write_to_nobody(args, out):
        raise BrokenPipeError

    monkeypatch.setattr(cli.evaluate, "run", write_to_nobody)
    assert run(capsys, "evaluate", "transfer") == (0, "", "")


def test_what_libraries_print_stays_out_of_the_answer(monkeypatch, capsys):
    def talk(args, out):
        print("Epoch 1/1")
        out.write("{}\n")
        return 0

    monkeypatch.setattr(cli.evaluate, "run", talk)
    assert run(capsys, "evaluate", "transfer", "--json") == (0, "{}\n", "Epoch 1/1\n")


def test_errors_of_several_lines_come_on_one(monkeypatch, capsys):
    def fail(args, out):
        raise GarbageError("one\ntwo")

    monkeypatch.setattr(cli.evaluate, "run", fail)
    assert run(capsys, "evaluate", "transfer") == (2, "", "one two\n")


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: python -m garbage_core {command}" in text
    assert "%%" not in text


def test_choices_are_those_of_the_library():
    from garbage_core.explain.heatmaps import METHODS
    from garbage_core.inference.runtimes import AUTO, FORMATS, KERAS, RUNTIMES

    assert cli.explain.METHODS == METHODS
    assert cli.export.FORMATS == FORMATS
    assert (AUTO, KERAS, *RUNTIMES) == cli.options.RUNTIMES


# as a program


def program(*argv, code=None, limit=300, **environment):
    start = ["-c", code] if code else ["-m", "garbage_core"]
    return subprocess.run(
        [sys.executable, *start, *map(str, argv)],
        check=False,
        capture_output=True,
        text=True,
        timeout=limit,
        env={key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"} | environment,
    )


def test_results_are_shown_without_tensorflow(two_runs):
    code = """
import sys
from garbage_core.cli import main
for argv in (["evaluate", "transfer", "--json"], ["compare", "scratch", "transfer"], ["data", "--help"]):
    try:
        main(argv)
    except SystemExit:
        pass
loaded = {"tensorflow", "keras", "torch", "jax"} & set(sys.modules)
sys.exit(f"loaded {loaded}" if loaded else 0)
"""
    result = program(code=code, GARBAGE_MODELS=str(two_runs))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("argv", [["--help"], ["train", "--help"], ["explain", "--help"], ["study", "crossval", "-h"]])
def test_help_loads_no_library_and_takes_a_moment(argv):
    code = f"""
import sys, time
from garbage_core.cli import main
try:
    main({argv})
except SystemExit:
    pass
loaded = {{"numpy", "pandas", "keras", "tensorflow", "PIL", "tqdm"}} & set(sys.modules)
sys.exit(f"loaded {{loaded}}, took {{time.process_time()}} s" if loaded or time.process_time() > 0.3 else 0)
"""
    result = program(code=code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("usage: ")


@pytest.mark.slow
def test_the_program_classifies_and_says_nothing_else(models, photos):
    result = program("classify", photos / "a.jpg", photos / "notes.txt", "--json", GARBAGE_MODELS=str(models))
    assert result.returncode == 1
    assert [answer["error"] is None for answer in json.loads(result.stdout)] == [True, False]
    assert result.stderr == ""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_photos_to_answers_as_a_program(tmp_path):
    """One epoch of a miniature on 60 real photos, then evaluating and classifying what came out."""
    shared = Path(__file__).parents[3] / "shared" / "data" / "trashnet" / "dataset-resized.zip"
    place = REAL_PHOTOS or (str(shared) if shared.exists() else None)
    if place is None:
        pytest.skip("needs the photos of TrashNet: set GARBAGE_DATA")
    small = ["--set", "filters=8", "--set", "blocks=[1,1,1,1]"]
    models = tmp_path / "models"
    options = ["--name", "try", "--epochs", 1, "--limit", 60, "--out", models, *small]
    trained = program("train", "scratch", "--data-dir", place, *options, limit=600)
    assert trained.returncode == 0, trained.stderr
    assert "60 test photos" in trained.stdout

    evaluated = program("evaluate", "try", "--json", GARBAGE_MODELS=str(models))
    result = json.loads(evaluated.stdout)
    assert result["photos"] == 60
    accuracy = result["metrics"]["accuracy"]
    numbers = (f"{100 * accuracy[key]:.1f}" for key in ("value", "low", "high"))
    card = (models / "try" / "card.md").read_text(encoding="utf-8")
    row = next(line for line in card.splitlines() if line.startswith("| Accuracy"))
    assert all(number in row for number in numbers)

    table = load_run("try", models).predictions
    photo = table[table["split"] == "test"].iloc[0]
    file = tmp_path / "photo.jpg"
    file.write_bytes(load_dataset(place, verify=False).read_bytes(photo["file"]))
    classified = program("classify", file, "--model", "try", "--json", GARBAGE_MODELS=str(models))
    assert classified.returncode == 0, classified.stderr
    (answer,) = json.loads(classified.stdout)
    expected = apply_temperature(
        photo[[f"p_{c}" for c in CLASS_NAMES]].to_numpy(float), load_run("try", models).temperature
    )
    np.testing.assert_allclose(list(answer["probabilities"].values()), expected, atol=1e-3)


def test_the_program_survives_a_closed_pipe(two_runs):
    process = subprocess.Popen(
        [sys.executable, "-m", "garbage_core", "evaluate", "transfer"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"GARBAGE_MODELS": str(two_runs)},
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0


def test_an_old_python_is_told_what_it_lacks(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    with pytest.raises(ImportError, match=r"needs Python 3\.11 or newer, but this is Python 3\.9"):
        importlib.reload(garbage_core)
