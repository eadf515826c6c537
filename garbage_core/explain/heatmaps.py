"""Heat maps: the parts of a photo that speak for a class.

    heat = heatmap(network, photo, class_index=1, method="gradcam")  # (h, w), 0..1
    picture = overlay(photo, heat)  # uint8, to be shown

The cheapest map needs no gradient and is `Classifier.class_activation`; on the last feature map it equals Grad-CAM
exactly, because the network ends in global average pooling and one dense layer (Selvaraju et al. 2017, section 3.1).
The other methods and layers come from tf-keras-vis and need the TensorFlow backend. Importing this module loads none.
What needs no gradient runs on the classifier's own runtime, an exported network if there is one, in batches.
"""

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from garbage_core.errors import GarbageError
from garbage_core.inference.engine import to_heat
from garbage_core.inference.runtimes import KERAS

if TYPE_CHECKING:
    import keras

    from garbage_core.inference.classifier import Classifier

METHODS = ("gradcam", "gradcam++", "scorecam", "layercam", "saliency")
METHOD_NAMES = {
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "scorecam": "Score-CAM",
    "layercam": "LayerCAM",
    "saliency": "SmoothGrad",
}
METHOD_HINTS = {
    "gradcam": "Feature maps, each weighted by how much the class gains from it (Selvaraju et al. 2017).",
    "gradcam++": "Like Grad-CAM, but it shows several objects of one class in a photo (Chattopadhay et al. 2018).",
    "scorecam": "Each part weighted by the probability of the class if only it is visible (Wang et al. 2020).",
    "layercam": "Every place has a weight of its own, so earlier layers give finer maps (Jiang et al. 2021).",
    "saliency": "Pixels on which the prediction depends, averaged over noisy copies (SmoothGrad, Smilkov et al. 2017).",
}
SCORECAM_MAPS = 32  # feature maps that Score-CAM tries, those that vary most; a forward pass each
SALIENCY_COPIES = 16  # noisy copies of the photo; below ten the map is still grainy
SALIENCY_BATCH = 4  # copies in one gradient; more are no faster on a processor, and hold more memory
SALIENCY_NOISE = 0.15  # standard deviation of the noise as a share of the photo's range; the paper advises 0.1 to 0.2

# tf-keras-vis holds the activations of every layer for the gradient, so two maps at once would double the memory.
_ONE_AT_A_TIME = threading.Lock()


def heatmap(
    model: "Classifier | keras.Model",
    photo: np.ndarray,
    class_index: int,
    method: str = "gradcam",
    layer: str | None = None,
    progress: Callable[[float], None] | None = None,
    preview: Callable[[np.ndarray], None] | None = None,
) -> np.ndarray:
    """Computes where a photo speaks for a class.

    Args:
        model: A classifier, or a network of `garbage_core.networks.resnet`.
        photo: Prepared photo of shape (h, w, 3), RGB 0..255.
        class_index: Place of the class in the run's order, from 0.
        method: One of `METHODS`.
        layer: Name of the layer whose feature map is used; None is the last one. `"saliency"` uses pixels, no layer.
        progress: Called with the share done, above 0 up to 1, by the methods that run the network many times.
        preview: Called with the map as far as it is computed, by the method whose map sharpens (`"saliency"`).

    Returns:
        float32 of shape (h, w): 1 where the photo speaks most for the class, 0 where it does not.

    Raises:
        GarbageError: For an unknown method, class or layer, or a backend other than TensorFlow.

    Example:
        >>> from garbage_core import Classifier, load_run
        >>> classifier = Classifier.from_run(load_run("transfer"))
        >>> heatmap(classifier, np.full((*classifier.size, 3), 255, np.uint8), class_index=0).shape == classifier.size
        True
    """
    if method not in METHODS:
        raise GarbageError(f"There is no method {method!r} to explain a photo: choose one of {', '.join(METHODS)}.")
    from garbage_core.inference.classifier import Classifier

    if isinstance(model, Classifier) and method == "gradcam" and layer is None and model.runtime != KERAS:
        return model.class_activation(photo, class_index)  # the same map, without loading Keras
    network = _network_of(model)
    number_of_classes = network.output.shape[-1]
    if not 0 <= class_index < number_of_classes:
        raise GarbageError(f"There is no class {class_index}: choose a number from 0 to {number_of_classes - 1}.")
    _check_backend()
    layer = _check_layer(network, method, layer)
    with _ONE_AT_A_TIME:
        if layer is None:
            return _saliency(network, photo, class_index, progress, preview)
        explainable = _explainable(network, model if isinstance(model, Classifier) else None, progress)
        values = _class_activation_map(explainable, photo, class_index, method, layer)
        return to_heat(values, *photo.shape[:2])


