"""What a stage of a training is made of: its augmentation, and the model that `fit` gets."""

import dataclasses

import keras
import numpy as np

from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.training import augmentation as augment
from garbage_core.training import devices
from garbage_core.training.augmentation import Augmentation
from garbage_core.training.batches import Augmented
from garbage_core.training.distillation import Distillation
from garbage_core.training.imbalance import make_loss
from garbage_core.training.optimizers import make_optimizer


def stage_augmentation(stage: Stage) -> Augmentation:
    """Returns the augmentation of a stage: a named pipeline, with the mixing that the stage asks for.

    Raises:
        GarbageError: If there is no pipeline of that name, or the strength is out of range.
    """
    mixing = {name: getattr(stage, name) for name in ("mixup", "cutmix") if getattr(stage, name) >= 0}
    return dataclasses.replace(augment.pipeline(stage.augmentation, stage.strength), **mixing)


def stage_model(
    config: TrainingConfig,
    stage: Stage,
    network: keras.Model,
    augmentation: Augmentation,
    shape: tuple[int, ...],
    steps: int,
    counts: np.ndarray,
    teacher: keras.Model | None = None,
) -> keras.Model:
    """Puts augmentation in front of what a stage trains, and compiles it.

    Args:
        config: The training that the stage belongs to.
        stage: The stage.
        network: What it trains, from rows of its source to logits of shape (N, C); the layers that stay as they are
            are frozen already.
        augmentation: Of the rows.
        shape: Of one row: of a photo, or of the features that were cached of it.
        steps: Batches per epoch, which the learning rate depends on.
        counts: Training photos of each class, shape (C,), which the loss may depend on.
        teacher: A network that teaches, from the same rows, if the stage listens to one.

    Returns:
        A model from the rows and the drawn values of `augment.draw` to logits, its optimizer built.
    """
    augmented = Augmented(augmentation, shape)
    logits = network(augmented.output)
    if teacher and stage.teacher_weight:
        logits = Distillation(stage.teacher_weight, config.teacher_temperature)([logits, teacher(augmented.output)])
    model = keras.Model(augmented.inputs, logits)
    model.compile(
        make_optimizer(config, stage, steps),
        make_loss(config.imbalance, counts, config.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy"), keras.metrics.F1Score("macro", name="macro_f1")],
        jit_compile=devices.jit_compile(),
    )
    model.optimizer.build(model.trainable_variables)
    return model
