"""What a trained network sees in every photo, as a short vector, computed once and stored with the run.

    python -m garbage_core embed transfer

    models/<name>/embeddings.npz   one vector per photo, and what classifiers make of a photo that they never saw
    models/<name>/embedding.csv    the vectors on a map of two dimensions: file, x, y

Reading them needs neither Keras nor the photos. Both are refused once the run has other weights. Those of other photos
than the ones that were embedded first lie below their fingerprint, see `runs.results`.
"""

import io
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from garbage_core.audit.duplicates import linked, similar_pairs
from garbage_core.audit.label_issues import standardized, unseen_probabilities
from garbage_core.data.dataset import Dataset
from garbage_core.data.images import load_photo
from garbage_core.errors import GarbageError
from garbage_core.inference.engine import compile_model, run_over
from garbage_core.runs.results import place_for, result_of
from garbage_core.runs.run import Run
from garbage_core.utils.files import write_bytes, write_csv
from garbage_core.utils.system import map_photos

if TYPE_CHECKING:
    import keras

EMBEDDINGS_FILE = "embeddings.npz"
MAP_FILE = "embedding.csv"
# Of 2,048 channels of a ResNet-50. Measured on TrashNet with the 33 pairs that are known to be nearly identical, ranked
# by cosine among all 3 million pairs: average precision 0.97 with all channels, 0.96 with 128 components of equal
# variance, 0.95 with 96, 0.92 with 64; without equal variances 0.94 at most. 128 take 0.6 MB for 2,527 photos.
COMPONENTS = 128
# A component needs photos to be estimated from, or equal variances blow up noise.
PHOTOS_PER_COMPONENT = 10
# Photos of the same thing in another pose, too, stay together when photos are dealt out for cross-validation.
SAME_THING = 0.8
_SEED = 0


@dataclass(frozen=True)
class Embeddings:
    """What a network sees in N photos.

    Attributes:
        files: Names of the photos.
        vectors: float32 of shape (N, D): the pooled last feature map on its D principal components, each of variance 1.
            The cosine of the angle between two vectors is near 1 for photos that look alike to the network and near 0
            for any two.
        probabilities: float32 of shape (N, C): probability of each class, from classifiers that were fitted without the
            photo, see `label_issues.unseen_probabilities`.
        classes: Names of the classes.
        layer: The layer whose features those classifiers used.
        weights_sha256: Of the network's file.
        fingerprint: Of the data set, as `Dataset.fingerprint`.
    """

    files: tuple[str, ...]
    vectors: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    layer: str
    weights_sha256: str
    fingerprint: str

    def places(self, files: Iterable[str]) -> np.ndarray:
        """Returns the rows of some photos, in their order. Raises GarbageError for a photo without one."""
        rows = pd.Index(self.files).get_indexer(pd.Index(files := list(files)))
        if (rows < 0).any():
            raise GarbageError(
                f"The embeddings lack the photo {files[int(np.argmax(rows < 0))]!r}: compute them anew with "
                "`python -m garbage_core embed`."
            )
        return rows


def embed(
    run: Run, dataset: Dataset, progress: Callable[[int], None] = lambda done: None, batch_size: int = 32
) -> Embeddings:
    """Runs a run's network over all photos of a data set, and predicts their labels from its features.

    `progress` is called with the number of photos in each batch.

    Raises:
        GarbageError: The network or a photo cannot be read, or the network is not the recorded one.
    """
    from garbage_core.networks.weights import load_network

    network = load_network(run.model_path, run.weights_sha256)
    files = dataset.photos["file"]
    size = run.photo_size
    photos = map_photos(lambda file: load_photo(dataset.read_bytes(file), *size, file), files, ahead=2 * batch_size)
    features = _pooled(network, photos, batch_size, progress)
    vectors = principal(next(reversed(features.values())))
    learned = files.isin(run.predictions.loc[run.predictions["split"] == "train", "file"]).to_numpy()
    labels = pd.Index(dataset.classes).get_indexer(pd.Index(dataset.photos["label"]))
    together = linked(len(files), [similar_pairs(vectors, SAME_THING)[:2]])
    layer, probabilities = unseen_probabilities(features, labels, together, learned)
    return Embeddings(
        tuple(files), vectors, probabilities, dataset.classes, layer, run.weights_sha256 or "", dataset.fingerprint
    )


