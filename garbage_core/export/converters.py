"""Converters of Keras networks to ONNX, OpenVINO and LiteRT, in float32 or int8; `export.export` checks the result.

OpenVINO reads TensorFlow's graph; ONNX is written by tf2onnx, which takes 8 GB of memory for it. Both are quantized by
NNCF, LiteRT by its own converter, each with the ranges that the activations reach on the photos that it is given.

Quantization gives a channel's weights 255 equally spaced values. Where one weight is far larger than all the others, as
in a shortcut that began as the identity (`resnet.pass_through`) and learned only a little, everything else is rounded
away: on the first transfer run that one layer cost four points of accuracy. `split_peaks` takes such weights out.
"""

import logging
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from garbage_core.errors import GarbageError

if TYPE_CHECKING:
    import keras

MOST_LOST = 0.01  # of a layer's weights without its largest ones, see `lost_by_rounding`
# What stays in floating point, by its names in ONNX and OpenVINO; it takes no more time. The sums of the residual
# blocks, and the norm after them: it evens out channels of very different ranges, which one scale for all of them could
# not hold. The means over a map and the last layer: most of what is averaged is near 0, where 255 steps up to the rare
# peak round it away; that alone cost the transfer run 6 points of accuracy.
FLOATING = ("Add", "Mul", "Multiply", "ReduceMean", "GlobalAveragePool", "MatMul", "Gemm")
# Which convolutions stay in floating point as well, tried in this order until the result is good enough: so many of the
# first and of the last, in the order of the network. The first layers' errors go through all others: with conv1 and
# conv2 in floating point the scratch run's probabilities are off by up to 0.013 instead of 0.09.
PLANS = ((0, 0), (1, 0), (11, 0), (11, 10))
NEEDED = {"onnx": ("tf2onnx", "onnx", "onnxruntime"), "openvino": ("openvino",), "litert": ("ai_edge_litert",)}


def check_packages(format: str, int8: bool) -> None:
    """Raises GarbageError if something that a format needs is not installed here, or Keras runs on another backend."""
    needed = NEEDED[format] + (("nncf",) if int8 and format != "litert" else ())
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise GarbageError(
            f"Exporting to {format} needs {', '.join(missing)}, not installed here: run pip install '.[export]'."
        )
    import keras

    if keras.backend.backend() != "tensorflow":
        raise GarbageError(
            f"Exporting needs TensorFlow, but Keras runs on {keras.backend.backend()!r}: "
            "set the environment variable KERAS_BACKEND to tensorflow."
        )


def lost_by_rounding(kernel: np.ndarray) -> float:
    """Returns the share of a kernel, without the largest weight of each output channel (last), that 8 bits round away.

    That is the energy of the rounding errors over the energy of all weights but the largest ones: 0.0001 to 0.001 for
    usual layers, near 1 for one of which only the largest weights would be left; 0 if there are no others.
    """
    weights = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    top = np.abs(weights).max(axis=0)
    step = np.where(top > 0, top / 127, 1.0)
    errors = weights - np.round(weights / step) * step
    rest = (weights**2).sum() - (top**2).sum()
    return float((errors**2).sum() / rest) if rest > 0 else 0.0


def split_peaks(network: "keras.Model") -> "keras.Model":
    """Returns the same function as a network in which every layer can be rounded to 8 bits without losing it.

    A 1x1 convolution that would lose more than `MOST_LOST` becomes the sum of two: one of the largest weight of each
    channel alone, which only picks and scales channels and is not rounded, and a convolution with the rest.
    """
    import keras

    kernels = {
        layer.name: np.asarray(layer.kernel)[0, 0]
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == layer.strides == (1, 1)
    }
    kernels = {name: kernel for name, kernel in kernels.items() if lost_by_rounding(kernel) > MOST_LOST}
    if not kernels:
        return network
    peaks = {name: np.abs(kernel).argmax(axis=0) for name, kernel in kernels.items()}

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        output = layer(*inputs, **options)
        if layer.name not in peaks:
            return output
        place, kernel = peaks[layer.name], kernels[layer.name]
        scale = kernel[place, np.arange(kernel.shape[1])]
        return output + keras.ops.take(inputs[0], place, axis=-1) * scale

    split = keras.models.clone_model(network, call_function=call)
    for layer in network.layers:
        if layer.weights:
            split.get_layer(layer.name).set_weights(layer.get_weights())
    for name, place in peaks.items():
        rest = kernels[name].copy()
        rest[place, np.arange(rest.shape[1])] = 0
        split.get_layer(name).kernel.assign(rest[np.newaxis, np.newaxis])
    return split


