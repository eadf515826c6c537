"""What `benchmarks.app_speed.table` times of classifying and of the app. Each function measures one row."""

import functools
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.app_speed.runtimes import PAUSE, SIZE
from benchmarks.app_speed.table import Measured, Settings
from benchmarks.app_speed.timing import in_turns
from garbage_core.errors import GarbageError
from garbage_core.inference.classifier import Classifier, Failure, classify_together
from garbage_core.inference.engine import keras_network
from garbage_core.inference.runtimes import ExportedNetwork, find_exports

FOLDER_PHOTOS = 256
DATASET_SIZE = (512, 384)  # width and height of TrashNet's photos
PHONE_SIZE = (4032, 3024)  # 12 megapixels


def photo(settings: Settings) -> Measured:
    """From the bytes of a phone's photo to the answers of all models, against the usual way of doing it."""
    data = jpeg(0, PHONE_SIZE)
    classifiers = [Classifier.from_run(run) for run in settings.runs]
    networks = [keras_network(run) for run in settings.runs]
    sizes = [classifier.size for classifier in classifiers]

    def ours() -> None:
        (answers,) = classify_together(classifiers, [("photo", data)], workers=0)
        if any(isinstance(answer, Failure) for answer in answers):
            raise GarbageError("The photo that was made for measuring cannot be read.")

    def usual() -> None:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        for network, (height, width) in zip(networks, sizes, strict=True):
            pixels = np.asarray(image.resize((width, height)), dtype=np.float32)
            network.predict(pixels[np.newaxis], verbose=0)

    # TensorFlow's threads wait for more by spinning, on a core that the other side would use.
    times = in_turns({"ours": ours, "usual": usual}, settings.rounds(20), pause=PAUSE)
    runtimes = ", ".join(sorted({classifier.runtime for classifier in classifiers}))
    return Measured(times["ours"], times["usual"], f"{len(classifiers)} models, ours by {runtimes}")


def overhead(settings: Settings) -> Measured:
    """One photo through `Classifier`, from its bytes, against the runtime alone."""
    exports = find_exports(settings.run)
    if not exports:
        raise GarbageError(
            f"{settings.run.name!r} has no exported network to compare with: "
            f"run `python -m garbage_core export {settings.run.name} --format openvino --int8`."
        )
    classifier = Classifier.from_run(settings.run, exports[0].runtime)
    data = jpeg(1, DATASET_SIZE)
    tensor = classifier.prepare(data)[np.newaxis].astype(np.float32)
    bare = _bare(ExportedNetwork(exports[0]))
    times = in_turns(
        {"ours": lambda: classifier.classify_bytes(data), "bare": lambda: bare(tensor)}, settings.rounds(25)
    )
    shape = "x".join(map(str, tensor.shape[2:0:-1]))
    return Measured(times["ours"], times["bare"], f"{settings.run.name} by {exports[0].runtime}, {shape} pixels")


def _bare(network: ExportedNetwork) -> Callable[[np.ndarray], object]:
    """Returns the call of the runtime itself, without the turns that threads take and without softmax."""
    return network._call


def folder(settings: Settings) -> Measured:
    """Photos from disk through `Classifier`, against the same network on photos that are decoded."""
    classifier = Classifier.from_run(settings.run)
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        paths = [Path(place) / f"{number:03d}.jpg" for number in range(FOLDER_PHOTOS)]
        for number, path in enumerate(paths):
            path.write_bytes(jpeg(number % 16, DATASET_SIZE))
        photos = [classifier.prepare(path.read_bytes()) for path in paths]
        sides = {
            "ours": lambda: [answer.label for answer in classifier.classify_paths(paths)],
            "memory": lambda: classifier.probabilities(photos),
        }
        times = in_turns(sides, settings.rounds(5), warm_up=1)
    rates = {name: 1000 * FOLDER_PHOTOS / values for name, values in times.items()}
    return Measured(rates["ours"], rates["memory"], f"{settings.run.name} by {classifier.runtime}")


def int8(settings: Settings) -> Measured:
    """One photo by the fastest 8-bit export, against the usual `predict`."""
    exports = [export for export in find_exports(settings.run) if export.precision == "int8"]
    if not exports:
        raise GarbageError(f"{settings.run.name!r} has no 8-bit export: run `python -m garbage_core export --int8`.")
    exported, network = ExportedNetwork(exports[0]), keras_network(settings.run)
    photo = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3)).astype(np.float32)
    sides = {"ours": lambda: exported(photo), "usual": lambda: network.predict(photo, verbose=0)}
    times = in_turns(sides, settings.rounds(20), pause=PAUSE)
    rates = {name: 1000 / values for name, values in times.items()}
    return Measured(rates["ours"], rates["usual"], f"{settings.run.name} by {exports[0].runtime}")


def page(settings: Settings) -> Measured:
    """What the app's server does when a reader opens another page, each page once before."""
    return _slowest("pages", settings.rounds(5), "pages")


def filter_change(settings: Settings) -> Measured:
    """What the app's server does when a reader changes a filter."""
    return _slowest("filters", settings.rounds(7), "filters")


def wire(settings: Settings) -> Measured:
    """Bytes that a browser gets for its first visit."""
    return Measured(_visits(settings.rounds(3))["kilobytes"], None, "compressed as they were sent, websocket included")


def paint(settings: Settings) -> Measured:
    """When a browser shows the first of them."""
    return Measured(_visits(settings.rounds(3))["paint"], None, "Chromium, on the machine of the server")


def figures(settings: Settings) -> Measured:
    """The figures that pages send."""
    sizes = _timed("figures", 1)
    largest = max(sizes, key=lambda name: sizes[name][0])
    return Measured(sizes[largest], None, f"the largest of {len(sizes)} figures, {largest}")


@functools.cache
def _visits(repeats: int) -> dict[str, np.ndarray]:
    return _timed("visit", repeats)


def _slowest(module: str, repeats: int, what: str) -> Measured:
    """Measures all of a kind; the one that takes longest counts, for a goal that half of them miss is not met."""
    times = _timed(module, repeats)
    slowest = max(times, key=lambda name: np.median(times[name]))
    middle = np.median([np.median(values) for values in times.values()])
    detail = f"the slowest of {len(times)} {what}, {slowest}, without the browser; half take less than {middle:.0f} ms"
    return Measured(times[slowest], None, detail)


def _timed(module: str, repeats: int) -> dict[str, np.ndarray]:
    """Returns what a module of this package measures in a process of its own: milliseconds of every repeat, by name."""
    command = [sys.executable, "-m", f"benchmarks.app_speed.{module}", str(repeats)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise GarbageError(f"The pages cannot be measured ({lines[-1]}): install requirements.txt.")
    return {name: np.array(values) for name, values in json.loads(done.stdout).items()}


def jpeg(seed: int, size: tuple[int, int]) -> bytes:
    """Returns a JPEG like a photo: colored shapes, shading and the noise of a sensor; `size` is width and height."""
    rng = np.random.default_rng(seed)
    width, height = size
    blocks = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    pixels = np.asarray(blocks.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    noise = rng.normal(0, 6, (height, width, 1)).astype(np.int16)
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()
