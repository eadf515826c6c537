"""The imbalance lab: how rare may a class become, and what does a strategy buy then?

    python -m garbage_core study imbalance-lab --weights imagenet

makes two files in models/studies: `imbalance_lab.npz` with features of every photo, small enough to be shipped, and
`imbalance_lab.csv` with what became of the rarest class as it was made rarer. Reading them needs neither Keras nor the
photos; on the features a classifier (`imbalance_classifier`) is trained while a reader waits.

The features are those of the frozen network that the studies share, see `features`, on the principal components of the
training photos, each of variance 1. 128 components, in place of the 192 that a megabyte would hold, gave val as much
(macro-F1 of 0.86 and 0.85) and train in half the time.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from garbage_core.data.dataset import Dataset, split_dataset
from garbage_core.errors import GarbageError
from garbage_core.evaluation.confusion_matrix import accuracy, confusions, macro_f1
from garbage_core.evaluation.intervals import divide
from garbage_core.studies.imbalance_classifier import fit_classifier, strategies
from garbage_core.studies.tables import study_path
from garbage_core.utils.files import write_bytes

if TYPE_CHECKING:
    from garbage_core.studies.features import FeatureMaker

COMPONENTS = 128
FEWER = (45, 20, 10, 5)  # training photos that the rarest class is cut down to
SEEDS = 10
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
CURVE_COLUMNS = (
    *("strategy", "class", "train_photos", "seed"),
    *("recall", "precision", "f1", "macro_f1", "accuracy"),
)
COMMAND = "python -m garbage_core study imbalance-lab --weights imagenet"


@dataclass(frozen=True)
class Lab:
    """Features of N photos of C classes.

    Attributes:
        files: Names of the photos.
        labels: Class index of each photo, shape (N,).
        splits: Name of the split of each photo, shape (N,).
        vectors: float32 of shape (N, D).
        classes: Names of the classes, in order.
        fingerprint: Of the data set, as `Dataset.fingerprint`.
        strengths: Regularization by strategy, chosen on val.
    """

    files: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    splits: np.ndarray = field(repr=False)
    vectors: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    fingerprint: str
    strengths: Mapping[str, float]

    def counts(self, split: str = "train") -> np.ndarray:
        """Returns the number of photos of each class in a split, shape (C,)."""
        return np.bincount(self.labels[self.splits == split], minlength=len(self.classes))

    @property
    def rarest(self) -> int:
        """Index of the class with the fewest training photos."""
        return int(self.counts().argmin())

    def with_rarest(self, photos: int) -> np.ndarray:
        """Returns the training photos of each class, shape (C,), with the rarest cut down to some."""
        counts = self.counts()
        counts[self.rarest] = photos
        return counts

    def levels(self) -> list[int]:
        """Returns the numbers of training photos that the rarest class is tried with, all of them first."""
        most = int(self.counts().min())
        return [most, *(photos for photos in FEWER if photos < most)]

    def strength(self, strategy: str) -> float:
        """Returns a strategy's regularization; one that came after the study has that of no strategy."""
        return self.strengths.get(strategy, self.strengths["none"])


@dataclass(frozen=True)
class Outcome:
    """What S classifiers, each trained on photos drawn with another seed, predict for the N photos of a split.

    Attributes:
        predicted: Class index, shape (S, N).
        confusion: Photos by true class (rows) and predicted class, shape (S, C, C).
    """

    predicted: np.ndarray
    confusion: np.ndarray

    def per_class(self) -> dict[str, np.ndarray]:
        """Returns `recall`, `precision` and `f1` of every class, each of shape (S, C); undefined ones are NaN."""
        right = np.einsum("scc->sc", self.confusion)
        true, given = self.confusion.sum(axis=2), self.confusion.sum(axis=1)
        return {
            "recall": divide(right, true, np.nan),
            "precision": divide(right, given, np.nan),
            "f1": divide(2 * right, true + given, np.nan),
        }

    def overall(self) -> dict[str, np.ndarray]:
        """Returns `macro_f1` and `accuracy`, each of shape (S,)."""
        return {"macro_f1": macro_f1(self.confusion), "accuracy": accuracy(self.confusion)}


def draw(lab: Lab, counts: Sequence[int] | np.ndarray, seed: int) -> np.ndarray:
    """Draws training photos.

    Args:
        lab: The features.
        counts: Number of photos of each class, at most as many as there are.
        seed: Decides which; fewer photos of a class are some of the more that the same seed draws.

    Returns:
        Their rows.
    """
    rows = []
    for place, photos in enumerate(counts):
        own = np.flatnonzero((lab.splits == "train") & (lab.labels == place))
        if not 0 <= photos <= len(own):
            raise GarbageError(
                f"{photos} training photos of {lab.classes[place]} were asked for: choose 0 to {len(own)}."
            )
        rows.append(np.random.default_rng((seed, place)).permutation(own)[:photos])
    return np.concatenate(rows)


def try_strategy(
    lab: Lab,
    counts: Sequence[int] | np.ndarray,
    strategy: str,
    seeds: Sequence[int] = (0,),
    split: str = "test",
    strength: float | None = None,
) -> Outcome:
    """Trains a classifier for every seed, and lets it predict the photos of a split.

    Args:
        lab: The features.
        counts: Training photos of each class, as in `draw`.
        strategy: Name of the strategy.
        seeds: One for each classifier.
        split: Name of the split.
        strength: Of the regularization; None takes the strategy's.
    """
    strength = lab.strength(strategy) if strength is None else strength
    shown = lab.splits == split
    labels, size = lab.labels[shown], len(lab.classes)
    predicted = []
    for seed in seeds:
        rows = draw(lab, counts, seed)
        predicted.append(
            fit_classifier(lab.vectors[rows], lab.labels[rows], size, strategy, strength, seed).predict(
                lab.vectors[shown]
            )
        )
    once = np.ones((len(labels), 1))
    return Outcome(np.stack(predicted), np.concatenate([confusions(labels, found, size, once) for found in predicted]))


