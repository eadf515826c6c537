"""Classifier: photos to predictions.

    >>> from garbage_core import load_run
    >>> classifier = Classifier.from_run(load_run("transfer"))
    >>> result = classifier.classify_bytes(b"", "bottle.jpg")  # a Prediction, or a Failure if it cannot be read
    >>> print(result.error[:29])
    bottle.jpg is empty (0 bytes)

One classifier serves any number of threads. It calls the network as one compiled function, which takes half the time
of `model.predict` for a single photo. Importing this module does not load Keras; making a classifier does.
"""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from garbage_core.data.images import Owner, PhotoFile, load_photo
from garbage_core.data.sources import read_file
from garbage_core.errors import GarbageError
from garbage_core.inference.engine import CompiledNetwork, Outputs, Runner, keras_network, softmax, to_heat
from garbage_core.inference.ood_detector import OODDetector, verdict
from garbage_core.inference.ood_detector import load as load_detector
from garbage_core.inference.results import Failure, Prediction
from garbage_core.inference.runtimes import KERAS, ExportedNetwork, choose
from garbage_core.runs.run import Run
from garbage_core.utils.system import in_batches, map_photos

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 16  # larger batches are no faster on a processor, and hold more memory

# The bytes of an image file, the file itself, its path, or what fetches it; called by a thread, may raise GarbageError.
AnyPhoto = bytes | PhotoFile | Path | Callable[[], bytes | PhotoFile]


