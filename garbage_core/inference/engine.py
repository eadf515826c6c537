"""Running a network: one compiled call, photos of any sizes, probabilities.

The call is compiled once and then takes any batch and any photo size. It hands out what the network saw on the way, too
(the last feature map, and pooled features of its last stacks), so that explaining an answer and telling a strange
photo cost no second look. Importing this module does not load Keras.
"""

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import keras

# Compiling takes seconds, and a large data set comes in many pieces. The network is not held back by this.
_COMPILED: "weakref.WeakKeyDictionary[keras.Model, CompiledNetwork]" = weakref.WeakKeyDictionary()


class Look(NamedTuple):
    """What one pass through the network gives.

    Attributes:
        logits: float32 (N, classes).
        features: float32 (N, channels); what describes a photo as a whole: the mean of every map that enters the last
            but one stack of blocks, that enters the last one, and that leaves it (of a ResNet-50 512 of conv3, 1,024
            of conv4 and 2,048 of conv5, all after the activation).
        maps: The last feature map, float32 (N, rows, columns, channels), or None if it was not asked for.
    """

    logits: np.ndarray
    features: np.ndarray
    maps: np.ndarray | None


class Runner:
    """From photos to logits, features and last feature map, the same for every runtime. Thread-safe.

    Attributes:
        number_of_classes: Number of logits.
        feature_widths: How many of the features come from each place of the network, see `Look`.
    """

    def __init__(
        self,
        call: Callable[[np.ndarray], Sequence[Any]],
        number_of_classes: int,
        feature_widths: Sequence[int],
        to_numpy: Callable[[Any], np.ndarray] = np.asarray,
        at_once: int = 1,
        largest_batch: int | None = None,
    ) -> None:
        """Takes what runs the network.

        Args:
            call: From photos, float32 (N, h, w, 3), to logits, last feature map and features, as in `Look`.
            number_of_classes: Number of logits.
            feature_widths: How many of the features come from each place of the network.
            to_numpy: Makes an array of one of the results.
            at_once: How many threads may be in `call` at the same time.
            largest_batch: Most photos in a call that `answers` makes; None for as many as it is asked for.
        """
        self._call = call
        self._to_numpy = to_numpy
        self._turns = threading.BoundedSemaphore(at_once)
        self._largest_batch = largest_batch
        self.number_of_classes = number_of_classes
        self.feature_widths: tuple[int, ...] = tuple(feature_widths)

    def __call__(self, photos: np.ndarray, maps: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """Runs the network in inference mode.

        Args:
            photos: RGB 0..255 of shape (N, h, w, 3), any number type.
            maps: Whether the last feature map is wanted.

        Returns:
            Logits, float32 (N, classes), and the last feature map, float32 (N, rows, columns, channels), or None.
        """
        with self._turns:
            logits, last_map, _ = self._call(np.asarray(photos, dtype=np.float32))
            return self._to_numpy(logits), self._to_numpy(last_map) if maps else None

    def look(self, photos: np.ndarray, maps: bool = False) -> "Look":
        """Like calling it, but with the pooled features as well, from the same pass through the network."""
        with self._turns:
            logits, last_map, features = self._call(np.asarray(photos, dtype=np.float32))
            return Look(self._to_numpy(logits), self._to_numpy(features), self._to_numpy(last_map) if maps else None)

    def probabilities(
        self,
        photos: Sequence[np.ndarray],
        temperature: float = 1.0,
        flip: bool = False,
        batch_size: int = 32,
        progress: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """Returns the probability of each class for each photo, float64 of shape (N, classes); see `answers`."""
        return self.answers(photos, temperature, flip, batch_size, progress)[0]

    def answers(
        self,
        photos: Sequence[np.ndarray],
        temperature: float = 1.0,
        flip: bool = False,
        batch_size: int = 32,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns probabilities and features of photos; photos of one shape share batches.

        Args:
            photos: Prepared photos, RGB 0..255, each of shape (h, w, 3); sizes may differ.
            temperature: Divides the logits; 1 leaves them as they are.
            flip: Take the mean of the probabilities over the photo and its mirror image, in twice the time.
            batch_size: Photos in one call of the network, at most; a runtime may take fewer.
            progress: Called after every batch with the number of photos in it.

        Returns:
            Probabilities, float64 of shape (N, classes), rows adding up to 1; and features as in `Look`, float32 of
            shape (N, channels), always of the photos as they are.
        """
        probabilities = np.empty((len(photos), self.number_of_classes))
        features = np.empty((len(photos), sum(self.feature_widths)), dtype=np.float32)
        batch_size = min(batch_size, self._largest_batch or batch_size)
        places_of_shape: dict[tuple[int, ...], list[int]] = {}
        for place, photo in enumerate(photos):
            places_of_shape.setdefault(photo.shape, []).append(place)
        for places in places_of_shape.values():
            for start in range(0, len(places), batch_size):
                chosen = places[start : start + batch_size]
                batch = np.stack([photos[place] for place in chosen])
                look = self.look(batch)
                answers = softmax(look.logits / temperature)
                if flip:
                    answers = (answers + softmax(self(batch[:, :, ::-1])[0] / temperature)) / 2
                probabilities[chosen], features[chosen] = answers, look.features
                if progress:
                    progress(len(chosen))
        return probabilities, features


class CompiledNetwork(Runner):
    """A `Runner` by Keras, on whichever backend it has."""

    def __init__(self, network: "keras.Model") -> None:
        """Compiles a network of `networks.resnet`; its weights may change afterwards, its layers may not."""
        import keras

        everything, widths = with_all_outputs(network)
        to_numpy = keras.ops.convert_to_numpy
        # TensorFlow's compiled functions may run in several threads; more of them than cores would only cost memory.
        # The other backends keep a part of their state per process, so they take one call at a time.
        at_once = 1
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            at_once = os.cpu_count() or 1
            signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]
            call = tf.function(lambda photos: everything(photos, training=False), input_signature=signature)
            to_numpy = lambda tensor: tensor.numpy()  # noqa: E731, without the copy that Keras makes
        elif keras.backend.backend() == "torch":
            import torch

            call = torch.no_grad()(lambda photos: everything(photos, training=False))
        else:
            call = lambda photos: everything(photos, training=False)  # noqa: E731
        super().__init__(call, network.output.shape[-1], widths, to_numpy, at_once)


def network_probabilities(
    network: "keras.Model",
    photos: Sequence[np.ndarray],
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
    flip: bool = False,
) -> np.ndarray:
    """Returns uncalibrated probabilities, float64 of shape (N, classes); see `CompiledNetwork.probabilities`."""
    compiled = _COMPILED.get(network)
    if compiled is None:
        compiled = _COMPILED[network] = CompiledNetwork(network)
    return compiled.probabilities(photos, 1.0, flip, batch_size, progress)


def with_all_outputs(network: "keras.Model") -> "tuple[keras.Model, tuple[int, ...]]":
    """Returns a network with the outputs of a `Runner`'s call, and how wide each part of its features is."""
    import keras

    from garbage_core.networks.resnet import last_feature_map

    maps = network.get_layer(last_feature_map(network)).output
    pooled = _pooled_features(network)
    features = keras.ops.concatenate(pooled, axis=-1)
    return keras.Model(network.input, [network.output, maps, features]), tuple(part.shape[-1] for part in pooled)


def _pooled_features(network: "keras.Model") -> "list[keras.KerasTensor]":
    """Returns the parts of `Look.features`, in the network's order."""
    import keras

    # A stack's first block begins with two branches; the layer of the shorter one sees what enters the stack.
    shortcuts = sorted(layer.name for layer in network.layers if layer.name.endswith("_block1_0_conv"))
    entering = [keras.ops.mean(network.get_layer(name).input, axis=(1, 2)) for name in shortcuts[-2:]]
    return [*entering, network.get_layer("avg_pool").output]


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