def explainable_layers(model: "Classifier | keras.Model") -> tuple[str, ...]:
    """Lists the layers worth a heat map: the end of every stack of blocks, and as the last the last feature map."""
    from garbage_core.networks.resnet import last_feature_map

    network, ends = _network_of(model), {}
    for layer in network.layers:
        if layer.name.startswith("conv") and layer.name.endswith("_out"):
            ends[layer.name.split("_")[0]] = layer.name  # later blocks of a stack take the place of earlier ones
    return tuple(dict.fromkeys([*ends.values(), last_feature_map(network)]))


def colorize(heat: np.ndarray) -> np.ndarray:
    """Paints a heat map, 0..1 of shape (h, w), in viridis: uint8 of shape (h, w, 3), dark violet to yellow."""
    return _color_table()[np.round(heat * 255).astype(np.uint8)]


def overlay(photo: np.ndarray, heat: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Lays a heat map (h, w), 0..1, over its photo, uint8 (h, w, 3), and returns a picture of the photo's shape.

    The opacity says how strongly the map covers the photo where it is hottest, 0 (photo alone) to 1 (map alone). The
    coldest places are covered by a third of that, so that the photo shows through.

    Raises:
        GarbageError: If the opacity is out of range.
        ValueError: If photo and heat map differ in size.
    """
    if not 0 <= opacity <= 1:
        raise GarbageError(f"The opacity of a heat map must be from 0 to 1, not {opacity}.")
    if photo.shape[:2] != heat.shape:
        raise ValueError(f"A photo of {photo.shape[:2]} cannot carry a heat map of {heat.shape}.")
    cover = (opacity / 3 * (1 + 2 * heat)).astype(np.float32)[..., np.newaxis]
    return np.round(photo + cover * (colorize(heat).astype(np.float32) - photo)).astype(np.uint8)


@functools.cache
def _color_table() -> np.ndarray:
    """Returns viridis at 256 equal steps of heat, uint8 (256, 3): even to color-blind eyes and in gray."""
    from plotly.colors import hex_to_rgb, sequential

    colors = np.array([hex_to_rgb(color) for color in sequential.Viridis])
    steps, stops = np.linspace(0, 1, 256), np.linspace(0, 1, len(colors))
    return np.round(np.stack([np.interp(steps, stops, channel) for channel in colors.T], axis=-1)).astype(np.uint8)


def _network_of(model: "Classifier | keras.Model") -> "keras.Model":
    from garbage_core.inference.classifier import Classifier

    return model.network if isinstance(model, Classifier) else model


def _check_backend() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise GarbageError(
            f"Explaining a photo needs TensorFlow, but Keras runs on {keras.backend.backend()!r}: "
            "set the environment variable KERAS_BACKEND to tensorflow."
        )


def _check_layer(network: "keras.Model", method: str, layer: str | None) -> str | None:
    """Returns the layer whose feature map is used, or None for a method that uses pixels."""
    if method == "saliency":
        if layer is not None:
            raise GarbageError(f"The method 'saliency' uses pixels, not the layer {layer!r}: leave the layer out.")
        return None
    if layer is None:
        return explainable_layers(network)[-1]
    maps = [known.name for known in network.layers if len(known.output.shape) == 4]
    if layer not in maps:
        suggestions = ", ".join(explainable_layers(network))
        raise GarbageError(f"The network has no feature map {layer!r}: choose for example one of {suggestions}.")
    return layer


def _explainable(
    network: "keras.Model",
    classifier: "Classifier | None" = None,
    progress: Callable[[float], None] | None = None,
) -> "keras.Model":
    """Wraps a network for tf-keras-vis: it passes inputs as a list, and Score-CAM calls `predict`, which prints.

    With a classifier, `predict` runs on its runtime, which may be several times as fast as Keras.
    """
    import keras

    class Explainable(keras.Model):
        def predict(self, x: list[np.ndarray], batch_size: int = 32) -> np.ndarray:
            photos, parts = x[0], []
            for start in range(0, len(photos), batch_size):
                batch = photos[start : start + batch_size]
                if classifier is not None:
                    parts.append(classifier.outputs(batch).logits)
                else:
                    parts.append(keras.ops.convert_to_numpy(self([batch], training=False)))
                if progress:
                    progress(min(1.0, (start + batch_size) / len(photos)))
            return np.concatenate(parts)

    return Explainable(inputs=[network.input], outputs=network.output)


def _class_activation_map(
    explainable: "keras.Model", photo: np.ndarray, class_index: int, method: str, layer: str
) -> np.ndarray:
    """Returns the positive evidence on the grid of the layer's feature map, not normalized."""
    import keras
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    options: dict[str, Any] = {}
    score = CategoricalScore(class_index)
    if method == "gradcam++":
        # It takes exp(score), which overflows for a score above 88. A constant taken off cancels in the finished map.
        def score(output: Any) -> Any:
            return output[:, class_index] - keras.ops.stop_gradient(output[:, class_index])

    elif method == "scorecam":
        # The maps that vary most come first: they hide and show most of the photo, so the others would add little.
        options = {"max_N": min(SCORECAM_MAPS, explainable.get_layer(layer).output.shape[-1]), "batch_size": 8}
    makers = {"gradcam": Gradcam, "gradcam++": GradcamPlusPlus, "scorecam": Scorecam, "layercam": Layercam}
    explainer = makers[method](explainable)
    values = explainer(
        score,
        photo.astype(np.float32),
        penultimate_layer=layer,
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        normalize_cam=False,
        **options,
    )
    return np.asarray(values)[0]


def _saliency(
    network: "keras.Model",
    photo: np.ndarray,
    class_index: int,
    progress: Callable[[float], None] | None,
    preview: Callable[[np.ndarray], None] | None,
) -> np.ndarray:
    """SmoothGrad with noise from a fixed seed, so the same photo always gets the same map."""
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    photo = photo.astype(np.float32)
    sigma = SALIENCY_NOISE * float(np.ptp(photo))
    random = np.random.default_rng(0)
    saliency, score = Saliency(_explainable(network)), CategoricalScore(class_index)
    total = np.zeros(photo.shape, dtype=np.float32)
    heat = np.zeros(photo.shape[:2], dtype=np.float32)
    for start in range(0, SALIENCY_COPIES, SALIENCY_BATCH):
        copies = min(SALIENCY_BATCH, SALIENCY_COPIES - start)
        noisy = photo + sigma * random.standard_normal((copies, *photo.shape), dtype=np.float32)
        total += np.asarray(saliency(score, noisy, keepdims=True, normalize_map=False)).sum(axis=0)
        strength = total.max(axis=-1)
        # A few single pixels are far stronger than the rest; scaled by them, the map would be empty.
        heat = np.clip(strength / max(float(np.percentile(strength, 99)), 1e-12), 0, 1).astype(np.float32)
        if progress:
            progress((start + copies) / SALIENCY_COPIES)
        if preview:
            preview(heat)
    return heat