class Classifier:
    """A network with what belongs to it: class names, photo size, temperature, threshold, detector. Thread-safe."""

    def __init__(
        self,
        network: "keras.Model | ExportedNetwork",
        classes: Sequence[str],
        size: tuple[int, int],
        temperature: float = 1.0,
        threshold: float = 0.0,
        detector: OODDetector | None = None,
    ) -> None:
        """Compiles the network.

        Args:
            network: A network of `garbage_core.networks.resnet`: RGB 0..255 in, logits out; or an exported one.
            classes: Names of its outputs.
            size: Height and width of prepared photos, see `images.prepare_photo`.
            temperature: Divisor of the logits; 1 leaves them uncalibrated.
            threshold: Smallest calibrated confidence that is accepted, 0..1.
            detector: OOD detector, fitted to this network; None for none.

        Raises:
            GarbageError: If the network has another number of outputs than there are classes.
        """
        self._network: keras.Model | None = None
        self._load_network: Callable[[], keras.Model] | None = None
        self._forward: Runner
        if isinstance(network, ExportedNetwork):
            self.runtime, self._forward = network.export.runtime, network
            self._class_weights = network.class_weights  # (channels, classes)
        else:
            self.runtime, self._forward, self._network = KERAS, CompiledNetwork(network), network
            self._class_weights = network.get_layer("predictions").get_weights()[0]
        if (outputs := self._forward.number_of_classes) != len(classes):
            raise GarbageError(f"The network has {outputs} outputs for {len(classes)} classes: restore its run.json.")
        self.classes = tuple(classes)
        self.size = (int(size[0]), int(size[1]))
        self.temperature, self.threshold, self.detector = temperature, threshold, detector

    @classmethod
    def from_run(
        cls, run: Run, runtime: str | None = None, threads: int | None = None, fingerprint: str | None = None
    ) -> "Classifier":
        """Loads a run's network, after checking that it is the recorded file. Raises GarbageError if it cannot be used.

        Args:
            run: A trained run.
            runtime: Name of a runtime, see `runtimes.choose`; None for the fastest that is there.
            threads: Number of processor threads of an exported network; None for all available cores.
            fingerprint: Of the photos whose OOD detector is wanted; None for those of the run.
        """
        export = choose(run, runtime)
        network = keras_network(run) if export is None else ExportedNetwork(export, threads)
        classifier = cls(
            network, run.classes, run.photo_size, run.temperature, run.threshold, load_detector(run, fingerprint)
        )
        classifier._load_network = partial(keras_network, run)
        return classifier

    @property
    def network(self) -> "keras.Model":
        """The network in Keras, for its layers and gradients; read now if an exported one is in use."""
        if self._network is None:
            if self._load_network is None:
                raise GarbageError("An exported network has no layers for this: make the classifier from its run.")
            self._network = self._load_network()
        return self._network

    def warm_up(self) -> None:
        """Runs the network once, so that the first real photo does not wait for the compiler."""
        self.probabilities([np.zeros((*self.size, 3), dtype=np.uint8)])

    def prepare(self, data: bytes, name: str = "photo") -> np.ndarray:
        """Prepares a file's bytes for the network: uint8 RGB of shape (h, w, 3). Raises GarbageError."""
        return load_photo(data, *self.size, name)

    def probabilities(
        self,
        photos: Iterable[np.ndarray],
        calibrated: bool = True,
        flip: bool = False,
        batch_size: int = BATCH_SIZE,
        progress: Callable[[int], object] = lambda done: None,
    ) -> np.ndarray:
        """Returns the probability of each class for each photo, float64 of shape (N, classes).

        Args are those of `engine.Runner.predict`, but `calibrated`: whether to divide the logits by the temperature.
        """
        temperature = self.temperature if calibrated else 1.0
        return self._forward.predict(photos, temperature, flip, batch_size, progress)[0]

    def classify_photo(self, photo: np.ndarray, name: str = "photo", flip: bool = False) -> Prediction:
        """Classifies one prepared photo."""
        return self._classify([(name, photo)], flip)[0]

    def classify_bytes(self, data: bytes, name: str = "photo", flip: bool = False) -> Prediction | Failure:
        """Classifies the bytes of an image file."""
        return next(self.classify_many([(name, data)], workers=0, flip=flip))

    def classify_paths(
        self, paths: Iterable[str | Path], batch_size: int = BATCH_SIZE, workers: int | None = None, flip: bool = False
    ) -> Iterator[Prediction | Failure]:
        """Classifies files, one by one in their order; arguments as `classify_together`."""
        return self.classify_many(((str(path), Path(path)) for path in paths), batch_size, workers, flip)

    def classify_many(
        self,
        photos: Iterable[tuple[str, AnyPhoto]],
        batch_size: int = BATCH_SIZE,
        workers: int | None = None,
        flip: bool = False,
    ) -> Iterator[Prediction | Failure]:
        """Classifies any number of photos, see `classify_together`."""
        return (result for (result,) in classify_together([self], photos, batch_size, workers, flip))

    def class_activation(self, photo: np.ndarray, class_index: int | None = None) -> np.ndarray:
        """Returns where a photo speaks for a class.

        This is the class activation map of Zhou et al. 2016 (arXiv:1512.04150): the last feature map, each channel
        times its weight in the last layer. On this network it equals Grad-CAM, but needs no gradient.

        Args:
            photo: Prepared photo, RGB 0..255 of shape (h, w, 3).
            class_index: Place of the class in `classes`; None for the predicted one.

        Returns:
            float32 of shape (h, w), 0..1.
        """
        return self._with_activation(photo, class_index)[1]

    def classify_with_activation(
        self, photo: np.ndarray, name: str = "photo", class_index: int | None = None
    ) -> tuple[Prediction, np.ndarray]:
        """Classifies one prepared photo, with the map of `class_activation`, in one forward pass."""
        outputs, heat = self._with_activation(photo, class_index)
        probabilities = softmax(outputs.logits / self.temperature)
        return self._predictions([name], probabilities, outputs.features)[0], heat

    def features(self, photos: Iterable[np.ndarray], batch_size: int = BATCH_SIZE) -> np.ndarray:
        """Returns what describes each photo as a whole, float32 (N, channels); see `engine.Outputs`."""
        return self._forward.predict(photos, batch_size=batch_size)[1]

    def outputs(self, photos: Iterable[np.ndarray], batch_size: int = BATCH_SIZE) -> Outputs:
        """Returns logits and features of photos, without maps; arguments as `features`."""
        return self._forward.outputs(photos, batch_size)

    @property
    def feature_widths(self) -> tuple[int, ...]:
        """Number of features of each layer in `features`, in order."""
        return self._forward.feature_widths

    def _with_activation(self, photo: np.ndarray, class_index: int | None) -> tuple[Outputs, np.ndarray]:
        outputs = self._forward(photo[np.newaxis], maps=True)
        index = int(outputs.logits[0].argmax()) if class_index is None else class_index
        if not 0 <= index < len(self.classes):
            raise GarbageError(f"There is no class {index}: choose a number from 0 to {len(self.classes) - 1}.")
        assert outputs.maps is not None
        return outputs, to_heat(outputs.maps[0] @ self._class_weights[:, index], *photo.shape[:2])

    def _classify(self, photos: Sequence[tuple[str, np.ndarray]], flip: bool) -> list[Prediction]:
        batch, size = [photo for _, photo in photos], max(1, len(photos))
        probabilities, features = self._forward.predict(batch, self.temperature, flip, batch_size=size)
        return self._predictions([name for name, _ in photos], probabilities, features)

    def _predictions(self, names: list[str], probabilities: np.ndarray, features: np.ndarray) -> list[Prediction]:
        judgments = self.detector.judge(features) if self.detector is not None else [None] * len(names)
        found = []
        for name, row, judged in zip(names, probabilities, judgments, strict=True):
            label, confidence = self.classes[int(row.argmax())], float(row.max())
            by_class = dict(zip(self.classes, map(float, row), strict=True))
            prediction = Prediction(name, label, confidence, by_class, confidence >= self.threshold)
            if judged is not None:
                said = verdict(judged.is_ood, judged.is_far, len(self.classes))
                prediction = replace(prediction, **judged._asdict(), verdict=said)
            found.append(prediction)
        return found


