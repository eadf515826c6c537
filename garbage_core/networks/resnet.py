"""ResNet-50 by hand: the network, in its two published versions.

Version 1 is He et al., "Deep Residual Learning for Image Recognition" (2015, arXiv:1512.03385): convolution, batch
norm, ReLU, and the sum goes through a last ReLU. Version 2 is He et al., "Identity Mappings in Deep Residual Networks"
(2016, arXiv:1603.05027): batch norm and ReLU come first, and nothing stands in the way of the identity.

Layers carry the names of `keras.applications`, so its ImageNet weights fit, and the model is one flat graph, so any of
its layers can be looked into. Preprocessing is a part of the graph: every caller passes RGB from 0 to 255. The last
layer gives logits, because calibration, logit adjustment and the activation maps all start from them.

    network = build_resnet50(version="v2", num_classes=6)
    logits = network(photos)  # (N, height, width, 3), 0..255 -> (N, 6)

Starting weights and files of trained networks are the business of `garbage_core.networks.weights`.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from garbage_core.errors import GarbageError

VERSIONS = ("v1", "v2")
RESNET50_STACKS = (3, 4, 6, 3)

_EPSILON = 1.001e-5  # of the batch norms, as in keras.applications: the ImageNet weights were trained with it
# Means of ImageNet's blue, green and red channels, subtracted by the Caffe weights that v1 starts from.
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


def build_resnet50(
    version: str = "v2",
    num_classes: int = 6,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    dropout: float = 0.0,
    **options: Any,
) -> keras.Model:
    """Builds ResNet-50: four stacks of 3, 4, 6 and 3 bottleneck blocks, 23.5 million parameters.

    Args:
        version: `"v1"` or `"v2"`.
        num_classes: Number of classes, at least 2.
        input_shape: Height, width, 3. None stands for any size: the network ends in global average pooling.
        dropout: Share of the pooled features dropped in training, 0 to below 1.
        **options: `batch_norm_momentum` and `zero_init_residual` of `build_resnet`.

    Returns:
        A flat functional model from RGB photos, 0..255, of shape (N, height, width, 3) to logits of shape
        (N, num_classes), with random weights.

    Raises:
        GarbageError: For an unknown version, fewer than two classes, or a dropout outside its range.

    Example:
        >>> f"{build_resnet50(num_classes=6).count_params():,}"
        '23,577,094'
    """
    return build_resnet(version, num_classes, RESNET50_STACKS, 64, input_shape, dropout, name="resnet50", **options)


def build_resnet(
    version: str,
    num_classes: int,
    stacks: Sequence[int] = RESNET50_STACKS,
    width: int = 64,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    dropout: float = 0.0,
    *,
    batch_norm_momentum: float = 0.99,
    zero_init_residual: bool = False,
    name: str = "resnet",
) -> keras.Model:
    """Builds a bottleneck ResNet of any depth and width; `build_resnet50` says what goes in and comes out.

    Args:
        version: `"v1"` or `"v2"`.
        num_classes: Number of classes, at least 2.
        stacks: Number of blocks in each stack.
        width: Filters of the first stack's bottleneck, doubled from stack to stack; 64 in the papers.
        input_shape: Height, width, 3; None for any size.
        dropout: Share of the pooled features dropped in training, 0 to below 1.
        batch_norm_momentum: How slowly the averages follow; 0.99 is Keras' default, too slow for short trainings.
        zero_init_residual: Start each block as the identity, by a zero in the last layer of its branch (Goyal et al.
            2017, arXiv:1706.02677, section 5.1).
        name: Name of the model.
    """
    _check(version, num_classes, dropout)
    make = _LayerFactory(batch_norm_momentum, zero_init_residual)
    photos = keras.Input(input_shape, name="photos")
    x = _preprocess(photos, version)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = make.conv(width, 7, strides=2, name="conv1_conv")(x)
    if version == "v1":
        x = make.norm("conv1_bn")(x)
        x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for number, blocks in enumerate(stacks, start=2):
        # Version 1 halves the resolution at the entrance of a stack, version 2 at its exit; the first stack of version
        # 1 and the last one of version 2 keep it.
        halving = (1 if number > 2 else 0) if version == "v1" else (blocks if number <= len(stacks) else 0)
        for position in range(1, blocks + 1):
            stride, name = 2 if position == halving else 1, f"conv{number}_block{position}"
            x = _BLOCKS[version](x, make, width * 2 ** (number - 2), stride, position == 1, name)
    if version == "v2":
        x = make.norm("post_bn")(x)
        x = layers.Activation("relu", name="post_relu")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    # float32 also under mixed precision: the softmax of the loss needs the digits.
    logits = layers.Dense(num_classes, name="predictions", dtype="float32")(x)
    return keras.Model(photos, logits, name=name)


def _check(version: str, num_classes: int, dropout: float) -> None:
    if version not in VERSIONS:
        raise GarbageError(f"There is no ResNet version {version!r}: choose one of {', '.join(VERSIONS)}.")
    if num_classes < 2:
        raise GarbageError(f"A classifier needs at least 2 classes, not {num_classes}: add a folder for each class.")
    if not 0 <= dropout < 1:
        raise GarbageError(
            f"Dropout must be at least 0 and below 1, not {dropout}: it is the share of features dropped."
        )


def last_feature_map(network: keras.Model) -> str:
    """Returns the name of the layer whose output is pooled by a network of `build_resnet`."""
    return network.get_layer("avg_pool").input._keras_history.operation.name


class _LayerFactory:
    """Makes convolutions and batch norms with the network's settings, so that the blocks below read like the papers."""

    def __init__(self, batch_norm_momentum: float, zero_init_residual: bool) -> None:
        self.momentum = batch_norm_momentum
        self.zero_init = zero_init_residual

    def conv(self, filters: int, size: int, *, name: str, last: bool = False, **options) -> layers.Conv2D:
        initializer = "zeros" if last and self.zero_init else "he_normal"
        return layers.Conv2D(filters, size, kernel_initializer=initializer, name=name, **options)

    def norm(self, name: str, last: bool = False) -> layers.BatchNormalization:
        gamma = "zeros" if last and self.zero_init else "ones"
        return layers.BatchNormalization(epsilon=_EPSILON, momentum=self.momentum, gamma_initializer=gamma, name=name)


