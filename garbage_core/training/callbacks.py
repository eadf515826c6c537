"""What happens around the epochs of a training: progress, validation, history, checkpoint."""

import sys
import time

import keras
import numpy as np
from sklearn.metrics import f1_score
from tqdm import tqdm

from garbage_core.errors import GarbageError
from garbage_core.training.batches import Source, infer
from garbage_core.training.checkpoint import Checkpoint
from garbage_core.training.optimizers import learning_rate


class KeepRaw(keras.callbacks.Callback):
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
        averages = optimizer._model_variables_moving_average
        for weight, average in zip(optimizer._trainable_variables, averages, strict=True):
            kept = keras.ops.convert_to_numpy(weight).copy()
            weight.assign(keras.ops.convert_to_numpy(average))
            average.assign(kept)
        self.swapped = not self.swapped


class EpochEnd(keras.callbacks.Callback):
    """Shows progress, validates each epoch, keeps the best one, and makes the epoch count: history and checkpoint."""

    def __init__(
        self, config, number, network, trained, val: Source, val_labels: np.ndarray, checkpoint: Checkpoint, steps: int
    ):
        super().__init__()
        self.config, self.stage, self.number = config, config.stages[number], number
        self.size = config.size(self.stage)
        self.network, self.trained, self.val, self.val_labels = network, trained, val, val_labels
        self.checkpoint, self.steps = checkpoint, steps

    def on_train_begin(self, logs: dict | None = None) -> None:
        total = self.stage.epochs * self.steps
        self.bar = tqdm(
            total=total, initial=self.params.get("initial_epoch", 0), desc=self.stage.name, unit="step", file=sys.stderr
        )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.monotonic()
        # A checkpoint of Keras leaves out the state of dropout, so every epoch begins with one of its own.
        for layer in self.network.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign(
                    np.array([self.config.seed + 1000 * self.number, epoch << 16], "uint32")
                )
        self.bar.n = epoch * self.steps
        # The rate of the epoch's middle stands for the epoch.
        schedule = learning_rate(self.stage, self.steps)
        self.rate = float(schedule(epoch * self.steps + self.steps // 2))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.bar.update()
        if batch % 10 == 0 and logs:
            self.bar.set_postfix(loss=f"{float(logs['loss']):.3f}")

    def enter(self) -> None:
        """Validates the network that the stage begins with: an epoch that is no better does not take its place."""
        value = self._validate()["val_macro_f1"]
        self.checkpoint.enter(value, self.size, self.network)
        say(f"{self.stage.name}: begins with macro-F1 {value:.3f} on val at {self.size[1]}x{self.size[0]} pixels.")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        row = {
            "epoch": len(self.checkpoint.rows) + 1,
            "stage": self.stage.name,
            **{key: float(np.mean(logs[key])) for key in ("loss", "accuracy", "macro_f1")},
            **self._validate(),
            "learning_rate": self.rate,
            "seconds": round(time.monotonic() - self.started, 2),
        }
        if not np.isfinite(row["loss"]):
            raise GarbageError(
                f"The loss of epoch {row['epoch']} is {row['loss']}: the training diverged, "
                f"lower the learning rate of stage {self.stage.name!r}."
            )
        self.checkpoint.commit(row, self.number, epoch + 1, self.network, self.size)
        say(
            "epoch {epoch} ({stage}): loss {loss:.3f}, macro-F1 {macro_f1:.3f}; val loss {val_loss:.3f}, "
            "accuracy {val_accuracy:.3f}, macro-F1 {val_macro_f1:.3f}; {seconds:.0f} s".format(**row)
        )
        if self.config.patience and self.checkpoint.wait >= self.config.patience:
            self.checkpoint.stop()
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        self.bar.close()

    def _validate(self) -> dict[str, float]:
        """Returns loss, accuracy and macro-F1 on val."""
        rng = np.random.default_rng(0)  # val has one pass: nothing is drawn
        parts = []
        for start in range(0, len(self.val), 64):
            rows = self.val.rows(np.arange(start, min(start + 64, len(self.val))), rng)
            parts.append(keras.ops.convert_to_numpy(keras.ops.softmax(infer(self.trained, rows))))
        probabilities = np.concatenate(parts).astype("float64")
        answers, labels = probabilities.argmax(axis=1), self.val_labels
        true = probabilities[np.arange(len(answers)), labels]
        classes = range(probabilities.shape[1])
        return {
            "val_loss": float(-np.log(np.clip(true, 1e-7, 1)).mean()),
            "val_accuracy": float((answers == labels).mean()),
            "val_macro_f1": float(f1_score(labels, answers, average="macro", labels=classes, zero_division=0)),
        }


def say(text: str) -> None:
    """Prints a line to standard error without tearing the progress bar."""
    tqdm.write(text, file=sys.stderr)
