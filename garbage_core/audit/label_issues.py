"""Photos that a person should look at: labels that may be wrong, and photos unlike every other.

Whether a label is wrong is asked of classifiers that have never seen it: a logistic regression on a network's features,
fitted five times, each time without the fifth of the photos that it then judges. Two things could still betray a label
to its judge, and both are ruled out. A wrong label could be confirmed by a copy of the photo, so photos of the same
thing go into the same fifth. And the features could remember it: a network that was trained on a photo learns to see in
it what its label says. Features that remember give themselves away, because on them even a fresh classifier is right
more often about photos the network was trained on than about others; `unseen_probabilities` takes the best of the
layers that do not.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from garbage_core.audit.duplicates import Signatures
    from garbage_core.audit.embeddings import Embeddings

PARTS = 5  # of the photos; each is predicted by a classifier fitted to the others
# Inverse strength of the regularization, for channels of variance 1: of 0.003 to 0.1, best log loss on TrashNet.
STRENGTH = 0.03
# What remains of a layer's channels for the classifiers; with all of them they take ten times as long, and on TrashNet
# 90 instead of 89 in 100 photos are predicted correctly.
JUDGED_COMPONENTS = 256
# One-sided test at 5 %: from here on the difference between photos learned from and others is no chance.
_REMEMBERS = 1.645
NEIGHBORS = 10
# Robust standard deviations above the median; a customary limit (Iglewicz and Hoaglin 1993, How to detect and handle
# outliers, page 11). On TrashNet 1 photo in 100 lies above: egg boxes among the paper, blurred photos, a piece of wire.
OUTLIER_FROM = 3.5


def unseen_probabilities(
    features: Mapping[str, np.ndarray], labels: np.ndarray, groups: np.ndarray, learned: np.ndarray
) -> tuple[str, np.ndarray]:
    """Returns what classifiers make of photos that they never saw, on features that do not remember labels.

    Args:
        features: Pooled features by layer, each of shape (N, channels), in the order of the layers.
        labels: Class index of each photo, shape (N,); every class from 0 to C - 1 is there.
        groups: Number of the group of each photo, shape (N,); photos of a group show the same thing.
        learned: Whether the network was trained on the photo, bool of shape (N,).

    Returns:
        Name of the layer on which most photos are predicted correctly, of those that do not remember (of all, the
        first), and probabilities, float32 of shape (N, C).
    """
    judged = {layer: cross_validated(values, labels, groups) for layer, values in features.items()}
    right = {layer: probabilities.argmax(axis=1) == labels for layer, probabilities in judged.items()}
    forgetful = [layer for layer in judged if memory(right[layer], learned) < _REMEMBERS]
    best = max(forgetful or list(judged)[:1], key=lambda layer: right[layer].mean())
    return best, judged[best]


def memory(right: np.ndarray, learned: np.ndarray) -> float:
    """Returns how much more often classifiers are right about photos that the network was trained on.

    Both arguments are bool of shape (N,): whether a classifier that never saw a photo predicts it correctly, and
    whether the network was trained on it. The difference is in standard errors (two-proportion z-test); 0 if there is
    nothing to compare.
    """
    n, m = int(learned.sum()), int((~learned).sum())
    share = right.mean()
    if not n or not m or share in (0, 1):
        return 0.0
    return float((right[learned].mean() - right[~learned].mean()) / np.sqrt(share * (1 - share) * (1 / n + 1 / m)))


def cross_validated(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns for each photo what a classifier fitted without it, and without its group, makes of it.

    Args:
        features: Shape (N, channels).
        labels: As for `unseen_probabilities`.
        groups: As for `unseen_probabilities`.
        seed: Of the dealing.

    Returns:
        Probabilities, float32 (N, C). The photos are dealt into `PARTS` parts, each class in proportion, fewer if a
        class has fewer groups. A class whose photos are all in one group gets 0 there, because nothing else shows it.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    scaled = standardized(features)
    components = min(JUDGED_COMPONENTS, *scaled.shape)
    scaled = PCA(components, svd_solver="randomized", random_state=seed).fit_transform(scaled).astype(np.float32)
    classes = int(labels.max()) + 1
    rarest = min(len(np.unique(groups[labels == c])) for c in range(classes))
    dealt = StratifiedGroupKFold(max(2, min(PARTS, rarest)), shuffle=True, random_state=seed)
    probabilities = np.zeros((len(labels), classes), np.float32)
    for fit, judge in dealt.split(scaled, labels, groups):
        classifier = LogisticRegression(C=STRENGTH, max_iter=300).fit(scaled[fit], labels[fit])
        probabilities[np.ix_(judge, classifier.classes_)] = classifier.predict_proba(scaled[judge])
    return probabilities


def standardized(features: np.ndarray) -> np.ndarray:
    """Returns features with mean 0 and variance 1 in each channel, float32; a channel that never changes is 0."""
    spread = features.std(axis=0)
    return ((features - features.mean(axis=0)) / np.where(spread > 1e-6, spread, 1)).astype(np.float32)


def find_label_issues(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Picks labels that are probably wrong by confident learning (Northcutt et al. 2021, arXiv:1911.00068).

    Those that both of its ways to prune agree on. On TrashNet these are 3 in 100 photos. Looked at one by one, of the
    36 least probable ones about a third are wrong (a jar's lid called glass, clear wrap called paper) or can be argued
    about (wrappers called plastic); the others are right and hard. So this is a list to look at, not one to delete.

    Args:
        labels: Class index of each photo, shape (N,).
        probabilities: Shape (N, C), from classifiers that never saw the photo.

    Returns:
        Places of the photos, the least probable label first, and for each 1 minus the probability of its label.
    """
    from cleanlab.filter import find_label_issues

    if probabilities.shape[1] < 2 or not len(labels):
        return np.empty(0, np.intp), np.empty(0)
    places = find_label_issues(
        labels, probabilities, filter_by="both", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return places, 1 - probabilities[places, labels[places]]


def find_outliers(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Picks photos that lie far from all others, by the mean distance to the `NEIGHBORS` nearest.

    Args:
        vectors: Shape (N, D), of equal variance in each direction.

    Returns:
        Places of the photos, the oddest first, and for each how many robust standard deviations (1.4826 times the
        median absolute deviation) its distance lies above the median one; `OUTLIER_FROM` or more.
    """
    from sklearn.neighbors import NearestNeighbors

    if len(vectors) <= NEIGHBORS:
        return np.empty(0, np.intp), np.empty(0)
    distances, _ = NearestNeighbors(n_neighbors=NEIGHBORS).fit(vectors).kneighbors()  # without the photo itself
    mean = distances.mean(axis=1)
    middle = np.median(mean)
    spread = 1.4826 * np.median(np.abs(mean - middle))
    if spread == 0:
        return np.empty(0, np.intp), np.empty(0)
    score = (mean - middle) / spread
    order = np.argsort(-score, kind="stable")
    return order[score[order] >= OUTLIER_FROM], score[order][score[order] >= OUTLIER_FROM]


def search_label_issues(
    photos: pd.DataFrame, signatures: "Signatures", embeddings: "Embeddings | None"
) -> list[pd.DataFrame]:
    """Returns photos whose label is probably wrong, as `findings.Finding.search` does; none without embeddings."""
    if embeddings is None:
        return []
    labels = pd.Index(embeddings.classes).get_indexer(pd.Index(photos["label"]))
    places, score = find_label_issues(labels, embeddings.probabilities)
    suggested = np.array(embeddings.classes)[embeddings.probabilities[places].argmax(axis=1)]
    return [photos.loc[places].assign(group=places, score=score, suggested=suggested)]


def search_outliers(
    photos: pd.DataFrame, signatures: "Signatures", embeddings: "Embeddings | None"
) -> list[pd.DataFrame]:
    """Returns photos far from all others, as `findings.Finding.search` does; none without embeddings."""
    if embeddings is None:
        return []
    places, score = find_outliers(embeddings.vectors)
    return [photos.loc[places].assign(group=places, score=score)]