def classify_together(
    classifiers: Sequence[Classifier],
    photos: Iterable[tuple[str, AnyPhoto]],
    batch_size: int = BATCH_SIZE,
    workers: int | None = None,
    flip: bool = False,
) -> Iterator[tuple[Prediction | Failure, ...]]:
    """Classifies any number of photos by several classifiers, in flat memory.

    Threads decode the next two batches during inference, each photo once for all classifiers of one size.

    Args:
        classifiers: The classifiers.
        photos: Pairs of a name and where the photo comes from.
        batch_size: Number of photos in one call of a network.
        workers: Number of threads that decode; None for one per processor core, 0 for the caller's own, which is the
            quickest for a single photo.
        flip: As in `Classifier.probabilities`.

    Yields:
        Per photo, in order, a `Prediction` of each classifier; of a photo that cannot be read a `Failure` of each.
    """
    sizes, owner = {classifier.size for classifier in classifiers}, Owner()
    decoded: Generator[tuple[str, dict] | Failure, None, None]
    if workers == 0:
        decoded = (_prepared(*photo, sizes, owner, at_once=True) for photo in photos)
    else:
        ahead = 2 * batch_size
        decoded = map_photos(lambda photo: _prepared(*photo, sizes, owner), photos, workers=workers, ahead=ahead)
    with contextlib.closing(decoded):
        for batch in in_batches(decoded, batch_size):
            readable = [photo for photo in batch if not isinstance(photo, Failure)]
            found = [
                classifier._classify([(name, sized[classifier.size]) for name, sized in readable], flip)
                for classifier in classifiers
            ]
            predictions = zip(*found, strict=True)
            for photo in batch:
                yield (photo,) * len(classifiers) if isinstance(photo, Failure) else next(predictions)


def _prepared(
    name: str, item: AnyPhoto, sizes: Iterable[tuple[int, int]], owner: object, at_once: bool = False
) -> tuple[str, dict] | Failure:
    """Returns a photo's name and how networks of these sizes need it, {(height, width): uint8 (h, w, 3)}."""
    try:
        if not isinstance(item, bytes | PhotoFile):
            item = read_file(item) if isinstance(item, Path) else item()
        file = PhotoFile(item, name, owner) if isinstance(item, bytes) else item
        return name, {size: file.prepared(*size, at_once) for size in sizes}
    except GarbageError as error:
        return Failure(name, str(error))
