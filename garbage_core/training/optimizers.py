"""The optimizer of a training stage, and its learning rate."""

import keras

from garbage_core.config.training_config import Stage, TrainingConfig
from garbage_core.training import devices


def make_optimizer(config: TrainingConfig, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a stage, which leaves biases and the scales of batch norms out of weight decay.

    Args:
        config: The training that the stage belongs to.
        stage: The stage.
        steps: Batches per epoch.
    """
    options = {
        "learning_rate": learning_rate(stage, steps),
        "weight_decay": stage.weight_decay or None,
        "global_clipnorm": config.clip_norm or None,
        "use_ema": stage.ema > 0,
        "ema_momentum": stage.ema or 0.99,
    }
    if config.optimizer == "adamw":
        optimizer = devices.clipping_together(keras.optimizers.AdamW)(**options | {"weight_decay": stage.weight_decay})
    else:
        optimizer = devices.clipping_together(keras.optimizers.SGD)(momentum=0.9, nesterov=True, **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def learning_rate(stage: Stage, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of a stage: linear warm-up, then half a cosine down to zero.

    Source: Loshchilov and Hutter 2016, arXiv:1608.03983, without the restarts.

    Args:
        stage: The stage.
        steps: Batches per epoch.
    """
    warmup = round(stage.warmup_epochs * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else stage.learning_rate,
        decay_steps=max(stage.epochs * steps - warmup, 1),
        warmup_target=stage.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
