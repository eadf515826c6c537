"""The layers that augment photos inside a training model; `training.augmentation` draws what they are told to do."""

from functools import cache

import keras
from keras import ops


class _Augmenting(keras.layers.Layer):
    """A layer that takes its inputs as they are: bfloat16 cannot count to the width of a photo."""

    def __init__(self, **options) -> None:
        super().__init__(**{"autocast": False} | options)


@keras.saving.register_keras_serializable("garbage_core")
class MoveAndColor(_Augmenting):
    """Moves photos by affine maps (N, 8) from output to input pixels, and changes their colors, see `draw`.

    Beyond the edge the nearest pixel is repeated.
    """

    def call(self, inputs):
        """Returns `inputs["images"]`, changed by whatever else is in `inputs`."""
        if _fuses():
            changed = _fused()(dict(inputs))
        else:
            changed = inputs["images"]
            if "affine" in inputs:
                changed, maps = ops.cast(changed, "float32"), ops.cast(inputs["affine"], "float32")
                changed = ops.image.affine_transform(changed, maps, interpolation="bilinear", fill_mode="nearest")
            changed = _recolor(changed, inputs, self.compute_dtype)
        return ops.cast(changed, self.compute_dtype)


def _fuses() -> bool:
    """Whether XLA shall make one loop of moving and coloring: inside a model, by TensorFlow on a processor.

    There it takes a third of the time. Outside of a model compiling would take longer than it saves.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.inside_function() and not tf.config.list_physical_devices("GPU")


@cache
def _fused():
    import tensorflow as tf

    def change(inputs):
        images = inputs["images"]
        if "affine" in inputs:
            images = _move(images, inputs["affine"])
        return _recolor(images, inputs, "float32")

    return tf.function(change, jit_compile=True)


def _move(images, maps):
    """Does what `keras.ops.image.affine_transform` does, which XLA cannot compile, from photos of any number type."""
    height, width = images.shape[1:3]
    maps = ops.reshape(ops.cast(maps, "float32"), (-1, 8, 1, 1))
    y, x = ops.reshape(ops.arange(height, dtype="float32"), (-1, 1)), ops.arange(width, dtype="float32")
    # Clipped first: a map may point far out, and the weights of both neighbors must stay between 0 and 1.
    across = ops.clip(maps[:, 0] * x + maps[:, 1] * y + maps[:, 2], 0.0, width - 1.0)
    down = ops.clip(maps[:, 3] * x + maps[:, 4] * y + maps[:, 5], 0.0, height - 1.0)
    left, top = ops.floor(across), ops.floor(down)
    right_share, bottom_share = (across - left)[..., None], (down - top)[..., None]
    left, top = ops.cast(left, "int32"), ops.cast(top, "int32")
    right, bottom = ops.minimum(left + 1, width - 1), ops.minimum(top + 1, height - 1)
    pixels = ops.reshape(images, (-1, images.shape[-1]))
    first = ops.reshape(ops.arange(ops.shape(images)[0]) * (height * width), (-1, 1, 1))

    def pixel(rows, columns):
        return ops.cast(ops.take(pixels, first + rows * width + columns, axis=0), "float32")

    upper = pixel(top, left) * (1 - right_share) + pixel(top, right) * right_share
    lower = pixel(bottom, left) * (1 - right_share) + pixel(bottom, right) * right_share
    return upper * (1 - bottom_share) + lower * bottom_share


def _recolor(images, values, dtype: str):
    """Multiplies brightness (N, 1) and contrast (N, 1), and adds to each channel (N, 3), as far as there are any."""
    images = ops.cast(images, dtype)
    if "gain" not in values:
        return images
    gain, contrast, offset = (
        _per_photo(ops.cast(values[name], dtype)) if name in values else None for name in ("gain", "contrast", "offset")
    )
    images = images * gain
    if contrast is not None:
        mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
        images = (images - mean) * contrast + mean
    return ops.clip(images + offset, 0, 255)


@keras.saving.register_keras_serializable("garbage_core")
class EraseBox(_Augmenting):
    """Fills a box (N, 4) of each photo with the photo's mean color."""

    def call(self, inputs):
        """Returns the photos of `[photos, boxes]`, changed."""
        images, boxes = inputs
        images = ops.cast(images, self.compute_dtype)
        return ops.where(_inside(boxes, images), ops.mean(images, axis=(1, 2), keepdims=True), images)


@keras.saving.register_keras_serializable("garbage_core")
class MixBatch(_Augmenting):
    """Mixes each photo with the one at the mirrored place of the batch: all of it by a share (N, 1), or a box (N, 4).

    Batches are shuffled, so the mirrored place is a random partner, and one that needs no index, which is what lets a
    batch be dealt out to several devices.
    """

    def call(self, inputs):
        """Returns the photos of `[photos, shares, boxes]`, mixed."""
        images, shares, boxes = inputs
        images = ops.cast(images, self.compute_dtype)
        partners = ops.flip(images, axis=0)
        is_cut = _per_photo(boxes[:, 2:3]) > 0
        share = _per_photo(ops.cast(shares, images.dtype))
        mixed = share * images + (1 - share) * partners
        return ops.where(is_cut, ops.where(_inside(boxes, images), partners, images), mixed)


def _per_photo(values):
    """Gives (N, k) the shape (N, 1, 1, k), to be broadcast over a photo."""
    return ops.expand_dims(ops.expand_dims(values, 1), 1)


def _inside(boxes, images):
    """Returns a mask (N, height, width, 1) of the pixels whose center lies in the box."""
    height, width = ops.shape(images)[1:3]
    y = (ops.arange(height, dtype="float32") + 0.5) / ops.cast(height, "float32")
    x = (ops.arange(width, dtype="float32") + 0.5) / ops.cast(width, "float32")
    boxes = ops.cast(boxes, "float32")
    rows = (y[None] >= boxes[:, 0:1]) & (y[None] < boxes[:, 2:3])
    columns = (x[None] >= boxes[:, 1:2]) & (x[None] < boxes[:, 3:4])
    return (rows[:, :, None] & columns[:, None, :])[..., None]