def convert(
    model: "keras.Model", format: str, path: Path, photos: Sequence[np.ndarray] = (), plan: tuple[int, int] = PLANS[0]
) -> None:
    """Writes a network for another runtime.

    Args:
        model: Takes photos, float32 (N, h, w, 3), and gives a dictionary of outputs, whose names the file keeps.
        format: `"onnx"`, `"openvino"` or `"litert"`.
        path: File to write, with the ending of its format; OpenVINO adds one that ends in .bin.
        photos: Prepared photos, (h, w, 3), to measure ranges on, for int8; none for float32.
        plan: One of `plans_of` the format: how many of the first and last convolutions int8 leaves in floating point.
    """
    if format == "litert":
        _to_litert(model, path, photos)
    else:
        {"onnx": _to_onnx, "openvino": _to_openvino}[format](model, path, photos, plan)


def plans_of(format: str) -> tuple[tuple[int, int], ...]:
    """Returns the plans for int8, see `PLANS`; LiteRT's converter leaves no layer out."""
    return PLANS[:1] if format == "litert" else PLANS


def _to_onnx(model: "keras.Model", path: Path, photos: Sequence[np.ndarray], plan: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras mends NumPy for tf2onnx, and NumPy warns of it
        model.export(path, format="onnx", input_signature=_signature(), verbose=False)
    if photos:
        import onnx

        graph = onnx.load(path)
        convolutions = [node.name for node in graph.graph.node if node.op_type == "Conv"]
        onnx.save(_quantized(graph, photos, "photos", _ends(convolutions, plan)), path)


def _to_openvino(model: "keras.Model", path: Path, photos: Sequence[np.ndarray], plan: tuple[int, int]) -> None:
    import openvino
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, None, 3), tf.float32, name="photos")]
    graph = tf.function(lambda photos: model(photos, training=False), input_signature=signature)
    converted = openvino.convert_model(graph.get_concrete_function())
    if photos:
        operations = converted.get_ordered_ops()
        convolutions = [op.get_friendly_name() for op in operations if op.get_type_name() == "Convolution"]
        converted = _quantized(converted, photos, 0, _ends(convolutions, plan))
    # What int8 leaves in floating point, biases above all, stays as it is: halving it saves next to nothing.
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


def _ends(names: list[str], plan: tuple[int, int]) -> list[str]:
    """Returns so many of the first and of the last names."""
    first, last = plan
    return names[:first] + names[max(first, len(names) - last) :]


def _quantized(model: Any, photos: Sequence[np.ndarray], key: str | int, floating: list[str]) -> Any:
    """Returns a model of ONNX or OpenVINO in int8, without some nodes; `key` is the name or place of its input."""
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    nncf.set_log_level(logging.ERROR)
    return nncf.quantize(
        model,
        nncf.Dataset(photos, lambda photo: {key: photo[np.newaxis].astype(np.float32)}),
        preset=nncf.QuantizationPreset.MIXED,  # activations asymmetric: after a ReLU nothing is negative
        subset_size=len(photos),
        ignored_scope=nncf.IgnoredScope(floating, types=list(FLOATING), validate=False),
        # On processors without VNNI sums of two products of 8 bits overflow their 16 bits, so weights take 7 of theirs:
        # the file is right on every processor.
        # Ranges reach to the largest value on any photo. NNCF's usual choice, the mean of each photo's largest, cuts
        # peaks off: the scratch run's probabilities were off by up to 0.22 with it, by 0.09 without (Kullback-Leibler
        # divergence 0.0031 and 0.0008; of the transfer run 0.0021 and 0.0031, off by 0.09 either way).
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE,
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
        ),
    )
