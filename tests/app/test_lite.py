"""Lite mode: the app where TensorFlow is not installed answers from exported networks and opens every page."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from garbage_core.export.export import export_run
from tests.fixtures.networks import miniature_run, picture

ROOT = Path(__file__).resolve().parents[2]

VISIT = """
import json, sys
from pathlib import Path
for name in ("tensorflow", "keras", "h5py", "tf_keras_vis"):
    sys.modules[name] = None  # as if it were not installed
from streamlit.testing.v1 import AppTest

def words(app):
    kinds = (app.title, app.header, app.subheader, app.markdown, app.caption, app.info, app.error)
    return [element.value for kind in kinds for element in kind]

def state(app):
    pictures = [picture.proto.imgs[0].alt for picture in app.image]
    parts = [part.proto for part in app.get("bidi_component") if part.proto.component_name == "exhibit"]
    maps = [model["map_alt"] for part in parts for model in json.loads(part.json)["models"] if model["map"]]
    failed = [e.message for e in app.exception]
    return {"words": words(app), "images": pictures, "maps": maps, "failed": failed}

root, photo = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes()
app = AppTest.from_file(str(root / "streamlit_app.py"), default_timeout=250).run()
if app.file_uploader:
    app.file_uploader(key="files").upload("photo.jpg", photo, "image/jpeg").run()
seen = {"classify": state(app)}
for page in sorted((root / "pages").glob("*.py")) if app.file_uploader else ():
    if page.stem != "classify":
        seen[page.stem] = state(app.switch_page(f"pages/{page.name}").run())
json.dump(seen, open(sys.argv[3], "w"))
"""


def visit(models: Path, folder: Path) -> dict:
    """Visits every page in a process without TensorFlow; returns what each showed."""
    photo, result = folder / "photo.jpg", folder / "seen.json"
    photo.write_bytes(picture(1))
    kept = {k: v for k, v in os.environ.items() if k not in ("GARBAGE_RUNTIME", "GARBAGE_DATA", "KERAS_BACKEND")}
    environment = {"GARBAGE_MODELS": str(models), "XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", VISIT, str(ROOT), str(photo), str(result)]
    done = subprocess.run(command, cwd=folder, env=kept | environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(result.read_text())


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What every page shows, with two exported networks."""
    for package in ("tf2onnx", "onnx", "onnxruntime"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install '.[export]'")
    models = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("scratch", "transfer")):
        run = miniature_run(models, name, seed=seed)
        export_run(run, "onnx")
        run.model_path.unlink()  # a host in lite mode needs the exported file alone
    return visit(models, tmp_path_factory.mktemp("place"))


@pytest.mark.slow
def test_every_page_opens(seen):
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")}
    assert pages <= set(seen)
    assert {name: page["failed"] for name, page in seen.items() if page["failed"]} == {}


@pytest.mark.slow
def test_both_models_answer_and_show_their_maps(seen):
    page = seen["classify"]
    assert {"Scratch", "Transfer"} <= set(page["words"])
    assert [alt for alt in page["images"] if alt.startswith("Heat map of")] == [
        "Heat map of Scratch over the photo photo.jpg",
        "Heat map of Transfer over the photo photo.jpg",
    ]


@pytest.mark.slow
def test_maps_without_a_gradient_are_explained_and_one_line_says_what_is_missing(seen):
    assert len(seen["explanations"]["maps"]) == 2
    missing = [text for text in seen["explanations"]["words"] if "TensorFlow" in text]
    assert missing == ["Methods that need gradients need TensorFlow, which is not installed on this server."]


@pytest.mark.slow
def test_page_that_needs_tensorflow_says_so_in_one_line(seen):
    missing = [text for text in seen["augmentation"]["words"] if "TensorFlow" in text]
    assert missing == ["Changing photos as training does needs TensorFlow, which is not installed on this server."]


def test_without_exports_it_says_what_to_do(tmp_path):
    miniature_run(tmp_path / "models", "transfer")
    page = visit(tmp_path / "models", tmp_path)["classify"]
    assert "The networks are here, but not TensorFlow." in " ".join(page["words"])
    assert page["failed"] == []
