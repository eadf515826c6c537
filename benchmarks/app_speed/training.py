"""What `benchmarks.app_speed.table` times of training: the input pipeline and a step. Needs Keras."""

import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from benchmarks.app_speed.rows import DATASET_SIZE, jpeg
from benchmarks.app_speed.table import Measured, Settings
from garbage_core.data.dataset import Dataset, load_dataset
from garbage_core.networks.resnet import build_resnet50
from garbage_core.training import augmentation as augment
from garbage_core.training import devices
from garbage_core.training.batches import Augmented, Batches, TrainingPhotos

RECIPE_SIZE = 384  # of the starting recipe, in pixels
RECIPE_BATCH = 32
PHOTOS = 64
EPOCHS = 10  # over which the decoding of the first one is spread; the starting recipe has 50 and more
STEP_SIZE = (192, 256)  # height and width of the transfer recipe's photos
STEP_BATCH = 16


def pipeline(settings: Settings) -> Measured:
    """Photos per second from files to augmented batches, against what the starting recipe used."""
    # It left the public part of Keras 3, where it is kept for old programs.
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        dataset = _photos(Path(folder))
        usual = ImageDataGenerator(
            rescale=1 / 255,
            rotation_range=45,
            width_shift_range=0.15,
            height_shift_range=0.15,
            zoom_range=0.15,
            horizontal_flip=True,
            vertical_flip=True,
            shear_range=0.05,
            brightness_range=(0.9, 1.1),
            channel_shift_range=10,
            fill_mode="nearest",
        ).flow_from_directory(folder, target_size=(RECIPE_SIZE,) * 2, batch_size=RECIPE_BATCH, shuffle=False)
        labels = np.arange(PHOTOS) % 2
        augmentation = augment.pipeline("legacy").without_mixing()
        options = {"num_classes": 2, "batch_size": RECIPE_BATCH, "steps": PHOTOS // RECIPE_BATCH, "strategy": "none"}
        graph = None
        ours, reference = [], []
        for round_number in range(-1, settings.rounds(5)):
            start = time.perf_counter()
            source = TrainingPhotos(dataset, dataset.photos["file"].tolist(), RECIPE_SIZE, RECIPE_SIZE, cache_gb=4)
            decoding = time.perf_counter() - start
            data = Batches(source, labels, augmentation, class_weights=None, seed=(0,), **options)
            if graph is None:
                augmented = Augmented(augmentation, source.shape)
                graph = keras.Model(augmented.inputs, augmented.output)
                graph.predict_on_batch(data[0][0])
            start = time.perf_counter()
            for number in range(len(data)):
                graph.predict_on_batch(data[number][0])
            epoch = time.perf_counter() - start
            start = time.perf_counter()
            for _ in range(PHOTOS // RECIPE_BATCH):
                next(usual)
            theirs = time.perf_counter() - start
            if round_number >= 0:
                ours.append(EPOCHS * PHOTOS / (decoding + EPOCHS * epoch))
                reference.append(PHOTOS / theirs)
    return Measured(np.array(ours), np.array(reference), f"{PHOTOS} photos of 512x384, all cores for ours")


def step(settings: Settings) -> Measured:
    """Photos per second of training steps fed by the pipeline, against the same steps on one batch over and over."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        dataset = _photos(Path(folder))
        source = TrainingPhotos(dataset, dataset.photos["file"].tolist(), *STEP_SIZE, cache_gb=4)
    augmentation = augment.pipeline("standard")
    data = Batches(
        source,
        np.arange(PHOTOS) % 2,
        augmentation,
        num_classes=2,
        batch_size=STEP_BATCH,
        steps=PHOTOS // STEP_BATCH,
        strategy="none",
        class_weights=None,
        seed=(0,),
    )
    network = build_resnet50(num_classes=2)
    augmented = Augmented(augmentation, source.shape)
    model = keras.Model(augmented.inputs, network(augmented.output))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("adamw", loss, jit_compile=devices.jit_compile())  # as a training is
    same = SameBatch(data[0], len(data))
    rates: dict[str, list[float]] = {"ours": [], "same": []}
    sides = {"ours": data, "same": same}
    for round_number in range(-1, settings.rounds(3)):
        for name in list(sides) if round_number % 2 else list(sides)[::-1]:
            start = time.perf_counter()
            model.fit(sides[name], epochs=1, verbose=0, shuffle=False)
            if round_number >= 0:
                rates[name].append(len(data) * STEP_BATCH / (time.perf_counter() - start))
    size = "x".join(map(str, STEP_SIZE[::-1]))
    detail = f"ResNet-50, all layers, {STEP_BATCH} photos of {size} in a step"
    return Measured(np.array(rates["ours"]), np.array(rates["same"]), detail)


class SameBatch(keras.utils.PyDataset):
    """One batch over and over."""

    def __init__(self, batch: tuple, steps: int) -> None:
        super().__init__()
        self.batch, self.steps = batch, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple:
        return self.batch


def _photos(folder: Path) -> Dataset:
    """Writes made-up photos as large as the data set's, in two classes."""
    for number in range(PHOTOS):
        path = folder / f"class{number % 2}" / f"photo{number:03d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(jpeg(number, DATASET_SIZE))
    return load_dataset(folder)
