"""What a network sees in photos: vectors that tell alike from unlike, kept with the run and refused when stale."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from garbage_core.audit.embeddings import Embeddings, flat_map, load_embeddings, load_map, principal, save_embeddings
from garbage_core.cli import main
from garbage_core.data.dataset import load_dataset
from garbage_core.errors import GarbageError
from garbage_core.utils.files import write_json
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.photos import write_folder
from tests.fixtures.runs import fake_run

ROOT = Path(__file__).resolve().parents[2]


def made_up(photos: int = 30, **values) -> Embeddings:
    rng = np.random.default_rng(0)
    return Embeddings(
        **{
            "files": tuple(f"can/{number}.jpg" for number in range(photos)),
            "vectors": rng.normal(size=(photos, 4)).astype(np.float16).astype(np.float32),
            "probabilities": rng.dirichlet(np.ones(3), photos).astype(np.float16).astype(np.float32),
            "classes": ("can", "jar", "NA"),
            "layer": "avg_pool",
            "weights_sha256": "ab" * 32,
            "fingerprint": "cd" * 32,
        }
        | values
    )


@pytest.fixture
def run(tmp_path):
    return fake_run(
        tmp_path, "mine", classes=("can", "jar", "NA"), weights={"file": "model.keras", "sha256": "ab" * 32}
    )


def saved(run, photos: int = 30) -> Embeddings:
    embeddings = made_up(photos)
    save_embeddings(run, embeddings, pd.DataFrame({"file": embeddings.files, "x": 1.5, "y": np.arange(photos) / 8}))
    return embeddings


def test_embeddings_survive_the_file(run):
    there = saved(run)
    back = load_embeddings(run)
    for name in ("files", "classes", "layer", "weights_sha256", "fingerprint"):
        assert getattr(back, name) == getattr(there, name)
    np.testing.assert_array_equal(back.vectors, there.vectors)
    np.testing.assert_array_equal(back.probabilities, there.probabilities)
    places = load_map(run)
    assert tuple(places["file"]) == there.files
    assert places[["x", "y"]].iloc[3].tolist() == [1.5, 0.375]


def test_new_weights_make_old_embeddings_useless(run):
    saved(run)
    write_json(run.info | {"weights": {"file": "model.keras", "sha256": "ef" * 32}}, run.path / "run.json")
    run.info["weights"]["sha256"] = "ef" * 32
    for load in (load_embeddings, load_map):
        with pytest.raises(GarbageError, match=r"other weights \(SHA-256 abab.*efef.*embed mine`\.$"):
            load(run)


def test_missing_and_damaged_embeddings_are_named(run):
    with pytest.raises(GarbageError, match=r"'mine' has no embeddings: .*embed mine"):
        load_embeddings(run)
    saved(run)
    (run.path / "embedding.csv").write_text("file,x\na,1\n")
    with pytest.raises(GarbageError, match=r"embedding\.csv cannot be read"):
        load_map(run)
    whole = (run.path / "embeddings.npz").read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2]):
        (run.path / "embeddings.npz").write_bytes(damaged)
        with pytest.raises(GarbageError, match=r"embeddings\.npz cannot be read"):
            load_embeddings(run)
    save_embeddings(run, made_up(probabilities=np.ones((7, 3))), pd.DataFrame())
    with pytest.raises(GarbageError, match="different lengths"):
        load_embeddings(run)


def test_photo_without_a_vector_is_named():
    embeddings = made_up()
    assert embeddings.places(["can/7.jpg", "can/2.jpg"]).tolist() == [7, 2]
    with pytest.raises(GarbageError, match=r"lack the photo 'can/77\.jpg'"):
        embeddings.places(["can/7.jpg", "can/77.jpg"])


def test_components_tell_alike_from_unlike():
    features = np.random.default_rng(0).gamma(2.0, size=(400, 200)) * np.geomspace(1, 1000, 200)
    features[7] = features[300] * (1 + 0.02 * np.random.default_rng(1).normal(size=200))
    vectors = principal(features)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.triu(unit @ unit.T, 1)
    assert np.unravel_index(cosines.argmax(), cosines.shape) == (7, 300)
    assert cosines[7, 300] > 0.95
    assert np.partition(cosines.ravel(), -2)[-2] < 0.8
    np.testing.assert_allclose(vectors.std(axis=0), 1, atol=0.01)
    np.testing.assert_array_equal(vectors, principal(features))
    np.testing.assert_array_equal(vectors, vectors.astype(np.float16))


@pytest.mark.parametrize(("photos", "channels", "components"), [(5, 8, 2), (60, 200, 6), (3000, 200, 128), (90, 4, 4)])
def test_components_are_no_more_than_the_photos_can_bear(photos, channels, components):
    features = np.random.default_rng(0).normal(size=(photos, channels))
    features[:, 0] = 3.0  # a channel that never changes
    vectors = principal(features)
    assert vectors.shape == (photos, components)
    assert np.isfinite(vectors).all()


@pytest.mark.slow
def test_map_keeps_neighbors_and_is_the_same_again():
    rng = np.random.default_rng(0)
    group = np.arange(90) % 3
    vectors = (5 * rng.normal(size=(3, 10))[group] + rng.normal(size=(90, 10))).astype(np.float32)
    embeddings = made_up(90, vectors=vectors)
    places = flat_map(embeddings)
    xy = places[["x", "y"]].to_numpy()
    distances = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (group[distances.argmin(axis=1)] == group).mean() > 0.95
    pd.testing.assert_frame_equal(places, flat_map(embeddings))


@pytest.mark.slow
def test_command_embeds_every_photo(tmp_path, monkeypatch, capsys):
    run = miniature_run(tmp_path / "models", "mine", classes=("can", "jar"))
    shapes = ((128, 96), (96, 128), (128, 128))
    # From number 21 on the same pictures in the same shapes come again.
    numbers = [(label, n) for label in ("can", "jar") for n in range(24)]
    files = {f"{label}/{n}.jpg": picture(n % 7 + 50 * (label == "jar"), *shapes[n % 3]) for label, n in numbers}
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    assert main(["embed", "mine", "--data-dir", str(write_folder(tmp_path / "photos", files))]) == 0
    assert "48 photos" in capsys.readouterr().out
    dataset = load_dataset(tmp_path / "photos")
    found = load_embeddings(run)
    assert found.files == tuple(dataset.photos["file"])
    assert found.fingerprint == dataset.fingerprint
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=2e-3)
    of = dict(zip(found.files, found.vectors, strict=True))
    for label, n in numbers[:3] + numbers[24:27]:
        np.testing.assert_array_equal(of[f"{label}/{n}.jpg"], of[f"{label}/{n + 21}.jpg"])
        assert (of[f"{label}/{n}.jpg"] != of[f"{label}/{n + 7}.jpg"]).any()
    assert tuple(load_map(run)["file"]) == found.files


def test_reading_loads_no_network():
    code = (
        "import sys, garbage_core.audit.findings, garbage_core.audit.embeddings\n"
        "print([name for name in ('keras', 'tensorflow', 'sklearn', 'cleanlab') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"