def principal(features: np.ndarray, components: int = COMPONENTS) -> np.ndarray:
    """Projects features (N, channels) on principal components of variance 1; float32 (N, D), as float16 holds it.

    Each channel first gets mean 0 and variance 1, so that a few loud ones do not decide. There is one component for
    every `PHOTOS_PER_COMPONENT` photos, at least two, at most `components`.
    """
    from sklearn.decomposition import PCA

    wanted = min(components, max(2, len(features) // PHOTOS_PER_COMPONENT), *features.shape)
    # Randomized: a data set of 100,000 photos would take minutes otherwise.
    pca = PCA(wanted, whiten=True, svd_solver="randomized", n_oversamples=32, random_state=_SEED)
    return pca.fit_transform(standardized(features)).astype(np.float16).astype(np.float32)


def flat_map(embeddings: Embeddings, seed: int = _SEED) -> pd.DataFrame:
    """Lays four photos or more out on a plane so that neighbors stay neighbors (t-SNE, van der Maaten and Hinton 2008).

    Returns columns `file`, `x`, `y`. Distances between far points and the sizes of clusters mean nothing.
    """
    from sklearn.manifold import TSNE

    # The usual 30 neighbors; a small data set has fewer.
    perplexity = min(30.0, (len(embeddings.files) - 1) / 3)
    # By angle, as everywhere here.
    tsne = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=seed)
    x, y = tsne.fit_transform(embeddings.vectors).T
    return pd.DataFrame({"file": embeddings.files, "x": x.round(3), "y": y.round(3)})


def save_embeddings(run: Run, embeddings: Embeddings, places: pd.DataFrame) -> Path:
    """Writes embeddings and their map into the run's folder, float16, each file whole or not at all; returns where."""
    arrays = {part.name: np.array(getattr(embeddings, part.name)) for part in fields(embeddings)}
    arrays |= {name: arrays[name].astype(np.float16) for name in ("vectors", "probabilities")}
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    path = place_for(run.path / EMBEDDINGS_FILE, embeddings.fingerprint)
    write_csv(places, path.with_name(MAP_FILE))
    return write_bytes(packed.getvalue(), path)


def embedding_files(run: Run, fingerprint: str | None) -> tuple[Path, Path]:
    """Returns where map and embeddings of some photos lie, whether or not they are there, see `runs.results`."""
    path = result_of(run.path / EMBEDDINGS_FILE, fingerprint)
    return path.with_name(MAP_FILE), path


def load_embeddings(run: Run, fingerprint: str | None = None) -> Embeddings:
    """Reads the embeddings of a run.

    Args:
        run: The run.
        fingerprint: Of the data set whose embeddings are wanted; None takes those that were computed first.

    Raises:
        GarbageError: There are none of these photos, they cannot be read, or they were computed with other weights.
    """
    again = f"compute them with `python -m garbage_core embed {run.name}`"
    path = embedding_files(run, fingerprint)[1]
    if not path.is_file():
        only = ", only of other photos" if (run.path / EMBEDDINGS_FILE).is_file() else ""
        raise GarbageError(f"The run {run.name!r} has no embeddings{' of these photos' * bool(only)}{only}: {again}.")
    try:
        with np.load(path, allow_pickle=False) as packed:
            found = Embeddings(
                files=tuple(map(str, packed["files"])),
                vectors=packed["vectors"].astype(np.float32),
                probabilities=packed["probabilities"].astype(np.float32),
                classes=tuple(map(str, packed["classes"])),
                layer=str(packed["layer"]),
                weights_sha256=str(packed["weights_sha256"]),
                fingerprint=str(packed["fingerprint"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise GarbageError(f"{path} cannot be read ({error}): {again}.") from error
    if found.weights_sha256 != run.weights_sha256:
        raise GarbageError(
            f"The embeddings of {run.name!r} were computed with other weights (SHA-256 {found.weights_sha256[:12]}, "
            f"the run has {str(run.weights_sha256)[:12]}): {again}."
        )
    if not len(found.files) == len(found.vectors) == len(found.probabilities):
        raise GarbageError(f"{path} holds tables of different lengths: {again}.")
    return found


def load_map(run: Run, fingerprint: str | None = None) -> pd.DataFrame:
    """Reads the map of a run's embeddings: columns `file`, `x`, `y`; called and raises as `load_embeddings`."""
    load_embeddings(run, fingerprint)
    path = embedding_files(run, fingerprint)[0]
    try:
        places = pd.read_csv(path, dtype={"file": str}, keep_default_na=False)
        return places[["file", "x", "y"]].astype({"x": float, "y": float})
    except (OSError, ValueError, KeyError) as error:
        raise GarbageError(
            f"{path} cannot be read ({error}): compute it with `python -m garbage_core embed {run.name}`."
        ) from error


def _pooled(
    network: "keras.Model", photos: Iterable[np.ndarray], batch_size: int, progress: Callable[[int], None]
) -> dict[str, np.ndarray]:
    """Returns pooled features of all photos by layer, float32 (N, channels), the last layer last."""
    import keras

    outputs = {}
    for name in _looked_at(network):
        output = network.get_layer(name).output
        outputs[name] = keras.ops.mean(output, axis=(1, 2)) if len(output.shape) == 4 else output
    call, to_numpy, _ = compile_model(keras.Model(network.input, list(outputs.values())))
    found = run_over(lambda batch: [to_numpy(part) for part in call(batch)], photos, batch_size, progress)
    return dict(zip(outputs, found, strict=True))


def _looked_at(network: "keras.Model") -> list[str]:
    """Names the layers whose features are tried: the ends of the last stacks but the very last, then the pooling.

    In version 2 a stack ends in a sum that was never normalized, so the last norm and ReLU within it is taken.
    """
    names = [layer.name for layer in network.layers]
    end = "_preact_relu" if "post_relu" in names else "_out"
    stacks = sorted({name.split("_")[0] for name in names if name.endswith(end)})
    ends = [[name for name in names if name.startswith(stack) and name.endswith(end)][-1] for stack in stacks[-3:-1]]
    return [*ends, "avg_pool"]
