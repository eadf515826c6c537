"""Linear probe: the head starts from a logistic regression on the frozen network's pooled features.

A head drawn at random sends random gradients into the layers below it and wears down what was transferred to them; one
that is fitted first does not (Kumar et al. 2022, arXiv:2202.10054, "linear probing, then fine-tuning"). Fitting it in
closed form on pooled features also takes a minute where gradient descent takes many epochs.
"""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from garbage_core.training.batches import FeatureSource, infer


def fit_linear_probe(
    network: keras.Model,
    frozen: keras.Model,
    source: FeatureSource,
    labels: np.ndarray,
    strength: float,
    class_weights: np.ndarray | None = None,
    sure: np.ndarray | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """Gives the head of a network the weights of a logistic regression.

    The batch norms above the frozen part first take their averages from the features, so that the pooled features the
    regression sees are those that the network will compute.

    Args:
        network: A network of `garbage_core.networks.resnet`, changed in place.
        frozen: Its frozen part, from `split_network`.
        source: Cached output of the frozen part, P passes over N photos.
        labels: Class index of each photo, shape (N,).
        strength: Inverse regularization strength (scikit-learn's C), for features of unit variance.
        class_weights: Weight of a photo of each class, shape (C,), or None.
        sure: Photos that the regression is fitted to, bool (N,), or None for all; the others are only predicted.
        batch_size: Number of rows per forward pass.

    Returns:
        Predicted class of each photo, shape (N,), by the mean over its passes.
    """
    # The identity is for a frozen part that ends in the pooled features: a model cannot consist of its input.
    rest = keras.Model(frozen.output, keras.layers.Identity()(network.get_layer("avg_pool").output))
    rng = np.random.default_rng(0)
    order = rng.permutation(len(source))
    for start in range(0, len(order) // batch_size * batch_size or 1, batch_size):
        rest(source.rows(order[start : start + batch_size], rng).astype("float32"), training=True)
    pooled = [
        infer(rest, features[start : start + batch_size].astype("float32"))
        for features in source.passes
        for start in range(0, len(features), batch_size)
    ]
    every = np.concatenate(pooled).astype("float64")
    fits = np.tile(np.ones(len(labels), bool) if sure is None else sure, len(source.passes))
    x, y = every[fits], np.tile(labels, len(source.passes))[fits]
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    weights = None if class_weights is None else {c: w for c, w in enumerate(class_weights) if c in y}
    fitted = LogisticRegression(C=strength, max_iter=1000, class_weight=weights).fit((x - mean) / scale, y)

    head = network.get_layer("predictions")
    kernel, bias = (np.zeros_like(value) for value in head.get_weights())
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:  # scikit-learn then keeps one row, for the second class against the first
        coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.append(-intercepts, intercepts) / 2
    kernel[:, fitted.classes_] = (coefficients / scale).T
    bias[:] = -20.0  # a class without training photos is never predicted
    bias[fitted.classes_] = intercepts - coefficients @ (mean / scale)
    head.set_weights([kernel, bias])
    logits = (every @ kernel + bias).reshape(len(source.passes), len(labels), -1)
    return np.asarray(logits.mean(axis=0).argmax(axis=1))
