"""What `pip install .` makes of the checkout, and that lists of packages agree with each other."""

import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.fixtures.photos import cardboard

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "NOTICE")


def packages(name):
    """The lines of a list of packages, without comments."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines())
    return [line for line in lines if line]


def test_lite_mode_asks_for_the_same_versions():
    assert set(packages("requirements-lite.txt")) < set(packages("requirements.txt"))


def test_no_package_is_listed_twice():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(extras) == {"export", "scale", "teacher", "dev"}
    assert packages("requirements-dev.txt") == ["-e .[dev]"]
    listed = [*packages("requirements.txt"), *(package for extra in extras.values() for package in extra)]
    assert len(listed) == len(set(listed))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the checkout, built from a copy so that no leftover of an earlier build gets in."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "garbage_core", copy / "garbage_core", ignore=shutil.ignore_patterns("__pycache__"))
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, copy]
    subprocess.run(command, check=True)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def garbage(wheel, tmp_path_factory):
    """Function that runs the installed `garbage` in a folder; the packages it needs are those of this Python."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python"]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    (package,) = environment.rglob("garbage_core")
    # The path alone: were it a site directory, an editable install of the checkout would be found in it.
    (package.parent / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    def run(folder, *arguments, **variables):
        inherited = {
            key: value
            for key, value in os.environ.items()
            if key not in ("GARBAGE_MODELS", "GARBAGE_DATA", "PYTHONPATH", "VIRTUAL_ENV")
        }
        before = sorted(package.parent.rglob("*"))
        done = subprocess.run(
            [scripts / "garbage", *arguments],
            cwd=folder,
            env={**inherited, "PYTHONDONTWRITEBYTECODE": "1", **variables},
            capture_output=True,
            text=True,
        )
        assert sorted(package.parent.rglob("*")) == before, "something was written beside the package"
        return done

    return run


@pytest.mark.slow
def test_wheel_holds_what_the_code_reads(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    presets = {f"garbage_core/config/presets/{path.name}" for path in (ROOT / "garbage_core").rglob("presets/*.toml")}
    assert len(presets) >= 3
    assert {"garbage_core/py.typed", "garbage_core/data/official_splits.csv", *presets} <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"garbage_core"}


@pytest.mark.slow
def test_installed_command_says_its_version_in_an_empty_folder(garbage, tmp_path):
    done = garbage(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, "garbage_core 0.1.0\n"), done.stderr


@pytest.mark.slow
def test_installed_command_classifies(garbage, tmp_path):
    Image.open(io.BytesIO(cardboard())).save(tmp_path / "drawn.png")
    done = garbage(tmp_path, "classify", "drawn.png", GARBAGE_MODELS=str(ROOT / "models"))
    assert done.returncode == 0, done.stderr
    assert "cardboard" in done.stdout.lower()


@pytest.mark.slow
def test_without_a_run_the_installed_command_says_what_to_do(garbage, tmp_path):
    Image.open(io.BytesIO(cardboard())).save(tmp_path / "drawn.png")
    done = garbage(tmp_path, "classify", "drawn.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert "GARBAGE_MODELS" in done.stderr
    assert "garbage_core train" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.png"]
