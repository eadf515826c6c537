"""Which photos show the same picture: byte for byte, pixel for pixel, or nearly.

Two photos are nearly the same if their perceptual hashes differ in few bits, or if a trained network sees nearly the
same in them. The hash (`imagehash.phash`: the signs of the 16 x 16 coarsest waves of the gray picture around their
median) forgives exposure, compression and a slight move of the camera; mirrored or turned copies it does not find.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from garbage_core.data.dataset import Dataset
from garbage_core.data.images import decode_image

if TYPE_CHECKING:
    from garbage_core.audit.embeddings import Embeddings
from garbage_core.utils.system import map_photos

HASH_SIDE = 16
# Of the 256 bits, how many may differ. On TrashNet all pairs up to 80 were looked at: the 31 up to 44 show the same
# thing from the same place (3 identical files, 28 second shots), the first uncertain one has 48, and from 56 on two
# pairs in three are different things, such as bottle necks in the middle of white paper. Random pairs have 128.
# The usual 8 x 8 hash does not separate: at 8 of its 64 bits, 34 of 68 pairs are different things.
MOST_BITS = 44
# The smallest cosine of two embeddings (`embeddings.principal`). On TrashNet, with the first transfer run, of the 33
# pairs from 0.905 on all show the same thing from the same place, three of them moved too far for the hash; below, the
# same glass or lid was laid down anew, and from 0.84 down bottle necks of two bottles come in.
LEAST_COSINE = 0.905
# With few components two photos can be near each other by chance.
LEAST_COMPONENTS = 16
# A picture whose gray values vary less (standard deviation, of 255) is a plain surface, and its hash is noise: all
# plain surfaces would be "the same". The plainest photo of TrashNet, a piece of clear film on paper, has 7.
LEAST_CONTRAST = 2.0
_BLOCK = 1024  # photos compared with all others at once: 400 MB for 100,000 photos


@dataclass(frozen=True)
class Signatures:
    """What tells photos apart without a network.

    Attributes:
        files: Names of the N photos.
        content: SHA-256 of each file, str of shape (N,).
        pixels: SHA-256 of each decoded picture (size and RGB values), str of shape (N,).
        bits: Perceptual hashes, bool of shape (N, HASH_SIDE ** 2).
        structured: Whether a photo has enough contrast for its hash to mean something, bool of shape (N,).
    """

    files: tuple[str, ...]
    content: np.ndarray
    pixels: np.ndarray
    bits: np.ndarray
    structured: np.ndarray

    @cached_property
    def identical(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (i, j), i < j, with the same bytes or the same pixels; of a group, each member with the first."""
        content, pixels = equal_pairs(self.content), equal_pairs(self.pixels)
        both = sorted(set(zip(*content, strict=True)) | set(zip(*pixels, strict=True)))
        i, j = np.array(both, dtype=np.intp).reshape(-1, 2).T
        return i, j


def photo_signatures(
    dataset: Dataset,
    files: Iterable[str],
    progress: Callable[[int], None] = lambda done: None,
    workers: int | None = None,
) -> Signatures:
    """Reads every photo once and computes its signatures, in threads; `progress` and `workers` as in `map_photos`.

    Raises:
        GarbageError: A photo is missing or damaged.
    """
    import imagehash

    def sign(file: str) -> tuple[str, str, np.ndarray, bool]:
        data = dataset.read_bytes(file)
        rgb = decode_image(data, file)
        pixels = hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()
        gray = Image.fromarray(rgb).convert("L")
        bits = imagehash.phash(gray, HASH_SIDE).hash.ravel()
        contrast = np.asarray(gray.resize((64, 64), Image.Resampling.BOX), dtype=np.float32).std()
        return hashlib.sha256(data).hexdigest(), pixels, bits, bool(contrast >= LEAST_CONTRAST)

    files = tuple(files)
    rows = list(map_photos(sign, files, progress, workers))
    content, pixels, bits, structured = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Signatures(
        files,
        np.array(content, dtype=str),
        np.array(pixels, dtype=str),
        np.array(bits, dtype=bool).reshape(-1, HASH_SIDE**2),
        np.array(structured, dtype=bool),
    )


