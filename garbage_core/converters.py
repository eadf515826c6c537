"""Converting a Keras network to ONNX, OpenVINO or LiteRT, in float32 or int8; `garbage_core.export` checks the result.

OpenVINO takes the way over ONNX, for which Keras uses tf2onnx. Both are quantised by NNCF, LiteRT by its own converter,
each with the ranges that the activations reach on the photos that it is given.
"""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    import keras

NEEDED = {
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "openvino": ("tf2onnx", "onnx", "openvino"),
    "litert": ("ai_edge_litert",),
}


def check_packages(format: str, int8: bool) -> None:
    """Raises GarbageError if something that a format needs is not installed here, or Keras runs on another backend."""
    needed = NEEDED[format] + (("nncf",) if int8 and format != "litert" else ())
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise GarbageError(
            f"Exporting to {format} needs {', '.join(missing)}, not installed here: "
            "run pip install -r requirements-export.txt."
        )
    import keras

    if keras.backend.backend() != "tensorflow":
        raise GarbageError(
            f"Exporting needs TensorFlow, but Keras runs on {keras.backend.backend()!r}: "
            "set the environment variable KERAS_BACKEND to tensorflow."
        )


def convert(model: "keras.Model", format: str, path: Path, photos: Sequence[np.ndarray] = ()) -> None:
    """Writes a network for another runtime.

    Args:
        model: Takes photos, float32 (N, h, w, 3), and gives a dictionary of outputs, whose names the file keeps.
        format: `"onnx"`, `"openvino"` or `"litert"`.
        path: File to write, with the ending of its format; OpenVINO adds one that ends in .bin.
        photos: Prepared photos, (h, w, 3), to measure ranges on, for int8; none for float32.
    """
    {"onnx": _to_onnx, "openvino": _to_openvino, "litert": _to_litert}[format](model, path, photos)


def _to_onnx(model: "keras.Model", path: Path, photos: Sequence[np.ndarray]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras mends NumPy for tf2onnx, and NumPy warns of it
        model.export(path, format="onnx", input_signature=_signature(), verbose=False)
    if photos:
        import onnx

        onnx.save(_quantised(onnx.load(path), photos, "photos"), path)


def _to_openvino(model: "keras.Model", path: Path, photos: Sequence[np.ndarray]) -> None:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        _to_onnx(model, file, ())
        converted = openvino.convert_model(file)
        if photos:
            converted = _quantised(converted, photos, 0)
        # What int8 leaves in floating point, biases above all, is kept as it is: halving it saves next to nothing.
        openvino.save_model(converted, path, compress_to_fp16=False)


def _to_litert(model: "keras.Model", path: Path, photos: Sequence[np.ndarray]) -> None:
    options = {}
    if photos:
        import tensorflow as tf

        options = {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": lambda: ([photo[np.newaxis].astype(np.float32)] for photo in photos),
        }
    model.export(path, format="litert", input_signature=_signature(), verbose=False, **options)


def _signature() -> list:
    import keras

    return [keras.InputSpec(shape=(None, None, None, 3), dtype="float32", name="photos")]


def _quantised(model: Any, photos: Sequence[np.ndarray], key: str | int) -> Any:
    """Returns a model of ONNX or OpenVINO in int8; `key` is the name or place of its input."""
    import nncf

    nncf.set_log_level(logging.ERROR)
    return nncf.quantize(
        model,
        nncf.Dataset(photos, lambda photo: {key: photo[np.newaxis].astype(np.float32)}),
        preset=nncf.QuantizationPreset.MIXED,  # activations asymmetric: after a ReLU nothing is negative
        subset_size=len(photos),
        # On processors without VNNI sums of two products of 8 bits overflow their 16 bits, so weights take 7 of theirs:
        # the file is right on every processor.
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
    )
