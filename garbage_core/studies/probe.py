"""The linear probe of the studies: a logistic regression on frozen features."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def fit_probe(features: np.ndarray, labels: np.ndarray, strength: float) -> "Pipeline":
    """Returns a logistic regression on standardized features, with balanced class weights as in the transfer recipe.

    Args:
        features: Of the training photos, shape (N, channels).
        labels: Their classes, shape (N,).
        strength: Inverse of the regularization (scikit-learn's C), for features of unit variance.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    head = LogisticRegression(C=strength, max_iter=1000, class_weight="balanced")
    return make_pipeline(StandardScaler(), head).fit(features.astype("float64"), labels)
