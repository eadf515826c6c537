"""Running a network over photos: one compiled call, photos of any sizes, probabilities.

The call is compiled once and then takes any batch and any photo size. Beside the logits it gives the last feature map
and the pooled features of the last stacks, so that a class activation map and out-of-distribution detection cost no
second forward pass. Importing this module does not load Keras.
"""

import importlib.util
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from garbage_core.errors import GarbageError
from garbage_core.utils.system import in_batches

if TYPE_CHECKING:
    import keras

    from garbage_core.runs.run import Run

# A compiled call takes photos, float32 (N, h, w, 3), and returns the network's outputs, as arrays or tensors.
Call = Callable[[np.ndarray], Sequence[Any]]

# Compiling takes seconds, and one network is run over several sets of photos. Weak keys, so that it can be freed.
_COMPILED: "weakref.WeakKeyDictionary[keras.Model, CompiledNetwork]" = weakref.WeakKeyDictionary()


class Outputs(NamedTuple):
    """What one forward pass gives.

    Attributes:
        logits: float32 (N, classes).
        features: float32 (N, channels), which describe a photo as a whole: the mean of every map that enters the last
            but one stack of blocks, that enters the last one, and that leaves it (of a ResNet-50 512 of conv3, 1,024
            of conv4 and 2,048 of conv5, all after the activation).
        maps: The last feature map, float32 (N, rows, columns, channels), or None if it was not asked for.
    """

    logits: np.ndarray
    features: np.ndarray
    maps: np.ndarray | None


class Runner:
    """A network's forward pass, the same for every runtime. Thread-safe.

    Attributes:
        number_of_classes: Number of logits.
        feature_widths: Number of features from each place of the network, see `Outputs`.
    """

    def __init__(
        self,
        call: Call,
        number_of_classes: int,
        feature_widths: Sequence[int],
        to_numpy: Callable[[Any], np.ndarray] = np.asarray,
        at_once: int = 1,
        largest_batch: int | None = None,
    ) -> None:
        """Takes what runs the network.

        Args:
            call: Function from photos, float32 (N, h, w, 3), to logits, last feature map and features, see `Outputs`.
            number_of_classes: Number of logits.
            feature_widths: Number of features from each place of the network.
            to_numpy: Function that makes an array of one of the results.
            at_once: Number of threads that may be in `call` at the same time.
            largest_batch: Largest number of photos in a call that `predict` makes; None for no limit.
        """
        self._call = call
        self._to_numpy = to_numpy
        self._turns = threading.BoundedSemaphore(at_once)
        self._largest_batch = largest_batch
        self.number_of_classes = number_of_classes
        self.feature_widths: tuple[int, ...] = tuple(feature_widths)

    def __call__(self, photos: np.ndarray, maps: bool = False) -> Outputs:
        """Runs the network in inference mode.

        Args:
            photos: RGB 0..255 of shape (N, h, w, 3), any number type.
            maps: Whether the last feature map is wanted.
        """
        with self._turns:
            logits, last_map, features = self._call(np.asarray(photos, dtype=np.float32))
            last_map = self._to_numpy(last_map) if maps else None
            return Outputs(self._to_numpy(logits), self._to_numpy(features), last_map)

    def predict(
        self,
        photos: Iterable[np.ndarray],
        temperature: float = 1.0,
        flip: bool = False,
        batch_size: int = 32,
        progress: Callable[[int], object] = lambda done: None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns probabilities and features of photos.

        Args:
            photos: Prepared photos, RGB 0..255, each of shape (h, w, 3); sizes may differ.
            temperature: Divisor of the logits; 1 leaves them as they are.
            flip: Whether to take the mean of the probabilities over the photo and its mirror image, in twice the time.
            batch_size: Largest number of photos in one call of the network; a runtime may take fewer.
            progress: Called after every batch with the number of photos in it.

        Returns:
            Probabilities, float64 of shape (N, classes), rows adding up to 1; and features as in `Outputs`, float32 of
            shape (N, channels), always of the photos as they are.
        """

        def call(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            outputs = self(batch)
            probabilities = softmax(outputs.logits / temperature)
            if flip:
                probabilities = (probabilities + softmax(self(batch[:, :, ::-1]).logits / temperature)) / 2
            return probabilities, outputs.features

        found = run_over(call, photos, min(batch_size, self._largest_batch or batch_size), progress)
        if not found:
            return np.empty((0, self.number_of_classes)), np.empty((0, sum(self.feature_widths)), np.float32)
        return found[0], found[1]

    def outputs(self, photos: Iterable[np.ndarray], batch_size: int = 32) -> Outputs:
        """Returns logits and features of photos of any sizes, without maps; arguments as `predict`."""

        def call(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self(batch)[:2]

        found = run_over(call, photos, min(batch_size, self._largest_batch or batch_size))
        if not found:
            widths = (self.number_of_classes, sum(self.feature_widths))
            found = tuple(np.empty((0, width), np.float32) for width in widths)
        return Outputs(found[0], found[1], None)


class CompiledNetwork(Runner):
    """A `Runner` by Keras, on whichever backend it has."""

    def __init__(self, network: "keras.Model") -> None:
        """Compiles a network of `garbage_core.networks`; its weights may change afterwards, its layers may not."""
        everything, widths = with_all_outputs(network)
        call, to_numpy, at_once = compile_model(everything)
        super().__init__(call, network.output.shape[-1], widths, to_numpy, at_once)


def run_over(
    call: Call,
    photos: Iterable[np.ndarray],
    batch_size: int = 32,
    progress: Callable[[int], object] = lambda done: None,
) -> tuple[np.ndarray, ...]:
    """Runs a network over photos of any sizes; of every few batches, the photos of one shape share calls.

    Args:
        call: Function from photos, float32 (N, h, w, 3), to one or several arrays of N rows.
        photos: Prepared photos, RGB 0..255, each of shape (h, w, 3); taken from their source as they are needed.
        batch_size: Largest number of photos in a call.
        progress: Called after every call with the number of photos in it.

    Returns:
        Each of the call's arrays for all photos, in their order; nothing if there are no photos.
    """
    rows: list[tuple[np.ndarray, ...]] = []
    for part in in_batches(photos, 8 * batch_size):
        of_shape: dict[tuple[int, ...], list[int]] = {}
        for place, photo in enumerate(part):
            of_shape.setdefault(photo.shape, []).append(place)
        found: dict[int, tuple[np.ndarray, ...]] = {}
        for places in of_shape.values():
            for chosen in in_batches(places, batch_size):
                outputs = call(np.stack([part[place] for place in chosen]).astype(np.float32))
                found |= zip(chosen, zip(*outputs, strict=True), strict=True)
                progress(len(chosen))
        rows += (found[place] for place in range(len(part)))
    return tuple(np.stack(column) for column in zip(*rows, strict=True))


def network_probabilities(
    network: "keras.Model",
    photos: Iterable[np.ndarray],
    batch_size: int = 32,
    progress: Callable[[int], object] = lambda done: None,
) -> np.ndarray:
    """Returns uncalibrated probabilities, float64 of shape (N, classes); see `Runner.predict`."""
    compiled = _COMPILED.get(network)
    if compiled is None:
        compiled = _COMPILED[network] = CompiledNetwork(network)
    return compiled.predict(photos, batch_size=batch_size, progress=progress)[0]


def compile_model(model: "keras.Model") -> tuple[Call, Callable[[Any], np.ndarray], int]:
    """Compiles a model for photos of any number and size, in inference mode.

    Returns:
        The call, what turns one of its results into an array, and the number of threads that may use it at once.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]
        call = tf.function(lambda photos: model(photos, training=False), input_signature=signature)
        # Compiled functions may run in several threads; more of them than cores would only cost memory. `numpy` saves
        # the copy that Keras makes.
        return call, lambda tensor: tensor.numpy(), os.cpu_count() or 1
    # The other backends keep a part of their state per process, so they take one call at a time.
    if backend == "torch":
        import torch

        return torch.no_grad()(lambda photos: model(photos, training=False)), keras.ops.convert_to_numpy, 1
    return lambda photos: model(photos, training=False), keras.ops.convert_to_numpy, 1


