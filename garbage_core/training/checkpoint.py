"""The checkpoint of a training, from which it resumes after anything, `kill -9` included.

Everything lies in the run's `checkpoint/` folder. Weights are written under names of their own epoch first; an epoch
counts once `state.json` names them, which is replaced in one step. Files that no state names are deleted afterwards.
"""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from garbage_core.config.training_config import TrainingConfig
from garbage_core.errors import GarbageError
from garbage_core.networks.weights import save_weights
from garbage_core.runs.run import Run
from garbage_core.utils.files import write_bytes, write_csv, write_json

STATE_VERSION = 2


@dataclass
class Snapshot:
    """Weights of the whole network, and how good they are.

    Attributes:
        file: Name of the file in the checkpoint's folder; None before there are any.
        epoch: Number of the epoch that they are from, counted from 1 through all stages; 0 before the first.
        value: Macro-F1 on val, 0 to 1; negative if it was not measured.
        size: Height and width in pixels of the photos that it was measured on; None if it was not.
    """

    file: str | None = None
    epoch: int = 0
    value: float = -1.0
    size: list[int] | None = None


@dataclass
class StageState:
    """How far the stage under way has come.

    Attributes:
        epoch: Number of its epochs that are done.
        weights: Name of the file with weights and optimizer after the last of them.
        wait: Number of epochs since its last improvement.
        stopped: Whether it was ended early.
        start: Name of the file with the weights that it began with, once they were evaluated.
        best: Best of its epochs.
    """

    epoch: int = 0
    weights: str | None = None
    wait: int = 0
    stopped: bool = False
    start: str | None = None
    best: Snapshot = field(default_factory=Snapshot)


@dataclass
class TrainingState:
    """What `state.json` holds.

    Attributes:
        config: Config of the training, as plain values.
        data: Fingerprint of the photos.
        version: Version of the file's layout.
        stage: Number of the stage under way, from 0.
        under_way: Its state.
        previous: Weights that the stage before it ended with.
        best: Best weights of the training, at the photo size of the stage under way.
        rows: One row of history per finished epoch.
        seconds: Time spent so far.
        precision: Dtype policy that it computes in; empty before it is chosen.
    """

    config: dict[str, Any]
    data: str
    version: int = STATE_VERSION
    stage: int = 0
    under_way: StageState = field(default_factory=StageState)
    previous: Snapshot = field(default_factory=Snapshot)
    best: Snapshot = field(default_factory=Snapshot)
    rows: list[dict[Any, Any]] = field(default_factory=list)
    seconds: float = 0.0
    precision: str = ""

    @classmethod
    def from_json(cls, text: str, name: str) -> "TrainingState":
        """Reads the state of the training `name`. Raises GarbageError if another version of the program wrote it."""
        values = json.loads(text)
        if values.get("version") != STATE_VERSION:
            raise GarbageError(
                f"The unfinished training of {name!r} was begun by another version of this program (its checkpoint has "
                f"version {values.get('version')!r}, not {STATE_VERSION}): finish it there, or delete its folder."
            )
        stage = values["under_way"]
        snapshots = {key: Snapshot(**values[key]) for key in ("previous", "best")}
        return cls(**values | snapshots | {"under_way": StageState(**stage | {"best": Snapshot(**stage["best"])})})

    def files(self) -> set[str]:
        """Returns the names of all files of weights that the state needs."""
        stage = self.under_way
        names = (self.best.file, self.previous.file, stage.best.file, stage.weights, stage.start)
        return {name for name in names if name}


