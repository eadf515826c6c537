"""A run whose network really classifies: a miniature ResNet with random weights, and made-up pictures to show it."""

import io
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from garbage_core.classes import CLASS_NAMES
from garbage_core.resnet import build_resnet
from garbage_core.runs import Run, load_run, write_json
from garbage_core.weights import save_network
from tests.helpers import fake_run


def picture(seed: int, width: int = 128, height: int = 96, kind: str = "JPEG") -> bytes:
    """Returns the bytes of an image of coloured blocks, another one for every seed."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(blocks).resize((width, height), Image.Resampling.BILINEAR).save(file, kind)
    return file.getvalue()


def miniature(num_classes: int = 3, seed: int = 0) -> keras.Model:
    """Returns a miniature network whose answers differ clearly from photo to photo."""
    keras.utils.set_random_seed(seed)
    network = build_resnet("v2", num_classes, stacks=(1, 1), width=4)
    head = network.get_layer("predictions")
    head.set_weights([5 * weights for weights in head.get_weights()])
    return network


def miniature_run(
    root: str | Path, name: str = "transfer", classes=CLASS_NAMES, size=(48, 64), seed: int = 0, **info
) -> Run:
    """Writes a run folder with a working network for photos of a size (height, width), and returns the run.

    Its tables are made up as by `fake_run`, which says what `info` is; its photos are few.
    """
    run = fake_run(root, name, classes=classes, counts={"train": 8, "val": 4, "test": 6}, seed=seed, **info)
    file = run.path / "model.keras"
    sha256 = save_network(miniature(len(classes), seed), file)
    content = run.info | {"weights": {"file": file.name, "sha256": sha256, "bytes": file.stat().st_size}}
    content["config"] = content["config"] | {"height": size[0], "width": size[1]}
    write_json(content, run.path / "run.json")
    return load_run(name, root)