def with_all_outputs(network: "keras.Model") -> "tuple[keras.Model, tuple[int, ...]]":
    """Returns a network with the outputs of a `Runner`'s call, and how wide each part of its features is."""
    import keras

    from garbage_core.networks.resnet import last_feature_map

    maps = network.get_layer(last_feature_map(network)).output
    pooled = _pooled_features(network)
    features = keras.ops.concatenate(pooled, axis=-1)
    return keras.Model(network.input, [network.output, maps, features]), tuple(part.shape[-1] for part in pooled)


def _pooled_features(network: "keras.Model") -> "list[keras.KerasTensor]":
    """Returns the parts of `Outputs.features`, in the network's order."""
    import keras

    # A stack's first block begins with two branches; the layer of the shorter one takes what enters the stack.
    shortcuts = sorted(layer.name for layer in network.layers if layer.name.endswith("_block1_0_conv"))
    entering = [keras.ops.mean(network.get_layer(name).input, axis=(1, 2)) for name in shortcuts[-2:]]
    return [*entering, network.get_layer("avg_pool").output]


def keras_is_installed() -> bool:
    """Whether Keras and its backend can be loaded here; loads nothing."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    return all(importlib.util.find_spec(module) is not None for module in ("keras", backend))


def keras_network(run: "Run") -> "keras.Model":
    """Loads the network of a run in Keras. Raises GarbageError, also where Keras and its backend are not installed."""
    if not keras_is_installed():
        raise GarbageError(
            f"This needs the network of {run.name!r} in TensorFlow, which is not installed here: "
            "install requirements.txt."
        )
    from garbage_core.networks.weights import load_network

    return load_network(run.model_path, run.weights_sha256)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns softmax over the last axis in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def to_heat(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Turns the evidence on a coarse grid into a heat map of a photo's size.

    Evidence against the class counts as none. The scale starts at no evidence, not at the lowest value, so a map that
    is positive everywhere stays warm everywhere.

    Args:
        values: Evidence of shape (rows, columns), any range.
        height: Height of the photo in pixels.
        width: Width of the photo in pixels.

    Returns:
        float32 of shape (height, width), 0..1; all zero where nothing speaks for the class.
    """
    positive = np.maximum(np.asarray(values, dtype=np.float32), 0)
    # Pillow aligns the corners of the areas, as pooling does; scipy.ndimage.zoom would align the centers of the corner
    # cells and shift the map by up to half a cell.
    heat = np.array(Image.fromarray(positive).resize((width, height), Image.Resampling.BILINEAR))
    top = heat.max()
    return heat / top if top > 0 else heat
