"""What a training keeps to be resumed after anything, `kill -9` included.

Everything lies in the run's `checkpoint/` folder. Weights are written under names of their own epoch first; an epoch
counts once `state.json` names them, which is replaced in one step. What no state names is deleted afterwards.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from garbage_core.config.training_config import TrainingConfig
from garbage_core.errors import GarbageError
from garbage_core.runs.run import Run
from garbage_core.utils.files import write_bytes, write_csv, write_json

_FRESH_STAGE = {
    "epoch": 0,  # epochs of this stage that are done
    "weights": None,  # those of the last one
    "wait": 0,
    "stopped": False,
    "stage_best": {"value": -1.0, "epoch": 0, "file": None},
    "start": None,  # weights that this stage began with, once they are measured
}


class Checkpoint:
    """State of an unfinished training; `folder` is where it lies."""

    def __init__(self, folder: Path, state: dict[str, Any]) -> None:
        """Takes the folder and the state; use `open`."""
        self.folder = folder
        self._state = state
        self._began = time.monotonic() - state["seconds"]

    @classmethod
    def open(cls, run_folder: Path, config: TrainingConfig, data: str, resume: bool) -> "Checkpoint":
        """Begins a training in a run's folder, or finds the one to resume.

        Args:
            run_folder: The run's folder.
            config: The training's config.
            data: Fingerprint of the photos.
            resume: Whether to go on with what is there.

        Raises:
            GarbageError: If there is a finished run; if there is an unfinished one and `resume` is False; if there is
                none and `resume` is True; or if it was begun with another config or other photos.
        """
        folder = run_folder / "checkpoint"
        path = folder / "state.json"
        if (run_folder / "run.json").is_file():
            raise GarbageError(
                f"There is a finished run {run_folder.name!r} in {str(run_folder.parent)!r}: "
                "choose another --name, or move it away."
            )
        fresh = {
            "config": config.to_dict(),
            "data": data,
            "stage": 0,
            **_FRESH_STAGE,
            "handed": {"epoch": 0, "file": None},  # what the stage before handed on
            "best": {"value": -1.0, "epoch": 0, "file": None, "size": None},
            "rows": [],
            "seconds": 0.0,
        }
        if not resume:
            if path.is_file():
                raise GarbageError(
                    f"There is an unfinished training of {run_folder.name!r} in {str(run_folder)!r}: "
                    "add --resume to go on, or delete that folder to begin again."
                )
            folder.mkdir(parents=True, exist_ok=True)
            write_json(fresh, path)
            return cls(folder, fresh)
        if not path.is_file():
            raise GarbageError(
                f"There is no unfinished training of {run_folder.name!r} in {str(run_folder.parent)!r}: "
                "leave out --resume."
            )
        state = json.loads(path.read_text("utf-8"))
        for key, value in fresh["config"].items():
            if state["config"].get(key) != value:
                raise GarbageError(
                    f"The training of {run_folder.name!r} began with {key} = {state['config'].get(key)!r}, "
                    f"not {value!r}: resume it with what it began with."
                )
        if state["data"] != data:
            raise GarbageError(
                f"The training of {run_folder.name!r} began with other photos: "
                "resume it with the same --data-dir and --limit."
            )
        checkpoint = cls(folder, state)
        checkpoint._write_history()  # a kill may have come between state and history
        return checkpoint

    def share(self, from_first: Callable[[bytes], bytes]) -> None:
        """Goes on, on every one of several machines, with what machine 0 has.

        Cached features are computed anew, by all of them together.

        Args:
            from_first: Returns what machine 0 gave it, on every machine.
        """
        self._state = json.loads(from_first(json.dumps(self._state).encode()))
        for name in sorted(self._needed()):
            path = self.folder / name
            data = from_first(path.read_bytes() if path.is_file() else b"")
            if not path.is_file():
                write_bytes(data, path)
        self._delete_features()
        self._write_state()

    @property
    def stage(self) -> int:
        """Number of the stage under way, from 0."""
        return self._state["stage"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row of history per finished epoch."""
        return self._state["rows"]

    @property
    def wait(self) -> int:
        """Epochs of this stage since its last improvement."""
        return self._state["wait"]

    @property
    def stopped(self) -> bool:
        """Whether this stage was ended early."""
        return self._state["stopped"]

    @property
    def seconds(self) -> float:
        """Seconds spent so far, those before a resumption included."""
        return time.monotonic() - self._began

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the best macro-F1 on val so far, from 1; 0 before the first."""
        return self._state["best"]["epoch"]

    @property
    def best_value(self) -> float:
        """Macro-F1 on val of the best epoch so far, 0..1; negative before the first."""
        return self._state["best"]["value"]

    @property
    def start_file(self) -> str | None:
        """Weights that the stage under way begins with, as a file of the whole network; None takes those at random.

        They are those of the best epoch of the stage before, whether or not it beat what that stage began with: a
        network that unlearns a fitted head in order to learn something better needs more than one stage's epochs.
        """
        file = self._state["start"] or self._state["handed"]["file"] or self._state["best"]["file"]
        return str(self.folder / file) if file else None

    @property
    def entered(self) -> bool:
        """Whether `enter` was called for the stage under way."""
        return self._state["start"] is not None

    @property
    def best_file(self) -> str | None:
        """Weights of the best epoch, as a file of the whole network; None before the first."""
        file = self._state["best"]["file"]
        return str(self.folder / file) if file else None

    def take_over(self, run: Run, network: keras.Model) -> None:
        """Begins behind the stages of a finished run, as if they had been trained here.

        Args:
            run: The run.
            network: The network with its weights.
        """
        size = list(run.photo_size)
        best = {"value": run.info["best_val_macro_f1"], "epoch": run.info["best_epoch"], "size": size}
        best["file"] = f"best-{best['epoch']:04d}.weights.h5"
        network.save_weights(self.folder / best["file"])
        self._began -= run.info["duration_seconds"]
        self._state |= {"stage": len(run.config.stages), "rows": run.history.to_dict("records"), "best": best}
        self._write_state()
        self._write_history()

    def save_weights(self, model: keras.Model) -> None:
        """Writes weights and optimizer of a training model; they count once `commit` is called."""
        self._pending = f"epoch-{len(self.rows) + 1:04d}.weights.h5"
        model.save_weights(self.folder / self._pending)

    def enter(self, value: float, size: tuple[int, int], network: keras.Model) -> None:
        """Keeps the network with which a stage begins; it is what the epochs of the stage have to beat.

        Values measured on photos of another size are forgotten: they say nothing about this one.

        Args:
            value: Its macro-F1 on val, 0..1.
            size: Height and width of the stage's photos.
            network: The whole network.
        """
        state, file = self._state, f"start-{self.stage}.weights.h5"
        network.save_weights(self.folder / file)
        state["start"] = file
        if list(size) != state["best"]["size"] or value > state["best"]["value"]:
            # Neither another size nor a fitted head is an epoch: the weights are still those that were handed on.
            epoch = state["handed"]["epoch"] or state["best"]["epoch"]
            state["best"] = {"value": value, "epoch": epoch, "file": file, "size": list(size)}
        self._write_state()

    def commit(self, row: dict[str, Any], stage: int, epoch: int, network: keras.Model, size: tuple[int, int]) -> None:
        """Makes an epoch count.

        Args:
            row: Its row of history.
            stage: Number of its stage, from 0.
            epoch: Number of epochs of this stage that are now done.
            network: The whole network as it was validated; kept if it is the best so far on photos of this size.
            size: Height and width of the photos.
        """
        state, value = self._state, row["val_macro_f1"]
        better = value > state["stage_best"]["value"]
        if better:
            file = f"best-{row['epoch']:04d}.weights.h5"
            network.save_weights(self.folder / file)
            state["stage_best"] = {"value": value, "epoch": row["epoch"], "file": file}
            if value > state["best"]["value"]:
                state["best"] = state["stage_best"] | {"size": list(size)}
        state |= {
            "stage": stage, "epoch": epoch, "weights": self._pending, "rows": [*state["rows"], row],
            "wait": 0 if better else state["wait"] + 1,
        }  # fmt: skip
        self._write_state()
        self._write_history()
        for path in self.folder.glob("*.weights.h5"):
            if path.name not in self._needed():
                path.unlink()

    def stop(self) -> None:
        """Records that the stage under way ends early."""
        self._state["stopped"] = True
        self._write_state()

    def end_stage(self) -> None:
        """Moves on to the next stage; what only this one needed is deleted."""
        best, handed, start = (self._state[key] for key in ("stage_best", "handed", "start"))
        # A stage may have no epochs, only a head that was fitted: then what it began with is handed on.
        self._state |= {
            "stage": self.stage + 1,
            **_FRESH_STAGE,
            "handed": {"epoch": best["epoch"] or handed["epoch"], "file": best["file"] or start or handed["file"]},
        }
        self._write_state()
        self._delete_features()

    def restore(self, model: keras.Model, stage: int) -> int:
        """Gives a training model the weights and optimizer of the last epoch.

        Args:
            model: The training model, compiled, its optimizer built.
            stage: Number of its stage.

        Returns:
            How many epochs of the stage are done.
        """
        if self._state["weights"] and self.stage == stage:
            model.load_weights(self.folder / self._state["weights"])
            return self._state["epoch"]
        return 0

    def delete(self) -> None:
        """Deletes the folder, once the run is complete."""
        shutil.rmtree(self.folder)

    def _needed(self) -> set[str]:
        state = self._state
        files = {state[key]["file"] for key in ("best", "stage_best", "handed")} | {state["weights"], state["start"]}
        return files - {None}

    def _delete_features(self) -> None:
        for path in self.folder.glob("features-*"):
            path.unlink()

    def _write_state(self) -> None:
        self._state["seconds"] = self.seconds
        write_json(self._state, self.folder / "state.json")

    def _write_history(self) -> None:
        if self.rows:
            write_csv(pd.DataFrame(self.rows), self.folder.parent / "history.csv")
        else:
            (self.folder.parent / "history.csv").unlink(missing_ok=True)