class Checkpoint:
    """An unfinished training on disk: its `folder` and its `state`."""

    def __init__(self, folder: Path, state: TrainingState) -> None:
        """Takes the folder and the state; use `open`."""
        self.folder = folder
        self.state = state
        self._began = time.monotonic() - state.seconds

    @classmethod
    def open(cls, run_folder: Path, config: TrainingConfig, data: str, resume: bool) -> "Checkpoint":
        """Begins a training in a run's folder, or finds the one to resume.

        Args:
            run_folder: Folder of the run.
            config: Config of the training.
            data: Fingerprint of the photos.
            resume: Whether to go on with an unfinished training.

        Raises:
            GarbageError: If there is a finished run; if there is an unfinished one and `resume` is False; if there is
                none and `resume` is True; or if it was begun with another config, other photos or another version.
        """
        folder = run_folder / "checkpoint"
        path, name, root = folder / "state.json", run_folder.name, str(run_folder.parent)
        if (run_folder / "run.json").is_file():
            raise GarbageError(f"There is a finished run {name!r} in {root!r}: choose another --name, or move it away.")
        if resume and not path.is_file():
            raise GarbageError(f"There is no unfinished training of {name!r} in {root!r}: leave out --resume.")
        if path.is_file() and not resume:
            raise GarbageError(
                f"There is an unfinished training of {name!r} in {str(run_folder)!r}: add --resume to go on, or delete "
                "that folder to begin again."
            )
        if not resume:
            checkpoint = cls(folder, TrainingState(config.to_dict(), data))
            checkpoint.write_state()
            return checkpoint
        checkpoint = cls(folder, TrainingState.from_json(path.read_text("utf-8"), name))
        checkpoint._check_same(config, data)
        checkpoint._write_history()  # a kill may have come between state and history
        return checkpoint

    def share(self, from_first: Callable[[bytes], bytes]) -> None:
        """Goes on, on all machines, with what `from_first` returns everywhere: what machine 0 passed to it.

        Cached features are computed anew, by all of them together.
        """
        text = from_first(json.dumps(dataclasses.asdict(self.state)).encode()).decode()
        self.state = TrainingState.from_json(text, self.folder.parent.name)
        for name in sorted(self.state.files()):
            path = self.folder / name
            data = from_first(path.read_bytes() if path.is_file() else b"")
            if not path.is_file():
                write_bytes(data, path)
        self._delete_features()
        self.write_state()

    @property
    def seconds(self) -> float:
        """Seconds spent so far, those before a resumption included."""
        return time.monotonic() - self._began

    @property
    def start_file(self) -> Path | None:
        """File of the whole network's weights that the stage under way begins with; None for the starting weights.

        They are those of the best epoch of the stage before, whether or not it beat what that stage began with: a
        network that unlearns a linear probe in order to learn something better needs more than one stage's epochs.
        """
        file = self.state.under_way.start or self.state.previous.file or self.state.best.file
        return self.folder / file if file else None

    @property
    def best_file(self) -> Path:
        """File of the whole network's weights of the best epoch, once a stage is done."""
        assert self.state.best.file
        return self.folder / self.state.best.file

    def take_over(self, run: Run, network: keras.Model) -> None:
        """Begins behind the stages of a finished run, as if they had been trained here; the network has its weights."""
        epoch = int(run.info["best_epoch"])
        file = f"best-{epoch:04d}.weights.h5"
        best = Snapshot(file, epoch, run.info["best_val_macro_f1"], list(run.photo_size))
        save_weights(network, self.folder / file)
        self._began -= run.info["duration_seconds"]
        self.state.stage, self.state.rows, self.state.best = (
            len(run.config.stages),
            run.history.to_dict("records"),
            best,
        )
        self.write_state()
        self._write_history()

    def enter(self, value: float, size: tuple[int, int], network: keras.Model) -> None:
        """Saves the network with which a stage begins, and whose macro-F1 on val (0 to 1) its epochs have to beat.

        Values measured on photos of another size (height, width) are forgotten: they say nothing about this one.
        """
        state = self.state
        file = state.under_way.start = f"start-{state.stage}.weights.h5"
        save_weights(network, self.folder / file)
        if list(size) != state.best.size or value > state.best.value:
            # Neither another size nor a linear probe is an epoch: the weights are still those of the stage before.
            state.best = Snapshot(file, state.previous.epoch or state.best.epoch, value, list(size))
        self.write_state()

    def save_weights(self, model: keras.Model) -> None:
        """Writes weights and optimizer of a training model; they count once `commit` is called."""
        self._pending = f"epoch-{len(self.state.rows) + 1:04d}.weights.h5"
        save_weights(model, self.folder / self._pending)

    def commit(self, row: dict[str, Any], network: keras.Model, size: tuple[int, int]) -> None:
        """Makes an epoch count.

        Args:
            row: Its row of history.
            network: The whole network as it was validated; saved if it is the best so far on photos of this size.
            size: Height and width of the photos.
        """
        stage, value = self.state.under_way, row["val_macro_f1"]
        stage.epoch, stage.weights, stage.wait = stage.epoch + 1, self._pending, stage.wait + 1
        self.state.rows.append(row)
        if value > stage.best.value:
            file = f"best-{row['epoch']:04d}.weights.h5"
            save_weights(network, self.folder / file)
            stage.best, stage.wait = Snapshot(file, row["epoch"], value, list(size)), 0
            if value > self.state.best.value:
                self.state.best = stage.best
        stage.stopped = 0 < self.state.config["patience"] <= stage.wait
        self.write_state()
        self._write_history()
        for path in self.folder.glob("*.weights.h5"):
            if path.name not in self.state.files():
                path.unlink()

    def end_stage(self) -> None:
        """Moves on to the next stage; what only this one needed is deleted."""
        stage, previous = self.state.under_way, self.state.previous
        # A stage may have no epochs, only a linear probe: then the next one begins with what this one began with.
        file = stage.best.file or stage.start or previous.file
        self.state.previous = Snapshot(file, stage.best.epoch or previous.epoch)
        self.state.stage, self.state.under_way = self.state.stage + 1, StageState()
        self.write_state()
        self._delete_features()

    def restore(self, model: keras.Model) -> int:
        """Gives a compiled training model, its optimizer built, the state after the last epoch of the stage under way.

        Returns:
            Number of epochs of the stage that are done.
        """
        if self.state.under_way.weights:
            model.load_weights(self.folder / self.state.under_way.weights)
        return self.state.under_way.epoch

    def delete(self) -> None:
        """Deletes the folder, once the run is complete."""
        shutil.rmtree(self.folder)

    def _check_same(self, config: TrainingConfig, data: str) -> None:
        """Raises GarbageError if the training began with another config or other photos."""
        name, began = self.folder.parent.name, self.state.config
        for key, value in config.to_dict().items():
            if began.get(key) != value:
                raise GarbageError(
                    f"The training of {name!r} began with {key} = {began.get(key)!r}, not {value!r}: resume with that."
                )
        if self.state.data != data:
            raise GarbageError(
                f"The training of {name!r} began with other photos: resume it with the same --data-dir and --limit."
            )

    def _delete_features(self) -> None:
        for path in self.folder.glob("features-*"):
            path.unlink()

    def write_state(self) -> None:
        """Stores the state, with the seconds until now."""
        self.state.seconds = self.seconds
        write_json(dataclasses.asdict(self.state), self.folder / "state.json")

    def _write_history(self) -> None:
        history = self.folder.parent / "history.csv"
        write_csv(pd.DataFrame(self.state.rows), history) if self.state.rows else history.unlink(missing_ok=True)
