"""Running a network: one compiled call, photos of any sizes, probabilities.

The call is compiled once and then takes any batch and any photo size. Importing this module does not load Keras.
"""

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

# Compiling takes seconds, and a large data set comes in many pieces. The network is not held back by this.
_COMPILED: "weakref.WeakKeyDictionary[keras.Model, CompiledNetwork]" = weakref.WeakKeyDictionary()


class CompiledNetwork:
    """From photos to logits and last feature map, the same for every backend. Thread-safe."""

    def __init__(self, network: "keras.Model") -> None:
        """Compiles a network of `garbage_core.resnet`; its weights may change afterwards, its layers may not."""
        import keras

        from garbage_core.resnet import last_feature_map

        maps = network.get_layer(last_feature_map(network)).output
        both = keras.Model(network.input, [network.output, maps])
        self.number_of_classes: int = network.output.shape[-1]
        self._to_numpy = keras.ops.convert_to_numpy
        # TensorFlow's compiled functions may run in several threads; more of them than cores would only cost memory.
        # The other backends keep a part of their state per process, so they take one call at a time.
        at_once = 1
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            at_once = os.cpu_count() or 1
            signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]
            self._call = tf.function(lambda photos: both(photos, training=False), input_signature=signature)
            self._to_numpy = lambda tensor: tensor.numpy()  # without the copy that Keras makes
        elif keras.backend.backend() == "torch":
            import torch

            self._call = torch.no_grad()(lambda photos: both(photos, training=False))
        else:
            self._call = lambda photos: both(photos, training=False)
        self._turns = threading.BoundedSemaphore(at_once)

    def __call__(self, photos: np.ndarray, maps: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """Runs the network in inference mode.

        Args:
            photos: RGB 0..255 of shape (N, h, w, 3), any number type.
            maps: Whether the last feature map is wanted.

        Returns:
            Logits, float32 (N, classes), and the last feature map, float32 (N, rows, columns, channels), or None.
        """
        with self._turns:
            logits, features = self._call(np.asarray(photos, dtype=np.float32))
            return self._to_numpy(logits), self._to_numpy(features) if maps else None

    def probabilities(
        self,
        photos: Sequence[np.ndarray],
        temperature: float = 1.0,
        flip: bool = False,
        batch_size: int = 32,
        progress: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """Returns the probability of each class for each photo; photos of one shape share batches.

        Args:
            photos: Prepared photos, RGB 0..255, each of shape (h, w, 3); sizes may differ.
            temperature: Divides the logits; 1 leaves them as they are.
            flip: Take the mean over the photo and its mirror image, in twice the time.
            batch_size: Photos in one call of the network.
            progress: Called after every batch with the number of photos in it.

        Returns:
            float64 of shape (N, classes), rows adding up to 1.
        """
        result = np.empty((len(photos), self.number_of_classes))
        places_of_shape: dict[tuple[int, ...], list[int]] = {}
        for place, photo in enumerate(photos):
            places_of_shape.setdefault(photo.shape, []).append(place)
        for places in places_of_shape.values():
            for start in range(0, len(places), batch_size):
                chosen = places[start : start + batch_size]
                batch = np.stack([photos[place] for place in chosen])
                answers = softmax(self(batch)[0] / temperature)
                if flip:
                    answers = (answers + softmax(self(batch[:, :, ::-1])[0] / temperature)) / 2
                result[chosen] = answers
                if progress:
                    progress(len(chosen))
        return result


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


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns softmax over the last axis in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