def _preprocess(photos: keras.KerasTensor, version: str) -> keras.KerasTensor:
    """Scales RGB 0..255 to what the ImageNet weights of this version were trained on."""
    if version == "v2":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(photos)
    bgr = keras.ops.flip(photos, axis=-1)
    return layers.Rescaling(1.0, offset=[-mean for mean in _CAFFE_MEAN_BGR], name="scale")(bgr)


def _block_v1(x, make: _LayerFactory, filters: int, stride: int, project: bool, name: str) -> keras.KerasTensor:
    """1x1 down, 3x3, 1x1 up to four times the filters; then the sum, then ReLU."""
    shortcut = x
    if project:
        shortcut = make.conv(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = make.norm(f"{name}_0_bn")(shortcut)
    x = make.conv(filters, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = make.norm(f"{name}_1_bn")(x)
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = make.conv(filters, 3, padding="same", name=f"{name}_2_conv")(x)
    x = make.norm(f"{name}_2_bn")(x)
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = make.conv(4 * filters, 1, name=f"{name}_3_conv")(x)
    x = make.norm(f"{name}_3_bn", last=True)(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _block_v2(x, make: _LayerFactory, filters: int, stride: int, project: bool, name: str) -> keras.KerasTensor:
    """Norm and ReLU first, then 1x1 down, 3x3, 1x1 up to four times the filters; the sum stays untouched."""
    preact = make.norm(f"{name}_preact_bn")(x)
    preact = layers.Activation("relu", name=f"{name}_preact_relu")(preact)
    if project:
        shortcut = make.conv(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(preact)
    elif stride > 1:
        shortcut = layers.MaxPooling2D(1, strides=stride, name=f"{name}_0_pool")(x)
    else:
        shortcut = x
    x = make.conv(filters, 1, use_bias=False, name=f"{name}_1_conv")(preact)
    x = make.norm(f"{name}_1_bn")(x)
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    # Padding by hand: with stride 2, "same" would pad on one side only.
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = make.conv(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = make.norm(f"{name}_2_bn")(x)
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = make.conv(4 * filters, 1, name=f"{name}_3_conv", last=True)(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])


_BLOCKS = {"v1": _block_v1, "v2": _block_v2}


def pass_through(network: keras.Model, stack: str = "conv5") -> None:
    """Lets a stack that starts anew hand on what reaches it, so that nothing already learned is lost on its way.

    The shortcut of a stack's first block doubles the number of channels; drawn at random it mixes them all. Here it
    starts as two copies of the identity, one with the sign changed. The features are not negative, so after the batch
    norm and ReLU that follow, the first copy keeps what lies above a channel's mean and the second what lies below:
    pooled, the difference of the two is the pooled feature itself. With residual branches that start at zero
    (`zero_init_residual`), the new network is at first no worse than a linear classifier on the old one's features.

    The network is one of `build_resnet`, changed in place; the stack is `conv3` to `conv5`.
    """
    shortcut = network.get_layer(f"{stack}_block1_0_conv")
    channels, filters = shortcut.kernel.shape[2:]
    identity = np.eye(channels, filters) - np.eye(channels, filters, k=channels)
    shortcut.set_weights([identity[None, None].astype("float32"), np.zeros(filters, "float32")])


def freeze(network: keras.Model, train_from: str, train_batch_norms: bool = True) -> None:
    """Sets which layers learn.

    Args:
        network: A network of `build_resnet`, changed in place.
        train_from: First part that learns: `all`, a stack `conv2` to `conv5`, or `head`.
        train_batch_norms: Whether batch norms learn too; frozen ones run in inference mode, on their stored averages.
    """
    first = _rank_of(train_from)
    for layer in network.layers:
        norm = isinstance(layer, layers.BatchNormalization)
        layer.trainable = _rank(layer.name) >= first and (train_batch_norms or not norm)


def split_network(network: keras.Model, train_from: str) -> tuple[keras.Model, keras.Model]:
    """Splits a network before `train_from`, `conv2` to `conv5` or `head`, into two models that share its layers.

    The first goes from photos to features, the second from features to logits.
    """
    first = _rank_of(train_from)
    before = [layer for layer in network.layers if _rank(layer.name) < first]
    features = before[-1].output
    return keras.Model(network.input, features, name="frozen"), keras.Model(features, network.output, name="trained")


def _rank(layer_name: str) -> int:
    """Places a layer: 1 to 5 for the stacks, then the last norm and the pooling, then the head."""
    if layer_name.startswith("conv"):
        return int(layer_name[4])
    if layer_name.startswith(("photos", "scale", "flip", "pool1")):
        return 1
    return 9 if layer_name in ("dropout", "predictions") else 8


def _rank_of(train_from: str) -> int:
    return {"all": 0, "head": 9}[train_from] if train_from in ("all", "head") else int(train_from.removeprefix("conv"))
