"""Millions of photos, in small: listing, blocks and restarts; and Ray with two workers, one of which is killed."""

import base64
import functools
import http.server
import io
import json
import os
import shutil
import signal
import threading
import time
import zipfile
from dataclasses import asdict
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from benchmarks.scale import differences, killer, read_rows, sizing
from garbage_core.cli import main
from garbage_core.cli.classify import photo_paths
from garbage_core.errors import GarbageError
from garbage_core.inference.classifier import Classifier, Failure, Prediction
from garbage_core.runs.run import load_run
from garbage_core.scale.files import (
    Job,
    Place,
    count_rows,
    read_job,
    read_list,
    unfinished,
    write_job,
    write_list,
    write_results,
)
from garbage_core.scale.job import ATTEMPTS, BlockDone, _Worker, classify_at_scale
from garbage_core.scale.sources import TRIES, Fetch, list_photos, read_photo
from garbage_core.utils.files import file_sha256, write_json
from tests.fixtures.runs import fake_run

for package in ("fsspec", "pyarrow", "openvino"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[scale]'")

CLASSES = ("red", "green", "blue")
SIZE = (48, 64)


def color_run(root):
    """A run whose exported network names the color that a photo has most of; it needs OpenVINO and nothing else."""
    import openvino as ov
    from openvino import opset13 as ops

    run = fake_run(root, "transfer", classes=CLASSES, counts={"train": 4, "val": 2, "test": 2})
    content = run.info | {"config": run.info["config"] | {"height": SIZE[0], "width": SIZE[1]}, "threshold": 0.5}
    write_json(content, run.path / "run.json")
    weights = (40 * np.eye(3)).astype(np.float32)
    photos = ops.parameter([-1, -1, -1, 3], np.float32, name="photos")
    maps = ops.multiply(photos, ops.constant(np.float32(1 / 255)))
    features = ops.reduce_mean(maps, ops.constant(np.array([1, 2])))
    logits = ops.matmul(features, ops.constant(weights), False, False)
    model = ov.Model([logits, maps, features], [photos])
    for port, name in zip(model.outputs, ("logits", "maps", "features"), strict=True):
        port.tensor.set_names({name})
    file = run.path / "model.xml"
    ov.save_model(model, file, compress_to_fp16=False)
    names = ("model.xml", "model.bin")
    report = {
        "schema_version": 1,
        "format": "openvino",
        "precision": "float32",
        "weights_sha256": run.weights_sha256,
        "classes": 3,
        "channels": 3,
        "feature_widths": [3],
        "files": {name: {"sha256": file_sha256(run.path / name)} for name in names},
        "head": {"shape": [3, 3], "data": base64.b64encode(weights.tobytes()).decode()},
    }
    write_json(report, run.path / "model.xml.json")
    return load_run("transfer", root)


def colored(seed, width, height):
    """Returns a JPEG of colored blocks, with more of one color than of the others."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 200, (6, 8, 3)) + rng.integers(0, 50, 3)
    file = io.BytesIO()
    Image.fromarray(blocks.astype(np.uint8)).resize((width, height)).save(file, "JPEG")
    return file.getvalue()


def write_photos(folder, count, width=64, height=48):
    """Writes photos of random colors, some in folders below, and among them two that cannot be read."""
    contents = [colored(number, width, height) for number in range(min(count, 24))]
    for number in range(count):
        path = folder / f"set{number % 3}" / f"photo{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[number % len(contents)])
    (folder / "set0" / "torn.jpg").write_bytes(contents[0][:300])
    (folder / "set1" / "empty.png").write_bytes(b"")
    (folder / "set1" / ".hidden.jpg").write_bytes(contents[0])
    (folder / "notes.md").write_text("not a photo")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return color_run(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("few"), 20)


# Listing and reading


def test_names_are_those_of_the_plain_command(few):
    names = [name for name, _ in list_photos(str(few))[0]]
    assert sorted(names) == sorted(map(str, photo_paths([str(few)])))
    assert len(names) == 22


def test_pattern_single_photo_and_list_are_sources_too(few, tmp_path):
    assert len(list_photos(f"{few}/set0/photo*.jpg")[0]) == 7
    photo = few / "set0" / "photo0000.jpg"
    assert list_photos(str(photo)) == ([(str(photo), str(photo))], [])
    (tmp_path / "some.txt").write_text(f"{photo}\n\n{photo}\n{few}/set1/photo0001.jpg\n")
    assert [name for name, _ in list_photos(str(tmp_path / "some.txt"))[0]] == [
        str(photo),
        f"{few}/set1/photo0001.jpg",
    ]


def test_one_walker_finds_the_same_for_both_commands(tmp_path, monkeypatch, capsys):
    folder = write_photos(tmp_path / "messy", 3)
    photo = (folder / "set0" / "photo0000.jpg").read_bytes()
    for name in (".thumbnails/1.jpg", "set0/@eaDir/1.jpg", "__MACOSX/1.jpg", ".ipynb_checkpoints/1.jpg"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(photo)
    (folder / "set0" / "IMG0001").write_bytes(photo)
    (folder / "set0" / "LICENSE").write_text("no photo")
    (folder / "set0" / "up").symlink_to(folder)
    (folder / "set0" / "lost.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.jpg").write_bytes(photo)
    (folder / "set1" / "linked").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "set0" / "pipe.jpg")
    monkeypatch.chdir(tmp_path)
    expected = ["set0/IMG0001", "set0/photo0000.jpg", "set0/torn.jpg", "set1/empty.png", "set1/linked/far.jpg"]
    expected = sorted(f"messy/{name}" for name in [*expected, "set1/photo0001.jpg", "set2/photo0002.jpg"])
    assert list(map(str, photo_paths(["messy"]))) == expected
    told = capsys.readouterr().err
    found, left_out = list_photos("messy")
    assert found == [(name, str(tmp_path / name)) for name in expected]
    assert sorted(name for name, _ in left_out) == ["set0/lost.jpg", "set0/pipe.jpg", "set0/up/"]
    assert all(f"{name} {reason}." in told for name, reason in left_out)
    assert list_photos(f"file://{folder}")[0] == [(f"file://{tmp_path}/{name}",) * 2 for name in expected]
    assert [name for name, _ in list_photos("messy/set*/*1*")[0]] == [
        n for n in expected if "1" in n.rpartition("/")[2]
    ]
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", folder / "set0")
    assert sorted(name.rpartition("/")[2] for name, _ in list_photos(f"zip://::{archive}")[0])[:2] == [
        "IMG0001",
        "photo0000.jpg",
    ]


def test_photos_in_an_archive(few, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in few.rglob("*.jpg"):
            archive.write(path, path.relative_to(few))
    found = dict(list_photos(f"zip://::{tmp_path}/all.zip")[0])
    assert len(found) == 21
    assert read_photo(found["set0/photo0000.jpg"]) == (few / "set0" / "photo0000.jpg").read_bytes()


def test_photos_behind_an_address(few):
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install '.[scale]'")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(few))
    handler.log_message = lambda *args: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        found = dict(list_photos(f"{address}/")[0])
        name = f"{address}/set0/photo0000.jpg"
        assert len(found) == 22
        assert read_photo(found[name]) == (few / "set0" / "photo0000.jpg").read_bytes()
        with pytest.raises(GarbageError, match="no file"):
            read_photo(f"{address}/set0/gone.jpg")
        server.shutdown()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{}/nowhere", "no photo in|cannot be listed"),
        ("{}/notes-only", "no photo in"),
        ("gopher://old/photos", "cannot be opened"),
    ],
)
def test_source_without_photos_is_refused(source, message, tmp_path):
    (tmp_path / "notes-only").mkdir()
    (tmp_path / "notes-only" / "notes.md").write_text("-")
    with pytest.raises(GarbageError, match=message):
        list_photos(source.format(tmp_path))


def test_fetching_is_tried_again_and_what_still_fails_is_noted(monkeypatch):
    calls = []

    def fails(path):
        calls.append(path)
        raise TimeoutError("the network is slow")

    monkeypatch.setattr("garbage_core.scale.sources.read_photo", fails)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    unfetched = set()
    with pytest.raises(GarbageError, match=r"could not be fetched .*the network is slow"):
        Fetch("a.jpg", "s3://b/a.jpg", unfetched)()
    assert unfetched == {"a.jpg"}
    assert len(calls) == TRIES


# Files of a job


def result(name, error=None):
    if error:
        return Failure(name, error)
    return Prediction(name, "red", 0.7, {"red": 0.7, "green": 0.2, "blue": 0.1}, True)


def test_job_and_list_are_read_back(tmp_path):
    place = Place(str(tmp_path / "out"))
    assert read_job(place) is None
    job = Job("photos", "transfer", "ab", "openvino", False, 4, 10, CLASSES)
    photos = [(f"{number}.jpg", f"/photos/{number}.jpg") for number in range(10)]
    write_list(place, photos, 4)
    write_job(place, job)
    assert read_job(place) == job
    assert job.blocks == 3
    assert [read_list(place, block) for block in range(3)] == [photos[:4], photos[4:8], photos[8:]]


def test_block_written_twice_counts_once_and_what_could_not_be_fetched_stays_to_do(tmp_path):
    place = Place(str(tmp_path))
    assert unfinished(place, 2) == [0, 1]
    for _ in range(2):
        write_results(place, 0, CLASSES, [(result("a"), False), (result("b", "torn"), False)])
    assert count_rows(place) == {"predicted": 1, "failed": 1, "again": 0}
    assert unfinished(place, 2) == [1]
    write_results(place, 1, CLASSES, [(result("c", "the network is slow"), True)])
    assert unfinished(place, 2) == [1]
    counts = write_results(place, 1, CLASSES, [(result("c"), False)])
    assert counts == {"photos": 1, "failed": 0, "again": 0, "unsure": 0, "is_ood": 0}
    assert count_rows(place) == {"predicted": 2, "failed": 1, "again": 0}
    assert unfinished(place, 2) == []


def test_block_of_which_every_worker_dies_is_given_up(run, few, tmp_path):
    place = Place(str(tmp_path))
    job = Job(str(few), "transfer", run.weights_sha256, "openvino", False, 8, 22, CLASSES)
    write_list(place, list_photos(str(few))[0], job.block)
    worker = _Worker(str(tmp_path), asdict(job), str(run.path.parent), gpu=False)
    for _ in range(ATTEMPTS - 1):
        place.begin(1)
    assert worker.classify(1)["photos"] == 8
    assert worker.classify(1)["photos"] == 8, "a block that was finished counts from the start again"
    for _ in range(ATTEMPTS):
        place.begin(2)
    with pytest.raises(RuntimeError, match="died of block 2"):
        worker.classify(2)
    assert unfinished(place, job.blocks) == [0, 2]


def test_answers_may_lie_elsewhere():
    place = Place("memory://answers")
    write_results(place, 3, CLASSES, [(result("a"), False)])
    assert list(place.parts("answers")) == [3]
    assert count_rows(place)["predicted"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{photos}", "--out", "x"], "--out belongs to --engine ray"),
        (["{photos}", "--engine", "ray"], "one source and --out DIR"),
        (["{photos}", "{photos}", "--engine", "ray", "--out", "x"], "one source and --out DIR"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments, message, few, run, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(run.path.parent))
    assert main(["classify", *(part.format(photos=few) for part in arguments)]) == 2
    assert message in capsys.readouterr().err


# With Ray

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install '.[scale]'")
pytestmark = pytest.mark.timeout(600)


@pytest.mark.slow
@needs_ray
def test_two_workers_one_killed_give_the_answers_of_the_plain_command(run, tmp_path):
    folder = write_photos(tmp_path / "photos", 4998)
    out, killed = tmp_path / "out", []

    def kill_once(done, photos):
        assert photos == 5000
        if not killed:
            killed.append(done.process)
            os.kill(done.process, signal.SIGKILL)

    summary = classify_at_scale(str(folder), str(out), run, workers=2, block=64, progress=kill_once)
    assert summary["replaced"] >= 1
    assert (summary["photos"], summary["predicted"], summary["failed"], summary["again"]) == (5000, 4998, 2, 0)

    found = {row["file"]: row for row in read_rows(out, "answers")}
    failed = {row["file"]: row["error"] for row in read_rows(out, "failed")}
    assert len(read_rows(out, "answers")) == len(found)
    paths = sorted(path for path in folder.rglob("*.*g") if not path.name.startswith("."))
    for expected in Classifier.from_run(run).classify_paths(paths):
        if isinstance(expected, Failure):
            assert failed.pop(expected.file).split(":")[-1] == expected.error.split(":")[-1]
            continue
        row = found.pop(expected.file)
        assert (row["label"], row["accepted"]) == (expected.label, expected.accepted)
        shares = [row[f"p_{name}"] for name in CLASSES]
        np.testing.assert_allclose(shares, list(expected.probabilities.values()), atol=1e-6)
    assert not found
    assert not failed

    # What is lost afterwards is done again, and nothing else.
    (out / "answers" / "part-00000003.parquet").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in (out / "answers").iterdir()}
    again = classify_at_scale(str(folder), str(out), run, workers=1, block=64)
    assert (again["blocks_before"], again["photos_now"], again["predicted"]) == (78, 64, 4998)
    after = {path.name: path.stat().st_mtime_ns for path in (out / "answers").iterdir()}
    assert before.items() < after.items()
    assert set(after) - set(before) == {"part-00000003.parquet"}

    with pytest.raises(GarbageError, match="another job, which differs in --flip"):
        classify_at_scale(str(folder), str(out), run, workers=1, block=64, flip=True)
    shutil.rmtree(folder)  # nothing is left to do, so nothing is read
    assert classify_at_scale(str(folder), str(out), run, workers=1, block=64)["photos_now"] == 0


@pytest.mark.slow
@needs_ray
def test_command_prints_a_summary_and_says_by_its_exit_code_that_photos_failed(few, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(run.path.parent))
    arguments = ["classify", "--engine", "ray", str(few), "--out", str(tmp_path / "out"), "--json"]
    assert main([*arguments, "--workers", "99"]) == 2
    assert "cores for 99 workers" in capsys.readouterr().err
    assert main([*arguments, "--workers", "1"]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["predicted"], summary["failed"], summary["workers"]) == (20, 2, 1)


def test_what_differs_from_one_process_is_counted():
    expected = [result("a"), result("b"), result("c", error="It is cut off."), result("d")]
    read = [photo for photo in expected if isinstance(photo, Prediction)]
    good = [vars(photo) | {f"p_{name}": share for name, share in photo.probabilities.items()} for photo in read]
    failed = [{"file": "c", "error": "It is cut off.", "again": False}]
    assert +differences(expected, good, failed) == {"same": 4}
    other = good[0] | {f"p_{CLASSES[0]}": good[0][f"p_{CLASSES[0]}"] + 0.01}
    assert +differences(expected, [other, *good[1:]], failed) == {"same": 3, "other_answer": 1}
    assert +differences(expected, [*good, {**good[0], "file": "c"}], []) == {"same": 3, "other_answer": 1}
    assert +differences(expected, good[1:], failed) == {"same": 3, "lost": 1}
    assert +differences(expected, [*good, good[0]], failed) == {"same": 4, "doubled": 1}
    assert +differences(expected, [*good, {**good[0], "file": "e"}], failed) == {"same": 4, "too_many": 1}


def test_one_worker_is_killed_once_so_many_photos_are_done():
    killed = []
    progress = killer(100, lambda process, signal: killed.append(process))
    for number in range(6):
        progress(BlockDone(number, 40, 0, 0, 0, 0, 1.0, process=number), 240)
    assert killed == [2]


def test_sizing_follows_from_the_rates():
    one, two = sizing([(1, 10.0), (2, 18.0)], price=0.05, photos=3_600_000)
    assert (one["photos_per_hour_per_worker"], one["hours"], one["cost"], one["efficiency"]) == (36_000, 100, 5, 1)
    assert (two["hours"], two["efficiency"]) == (55.6, 0.9)
    assert two["worker_hours"] == 111.1
