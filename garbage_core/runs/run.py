"""Runs: the folder that a training writes, `models/<name>/`, and how it is read.

    run.json         what was trained, on what, from where, for how long; temperature and threshold
    history.csv      one row per epoch
    predictions.csv  one row per photo of every split, with uncalibrated probabilities
    model.keras      the network
    card.md          the model card, see `garbage_core.evaluation.card`

Every view reads these files through `Run` and nothing else. A file that is missing, broken or from a newer version ends
in a `GarbageError` that names it.
"""

import json
import logging
import math
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from garbage_core.config.training_config import TrainingConfig
from garbage_core.data.photo_sets import MAIN_SET
from garbage_core.errors import GarbageError
from garbage_core.runs.history import HISTORY_FILE, read_history
from garbage_core.runs.predictions import PREDICTIONS_FILE, read_predictions
from garbage_core.utils.files import file_sha256

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

SCHEMA_VERSION = 1
RUN_FILE = "run.json"
MODEL_FILE = "model.keras"
CARD_FILE = "card.md"
OOD_FILE, EARLIER_OOD_FILE = "ood.npz", "novelty.npz"  # the second in runs of earlier versions

# The models this project is about come first in every list.
FIRST_RUNS = ("scratch", "transfer", "everyday")

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Run:
    """One finished training. Cheap to make: the tables are read when they are first asked for.

    Attributes:
        path: Folder of the run.
        info: Content of `run.json`.
    """

    path: Path
    info: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the folder, so that a copied folder is a run of its own."""
        return self.path.name

    @property
    def title(self) -> str:
        """Name as shown to people: "Scratch", "Transfer", or the plain name of any other run."""
        return self.name.capitalize() if self.name in FIRST_RUNS else self.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the network's outputs."""
        return tuple(self.info["classes"])

    @cached_property
    def config(self) -> TrainingConfig:
        """Full training configuration; `info["config"]` is what was recorded. Raises GarbageError."""
        return read_config(self.info, self.path / RUN_FILE)

    @property
    def photo_size(self) -> tuple[int, int]:
        """Height and width in pixels of the photos that the network is meant for."""
        return self.config.height, self.config.width

    @property
    def start(self) -> str:
        """What its training started from, in two words: "random weights", "ImageNet", or the name of a file."""
        started = self.info.get("starting_weights") or {}
        if not (source := started.get("source")):
            return "random weights"
        return "ImageNet" if "imagenet" in f"{source} {started.get('origin', '')}".lower() else str(source)

    @property
    def temperature(self) -> float:
        """Temperature chosen on val; divides the logits, 1 changes nothing."""
        return float(self.info["temperature"])

    @property
    def threshold(self) -> float:
        """Decision threshold, chosen on val: the calibrated confidence below which the model abstains."""
        return float(self.info["threshold"])

    @property
    def model_path(self) -> Path:
        """Where the network lies, whether or not it is there."""
        return self.path / str(self.info.get("weights", {}).get("file", MODEL_FILE))

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 that the network's file must have, as recorded."""
        recorded: str | None = self.info.get("weights", {}).get("sha256")
        return recorded

    @property
    def ood_path(self) -> Path:
        """Where the OOD detector lies, whether or not it is there."""
        earlier = self.path / EARLIER_OOD_FILE
        return earlier if earlier.is_file() and not (self.path / OOD_FILE).is_file() else self.path / OOD_FILE

    @property
    def is_complete(self) -> bool:
        """Whether the tables that every view needs are there. The network itself is only needed to classify."""
        return all((self.path / file).is_file() for file in (RUN_FILE, HISTORY_FILE, PREDICTIONS_FILE))

    @property
    def has_weights(self) -> bool:
        """Whether the network's file is there; `check_weights` also tests its content."""
        return self.model_path.is_file()

    @cached_property
    def history(self) -> pd.DataFrame:
        """Epochs in order: at least `HISTORY_COLUMNS`. Raises GarbageError."""
        return read_history(self.path / HISTORY_FILE)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Photos of every split of the data set itself: file, split, label, p_<class>... Raises GarbageError."""
        return self.predictions_of(MAIN_SET)

    def predictions_of(self, name: str) -> pd.DataFrame:
        """Returns the photos of every split of one of `sets`, as `predictions`. Raises GarbageError."""
        if name not in self.sets:
            known = ", ".join(self.sets)
            raise GarbageError(f"The run {self.name!r} has no predictions for a set {name!r}: it has {known}.")
        table = self._all_predictions.query("set == @name").drop(columns="set").reset_index(drop=True)
        return table.assign(file=table["file"].str.removeprefix(f"{name}:"))

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the sets that it has predictions for, the data set itself first. Raises GarbageError."""
        return tuple(dict.fromkeys([MAIN_SET, *self._all_predictions["set"]]))

    @cached_property
    def _all_predictions(self) -> pd.DataFrame:
        return read_predictions(self.path / PREDICTIONS_FILE, self.classes, self.info)

    @property
    def split_counts(self) -> pd.DataFrame:
        """Photos per class (rows, in class order) and split (columns), as recorded when the training began."""
        counts = pd.DataFrame(self.info.get("splits", {}), dtype=float)
        return counts.reindex(index=list(self.classes)).fillna(0).astype(int)

    def trained_on(self, dataset: "Dataset", protocol: str) -> bool:
        """Returns whether the run was trained on these very photos, split by this protocol."""
        return (self.info.get("data_fingerprint"), self.info.get("protocol")) == (dataset.fingerprint, protocol)

    def check_weights(self) -> Path:
        """Returns the path of the network after testing that it is the file that was recorded. Raises GarbageError."""
        path = self.model_path
        if not path.is_file():
            raise GarbageError(f"The network of the run {self.name!r} is missing at {path}; train or fetch it.")
        expected = self.weights_sha256
        if expected and (found := file_sha256(path)) != expected:
            raise GarbageError(
                f"{path} has the SHA-256 {found[:12]}... instead of {expected[:12]}... as recorded; fetch it again."
            )
        return path


