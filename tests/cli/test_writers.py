"""Every command that writes: a closed folder, a full disk and a file in its way cost one sentence and no half file."""

import sys

import pytest

from garbage_core.cli import main
from tests.fixtures.disks import commands_without_rights, fill, needs_rights, needs_tmpfs, small_disk, without_rights
from tests.fixtures.networks import miniature_run, picture
from tests.fixtures.photos import small_dataset, write_folder

__all__ = ["small_disk"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with a network, photos for it, and findings."""
    place = tmp_path_factory.mktemp("made")
    miniature_run(place / "models", "mine", classes=("can", "jar"))
    write_folder(place / "photos", {f"{c}/{n}.jpg": picture(n) for c in ("can", "jar") for n in range(6)})
    return place


def commands(made, out):
    """Returns commands by name; each writes below the folder `out`."""
    photo, photos = str(made / "photos" / "can" / "1.jpg"), ["--data-dir", str(made / "photos")]
    return {
        "classify": ["classify", photo, "--model", "mine", "--csv", str(out / "answers.csv")],
        "explain": ["explain", photo, "--model", "mine", "-o", str(out / "why.png")],
        "export": ["export", "mine", "--format", "openvino", "-o", str(out / "model.xml")],
        "audit": ["audit", "--duplicates-only", *photos, "-o", str(out / "found.csv")],
        "study": ["study", "imbalance", *photos, "-o", str(out / "study.csv")],
        "ood": ["ood", "mine", *photos, "--compare", str(out / "ood.csv")],
    }


@pytest.mark.parametrize("name", ["classify", "explain", "export", "audit", "study", "ood"])
def test_a_file_in_the_place_of_the_folder_is_told_before_the_work(name, made, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(made / "models"))
    (tmp_path / "file").write_text("I am a file")
    assert main(commands(made, tmp_path / "file")[name]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert "cannot be written (Not a directory)" in lines[-1] or "in the way" in lines[-1]
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@needs_tmpfs
@pytest.mark.parametrize("name", ["audit", "classify", "explain"])
def test_a_full_disk_leaves_no_half_file(name, made, small_disk, monkeypatch, capsys):
    monkeypatch.setenv("GARBAGE_MODELS", str(made / "models"))
    fill(small_disk, leave=0)
    assert main(commands(made, small_disk)[name]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.endswith("free space, or choose another place.")
    assert [p.name for p in small_disk.iterdir()] == ["filling"]


@needs_rights
@pytest.mark.parametrize("name", ["audit", "classify", "explain", "export"])
def test_a_closed_folder_is_told_before_the_work(name, made, tmp_path):
    tmp_path.chmod(0o555)
    done = without_rights("-m", "garbage_core", *commands(made, tmp_path)[name], GARBAGE_MODELS=str(made / "models"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().splitlines()[-1].endswith("(Permission denied): choose a folder that you may write to.")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@needs_rights
def test_closed_folders_of_runs_and_results_are_told(made, tmp_path):
    """Without -o the folders of the runs are written to."""
    models = tmp_path / "models"
    miniature_run(models, "mine", classes=("can", "jar"))
    photos = ["--data-dir", str(made / "photos")]
    for folder in (models / "mine", models):
        folder.chmod(0o555)
    before = sorted(models.rglob("*"))
    commands = [
        ["embed", "mine", *photos],
        ["audit", "--duplicates-only", *photos],
        ["data", "--statistics", *photos],
    ]
    for command, (status, said) in zip(
        commands, commands_without_rights(*commands, GARBAGE_MODELS=str(models)), strict=True
    ):
        assert status == 2, command
        assert "Permission denied" in said.strip().splitlines()[-1], command
        assert "Traceback" not in said, command
    assert sorted(models.rglob("*")) == before


def test_a_missing_package_is_named_with_what_to_install(tmp_path, monkeypatch, capsys):
    """As in lite mode, where imagehash is not installed."""
    monkeypatch.setitem(sys.modules, "imagehash", None)
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path / "models"))
    photos = write_folder(tmp_path / "photos", small_dataset(photos=10))
    assert main(["audit", "--duplicates-only", "--data-dir", str(photos)]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == (
        "This command needs the package 'imagehash', which is not installed: pip install -r requirements.txt."
    )