def equal_pairs(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs places with equal keys: each later one with the first; (i, j), i < j, of shape (P,) each."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    later = np.flatnonzero(first[inverse] != np.arange(len(keys)))
    return first[inverse][later], later


def similar_pairs(vectors: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds all pairs of vectors that point in nearly the same direction, in blocks, so that memory stays flat.

    Args:
        vectors: Shape (N, D). A vector of zeros has no direction and is in no pair.
        least: Smallest cosine of the angle between the two, above 0.

    Returns:
        i and j, i < j, and the cosine, each of shape (P,).
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros(vectors.shape, np.float32), where=length > 0).astype(np.float32)
    rows, columns, cosines = [], [], []
    for start in range(0, len(unit), _BLOCK):
        block = unit[start : start + _BLOCK] @ unit[start:].T
        i, j = np.nonzero(block >= least)
        upper = i < j
        i, j = i[upper], j[upper]
        rows.append(i + start)
        columns.append(j + start)
        cosines.append(block[i, j])
    if not rows:
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.float32)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(cosines)


def hash_pairs(signatures: Signatures, most_bits: int = MOST_BITS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds all pairs of photos whose perceptual hashes differ in at most so many bits.

    Returns i and j, i < j, and the number of differing bits, each of shape (P,).
    """
    size = signatures.bits.shape[1]
    # As vectors of +1 and -1, two hashes that differ in d of n bits have the cosine 1 - 2 d / n.
    signs = np.where(signatures.bits, 1.0, -1.0).astype(np.float32) * signatures.structured[:, None]
    i, j, cosine = similar_pairs(signs, 1 - 2 * (most_bits + 0.5) / size)
    return i, j, np.rint((1 - cosine) * size / 2).astype(int)


def linked(n: int, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Returns the group of each of n photos that pairs (i, j) of their places link together, integers of shape (n,).

    Photos in no pair are groups of their own.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    i, j = (np.concatenate([np.asarray(pair[side], np.intp) for pair in pairs]) for side in (0, 1))
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def search_identical(
    photos: pd.DataFrame, signatures: Signatures, embeddings: "Embeddings | None"
) -> list[pd.DataFrame]:
    """Returns groups of identical photos, one table each, as `findings.Finding.search` does."""
    return _groups(photos, signatures, embeddings, linked(len(photos), [signatures.identical]))


def search_near(photos: pd.DataFrame, signatures: Signatures, embeddings: "Embeddings | None") -> list[pd.DataFrame]:
    """Returns groups of nearly identical photos, one table each, as `findings.Finding.search` does."""
    pairs = [signatures.identical, hash_pairs(signatures)[:2]]
    if embeddings is not None and embeddings.vectors.shape[1] >= LEAST_COMPONENTS:
        pairs.append(similar_pairs(embeddings.vectors, LEAST_COSINE)[:2])
    groups, identical = linked(len(photos), pairs), linked(len(photos), pairs[:1])
    tables = _groups(photos, signatures, embeddings, groups)
    return [table for table in tables if len(set(identical[table.index])) > 1]  # else nothing but identical photos


def _groups(
    photos: pd.DataFrame, signatures: Signatures, embeddings: "Embeddings | None", groups: np.ndarray
) -> list[pd.DataFrame]:
    """Returns a table for each group of two photos or more; the score is the share of equal bits of the least alike."""
    tables = []
    for group in np.flatnonzero(np.bincount(groups) > 1):
        places = np.flatnonzero(groups == group)
        table = photos.loc[places].assign(group=group, bits=_nearest_bits(signatures.bits[places]))
        if embeddings is not None:
            table["cosine"] = _nearest_cosine(embeddings.vectors[places])
        tables.append(table.assign(score=1.0 - table["bits"].max() / signatures.bits.shape[1]))
    return tables


def _nearest_bits(bits: np.ndarray) -> np.ndarray:
    """Returns for each photo of a group in how many bits it differs from the most similar one."""
    differing = (bits[:, None] != bits[None]).sum(axis=2)
    np.fill_diagonal(differing, bits.shape[1])
    return differing.min(axis=1)


def _nearest_cosine(vectors: np.ndarray) -> np.ndarray:
    """Returns for each photo of a group the cosine with the most similar one."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    return cosines.max(axis=1).clip(-1, 1)