def make_lab(dataset: Dataset, maker: "FeatureMaker", components: int = COMPONENTS) -> Lab:
    """Makes the features, and chooses each strategy's regularization on val.

    Args:
        dataset: The photos; split by the authors' lists where these fit, else stratified.
        maker: Of the features.
        components: At most so many principal components.

    Raises:
        GarbageError: As `split_dataset`.
    """
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    photos = split_dataset(dataset)
    files, splits = photos["file"].to_numpy(str), photos["split"].to_numpy(str)
    train = splits == "train"
    pooled = maker.pooled(files.tolist(), maker.averages(files[train].tolist()))[0]
    standard = StandardScaler().fit(pooled[train])
    wanted = min(components, int(train.sum()) - 1, pooled.shape[1])
    pca = PCA(wanted, whiten=True, svd_solver="randomized", n_oversamples=32, random_state=0)
    vectors = pca.fit(standard.transform(pooled[train])).transform(standard.transform(pooled))
    labels = pd.Index(dataset.classes).get_indexer(pd.Index(photos["label"]))
    # Chosen on what is stored, not on what was rounded away.
    lab = Lab(files, labels, splits, _rounded(vectors), dataset.classes, dataset.fingerprint, {"none": STRENGTHS[0]})
    return replace(lab, strengths={strategy: choose_strength(lab, strategy) for strategy in strategies()})


def choose_strength(lab: Lab, strategy: str, seeds: Sequence[int] = (0, 1, 2)) -> float:
    """Returns the regularization with the highest macro-F1 on val, in the mean over all numbers of the rarest class.

    Every strategy gets its own: what is best depends on the size of its loss, and focal loss is smaller throughout.
    """

    def score(strength: float) -> float:
        found = [try_strategy(lab, lab.with_rarest(n), strategy, seeds, "val", strength) for n in lab.levels()]
        return float(np.mean([outcome.overall()["macro_f1"] for outcome in found]))

    return max(STRENGTHS, key=score)


def rarity_curve(lab: Lab, seeds: int = SEEDS) -> pd.DataFrame:
    """Measures on test what becomes of the rarest class as it gets fewer photos, with every strategy.

    Returns:
        Columns `CURVE_COLUMNS`, one row for each strategy, number of training photos of `class`, and seed. `recall`,
        `precision` (NaN where no photo is predicted as it) and `f1` are those of the class.
    """
    tables = []
    for strategy in strategies():
        for photos in lab.levels():
            found = try_strategy(lab, lab.with_rarest(photos), strategy, range(seeds))
            own = {name: values[:, lab.rarest] for name, values in found.per_class().items()}
            columns = {"strategy": strategy, "class": lab.classes[lab.rarest], "train_photos": photos}
            tables.append(pd.DataFrame({**columns, "seed": np.arange(seeds), **own, **found.overall()}))
    return pd.concat(tables, ignore_index=True)[list(CURVE_COLUMNS)]


def lab_path(fingerprint: str | None = None) -> Path:
    """Returns where the features lie, whether or not they are there; argument as `study_path`."""
    return study_path("imbalance_lab", fingerprint).with_suffix(".npz")


def save_lab(lab: Lab, path: str | Path) -> None:
    """Writes the features as float16, whole or not at all."""
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        allow_pickle=False,
        files=lab.files,
        labels=lab.labels.astype(np.uint8),
        splits=lab.splits,
        vectors=lab.vectors.astype(np.float16),
        classes=np.array(lab.classes),
        fingerprint=np.array(lab.fingerprint),
        strategies=np.array(list(lab.strengths)),
        strengths=np.array(list(lab.strengths.values())),
    )
    write_bytes(packed.getvalue(), path)


def load_lab(path: str | Path | None = None) -> Lab:
    """Reads the features; None takes `lab_path()`. Raises GarbageError if there are none, or they cannot be read."""
    path = Path(path or lab_path())
    if not path.is_file():
        raise GarbageError(f"There are no features {path}: make them with `{COMMAND}`.")
    try:
        with np.load(path, allow_pickle=False) as packed:
            return Lab(
                files=packed["files"],
                labels=packed["labels"].astype(np.intp),
                splits=packed["splits"],
                vectors=packed["vectors"].astype(np.float32),
                classes=tuple(map(str, packed["classes"])),
                fingerprint=str(packed["fingerprint"]),
                strengths=dict(zip(map(str, packed["strategies"]), packed["strengths"].tolist(), strict=True)),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise GarbageError(f"{path} cannot be read ({error}): make it again with `{COMMAND}`.") from error


def read_curve(path: str | Path) -> pd.DataFrame:
    """Reads the table of `rarity_curve`. Raises GarbageError if it is missing or no such table."""
    try:
        empty = {name: [""] for name in CURVE_COLUMNS[4:]}  # not among names, where "NA" may be one
        table = pd.read_csv(path, dtype={"strategy": str, "class": str}, keep_default_na=False, na_values=empty)
    except (OSError, ValueError) as error:
        raise GarbageError(f"{path} cannot be read ({error}): make it with `{COMMAND}`.") from error
    missing = [column for column in CURVE_COLUMNS if column not in table]
    if missing or table.empty:
        raise GarbageError(
            f"{path} lacks {'the columns ' + ', '.join(missing) if missing else 'any row'}: make it with `{COMMAND}`."
        )
    return table


def _rounded(vectors: np.ndarray) -> np.ndarray:
    return vectors.astype(np.float16).astype(np.float32)
