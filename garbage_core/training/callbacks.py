"""What happens around the epochs of a training: progress, validation, history, checkpoint."""

import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from sklearn.metrics import f1_score
from tqdm import tqdm

from garbage_core.config.training_config import TrainingConfig
from garbage_core.errors import GarbageError
from garbage_core.training.batches import Source, infer
from garbage_core.training.checkpoint import Checkpoint


class SaveWeights(keras.callbacks.Callback):
    """Saves weights and optimizer at the end of an epoch, before a moving average takes their place for validation."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.checkpoint = checkpoint

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.checkpoint.save_weights(self.model)


class SwapAverage(keras.callbacks.Callback):
    """Puts the optimizer's moving average of the weights in their place between epochs, for validation.

    Keras' own `SwapEMAWeights` does it by adding and subtracting, which rounds: the training would go on with other
    weights than the ones a checkpoint holds.
    """

    swapped = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.swapped:
            self._swap()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._swap()

    def _swap(self) -> None:
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # float16 wraps it, to scale the loss
        averages = optimizer._model_variables_moving_average
        for weight, average in zip(optimizer._trainable_variables, averages, strict=True):
            value = keras.ops.convert_to_numpy(weight).copy()
            weight.assign(keras.ops.convert_to_numpy(average))
            average.assign(value)
        self.swapped = not self.swapped


class EpochEnd(keras.callbacks.Callback):
    """Shows progress, validates each epoch, saves the best one, and makes the epoch count: history and checkpoint."""

    def __init__(
        self,
        config: TrainingConfig,
        network: keras.Model,
        checkpoint: Checkpoint,
        validated: Callable[[], dict[str, float]],
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        steps: int,
    ) -> None:
        """Describes the stage under way.

        Args:
            config: Config of the training.
            network: Whole network, of which the stage may train a part.
            checkpoint: Checkpoint of the training.
            validated: Function that returns the metrics on val.
            schedule: Learning rate by step.
            steps: Number of batches per epoch.
        """
        super().__init__()
        self.config, self.network, self.checkpoint = config, network, checkpoint
        self.validated, self.schedule, self.steps = validated, schedule, steps
        self.number = checkpoint.state.stage
        self.stage = config.stages[self.number]

    def on_train_begin(self, logs: dict | None = None) -> None:
        total, first = self.stage.epochs * self.steps, self.params.get("initial_epoch", 0)
        self.bar = tqdm(total=total, initial=first, desc=self.stage.name, unit="step", file=sys.stderr)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.monotonic()
        # A checkpoint of Keras leaves out the state of dropout, so every epoch begins with one of its own.
        state = np.array([self.config.seed + 1000 * self.number, epoch << 16], "uint32")
        for layer in self.network.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign(state)
        self.bar.n = epoch * self.steps
        # The rate of the epoch's middle stands for the epoch.
        self.rate = float(self.schedule(epoch * self.steps + self.steps // 2))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.bar.update()
        if batch % 10 == 0 and logs:
            self.bar.set_postfix(loss=f"{float(logs['loss']):.3f}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        row: dict[str, Any] = {
            "epoch": len(self.checkpoint.state.rows) + 1,
            "stage": self.stage.name,
            **{key: float(np.mean((logs or {})[key])) for key in ("loss", "accuracy", "macro_f1")},
            **self.validated(),
            "learning_rate": self.rate,
            "seconds": round(time.monotonic() - self.started, 2),
        }
        if not np.isfinite(row["loss"]):
            raise GarbageError(
                f"The loss of epoch {row['epoch']} is {row['loss']}: the training diverged, "
                f"lower the learning rate of stage {self.stage.name!r}."
            )
        self.checkpoint.commit(row, self.network, self.config.size(self.stage))
        say(
            "epoch {epoch} ({stage}): loss {loss:.3f}, macro-F1 {macro_f1:.3f}; val loss {val_loss:.3f}, "
            "accuracy {val_accuracy:.3f}, macro-F1 {val_macro_f1:.3f}; {seconds:.0f} s".format(**row)
        )
        self.model.stop_training = self.checkpoint.state.under_way.stopped

    def on_train_end(self, logs: dict | None = None) -> None:
        self.bar.close()


def validate(
    model: keras.Model, source: Source, labels: np.ndarray, sets: np.ndarray | None = None
) -> dict[str, float]:
    """Measures a model of logits on val.

    Args:
        model: The model.
        source: N rows.
        labels: Their class indices, shape (N,).
        sets: Name of the set of each row, shape (N,), or None for one set.

    Returns:
        `val_loss`, `val_accuracy` and `val_macro_f1`, of several sets their means; then `val_macro_f1_<set>` of each.
    """
    rng = np.random.default_rng(0)  # val has one pass: nothing is drawn
    parts = []
    for start in range(0, len(source), 64):
        rows = source.rows(np.arange(start, min(start + 64, len(source))), rng)
        parts.append(keras.ops.convert_to_numpy(keras.ops.softmax(infer(model, rows))))
    probabilities = np.concatenate(parts).astype("float64")
    sets = np.full(len(labels), "") if sets is None else sets
    names = list(dict.fromkeys(sets))
    single = {name: _measure(probabilities[sets == name], labels[sets == name]) for name in names}
    means = {key: float(np.mean([single[name][key] for name in names])) for key in single[names[0]]}
    return means | ({f"val_macro_f1_{name}": single[name]["val_macro_f1"] for name in names} if len(names) > 1 else {})


def _measure(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    predicted, classes = probabilities.argmax(axis=1), range(probabilities.shape[1])
    true = probabilities[np.arange(len(predicted)), labels]
    return {
        "val_loss": float(-np.log(np.clip(true, 1e-7, 1)).mean()),
        "val_accuracy": float((predicted == labels).mean()),
        "val_macro_f1": float(f1_score(labels, predicted, average="macro", labels=classes, zero_division=0)),
    }


def say(text: str) -> None:
    """Prints a line to standard error without tearing the progress bar."""
    tqdm.write(text, file=sys.stderr)