def models_dir() -> Path:
    """Returns the folder of the runs: $GARBAGE_MODELS, else ./models if there, else the one of the checkout.

    A package that was installed has no folder of its own: it takes ./models, even if that has yet to be made.
    """
    if chosen := os.environ.get("GARBAGE_MODELS"):
        return Path(chosen)
    here, checkout = Path("models"), Path(__file__).resolve().parents[2]
    return here if here.is_dir() or not (checkout / "streamlit_app.py").is_file() else checkout / "models"


def check_name(name: str) -> str:
    """Returns the name of a run if it can be one folder's name on every system. Raises GarbageError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        rule = "use letters, digits, dash, underscore and dot, at most 64 and beginning with a letter or a digit."
        raise GarbageError(f"A run cannot be called {name!r}; {rule}")
    return name


def list_runs(root: str | Path | None = None) -> list[Run]:
    """Returns the complete runs: scratch and transfer first, then by name.

    A folder without all its files (a training under way, something else) is passed over in silence; one whose
    `run.json` cannot be used is passed over with a warning in the log, so that a broken run does not hide the others.

    `root` is the folder of the runs, `models_dir()` if None.

    Example:
        >>> [run.name for run in list_runs()][:2]
        ['scratch', 'transfer']
    """
    root = models_dir() if root is None else Path(root)
    runs = []
    for path in root.iterdir() if root.is_dir() else ():
        if not (path / RUN_FILE).is_file() or not _NAME.fullmatch(path.name):
            continue
        try:
            run = Run(path, read_info(path / RUN_FILE))
        except GarbageError as error:
            _LOG.warning("%s", error)
            continue
        if run.is_complete:
            runs.append(run)
    order = {name: place for place, name in enumerate(FIRST_RUNS)}
    return sorted(runs, key=lambda run: (order.get(run.name, len(order)), run.name.lower(), run.name))


def load_run(name: str, root: str | Path | None = None) -> Run:
    """Returns one run by name.

    `name` is that of its folder, `root` the folder of the runs, `models_dir()` if None.

    Raises:
        GarbageError: If there is no such run (names those there are), or it is incomplete or unreadable.

    Example:
        >>> run = load_run("transfer")
        >>> run.title, len(run.classes), len(run.predictions)
        ('Transfer', 6, 2527)
    """
    check_name(name)
    root = models_dir() if root is None else Path(root)
    path = root / name
    if not path.is_dir():
        names = ", ".join(run.name for run in list_runs(root)) or (
            "none yet, train one first (python -m garbage_core train), or set the environment variable GARBAGE_MODELS "
            "to the folder of your runs"
        )
        raise GarbageError(f"There is no run {name!r} in {root}; there are: {names}.")
    missing = [file for file in (RUN_FILE, HISTORY_FILE, PREDICTIONS_FILE) if not (path / file).is_file()]
    if missing:
        raise GarbageError(
            f"The run {name!r} is not complete: {', '.join(missing)} missing; finish its training first."
        )
    return Run(path, read_info(path / RUN_FILE))


def read_info(path: Path) -> dict[str, Any]:
    """Reads and checks a `run.json`. Raises GarbageError."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GarbageError(f"{path} cannot be read ({error}); restore it or train the run again.") from error
    version = info.get("schema_version") if isinstance(info, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise GarbageError(f"{path} has no schema_version (received {version!r}); it was not written by this program.")
    if version > SCHEMA_VERSION:
        raise GarbageError(
            f"{path} has schema version {version}, but this program reads up to {SCHEMA_VERSION}; update the program."
        )
    content: dict[str, Any] = info
    if fault := _fault(content):
        raise GarbageError(f"{path} cannot be used because {fault}; restore it or train the run again.")
    read_config(content, path)
    return content


def read_config(info: dict[str, Any], path: Path) -> TrainingConfig:
    """Reads the training configuration in a `run.json`. Raises GarbageError, which names the file."""
    return TrainingConfig.from_dict(info["config"], f"config of {path}")


def _fault(info: dict[str, Any]) -> str | None:
    """Says what is wrong with the values that every view relies on, or None."""
    classes = info.get("classes")
    if not isinstance(classes, list) or not all(isinstance(name, str) and name for name in classes):
        return f"classes is {classes!r} and not a list of names"
    if len(classes) < 2 or len(set(classes)) != len(classes):
        return f"classes is {classes!r} and not at least two different names"
    for key, kind in (("config", dict), ("weights", dict), ("splits", dict)):
        if not isinstance(info.get(key), kind):
            return f"{key} is {info.get(key)!r} and not a table"
    for key in ("temperature", "threshold"):
        value = info.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return f"{key} is {value!r} and not a number"
    file = info["weights"].get("file", MODEL_FILE)
    if not isinstance(file, str) or Path(file).name != file:
        return f"weights names the file {file!r}, which is not in the folder of the run"
    return f"temperature is {info['temperature']!r} and not positive" if info["temperature"] <= 0 else None
