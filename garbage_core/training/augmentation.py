"""Augmentation: changed copies of the training photos, made on the accelerator.

Two steps, kept apart. `draw` takes random numbers from a NumPy generator: small arrays, the same on every backend for
the same seed, so a training can be repeated and resumed exactly. Keras layers then apply them to a batch on the device
that trains, inside the compiled step. All geometry is one affine map, so a photo is interpolated once, however many
transformations it takes.

    images, labels = augment_batch(photos, pipeline("strong"), seed=7, labels=one_hot)

Pipelines: `none`; `light` for networks that know photos already; `legacy`, the one this project started from
(rotation 45 degrees, shifts and zoom 15 %, both flips, brightness 10 %, channel shift 10); `standard`, the same with a
shift of each color channel by its own number, with which the committed runs were trained; `strong`, which adds more of
each, contrast, random erasing, MixUp and CutMix.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from garbage_core.errors import GarbageError
from garbage_core.training.augmentation_layers import EraseBox, MixBatch, MoveAndColor

_LIMITS = {"rotation": 180, "shear": 60, "channel_shift": 255, "color_shift": 255}  # of the others: 1


@dataclass(frozen=True)
class Augmentation:
    """Ranges that the random numbers are drawn from, uniformly unless said otherwise; 0 or False turns one off.

    Attributes:
        rotation: Largest angle to either side, in degrees.
        shift: Largest shift along each axis, as a share of its length.
        zoom: Largest change of scale, as a share: 0.15 gives scales from 0.85 to 1.15.
        shear: Largest shear angle, in degrees.
        crop: Largest share of a photo's area that a random crop leaves out; the crop has up to 4/3 times the photo's
            aspect ratio, or its inverse, and fills the frame (Szegedy et al. 2015, arXiv:1409.4842, section 6).
        horizontal_flip: Mirror every second photo left to right.
        vertical_flip: Mirror every second photo top to bottom.
        brightness: Largest change of brightness, as a share: 0.1 multiplies by 0.9 to 1.1.
        contrast: Largest change of the distance from the photo's mean, as a share.
        channel_shift: Largest value added to all three color channels alike, of 255.
        color_shift: Largest value added to each color channel on its own, of 255.
        erase: Probability that a rectangle of 2 to 25 % of a photo is filled with its mean color (random erasing,
            Zhong et al. 2017, arXiv:1708.04896).
        mixup: Parameter alpha of the Beta distribution that MixUp (Zhang et al. 2017, arXiv:1710.09412) draws from.
        cutmix: The same for CutMix (Yun et al. 2019, arXiv:1905.04899). With both, each photo takes one of the two.
    """

    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    crop: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    channel_shift: float = 0.0
    color_shift: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            top = {**_LIMITS, "mixup": 10, "cutmix": 10}.get(name, 1)
            if not 0 <= float(value) <= top:
                raise GarbageError(f"The augmentation {name!r} must lie between 0 and {top}, not {value}.")

    @property
    def moves(self) -> bool:
        """Whether it changes geometry."""
        return any(
            (self.rotation, self.shift, self.zoom, self.shear, self.crop, self.horizontal_flip, self.vertical_flip)
        )

    @property
    def colors(self) -> bool:
        """Whether it changes colors."""
        return any((self.brightness, self.contrast, self.channel_shift, self.color_shift))

    @property
    def mixes(self) -> bool:
        """Whether it mixes photos of a batch, and with them their labels."""
        return any((self.mixup, self.cutmix))

    def only_mixing(self) -> "Augmentation":
        """Returns the part of it that is applied to cached features: MixUp and CutMix."""
        return Augmentation(mixup=self.mixup, cutmix=self.cutmix)

    def without_mixing(self) -> "Augmentation":
        """Returns all of it but MixUp and CutMix."""
        return replace(self, mixup=0.0, cutmix=0.0)


_FLIPS: dict[str, Any] = {"horizontal_flip": True, "vertical_flip": True}
_LEGACY: dict[str, Any] = {"rotation": 45, "shift": 0.15, "zoom": 0.15, "shear": 0.05, "brightness": 0.1, **_FLIPS}
PIPELINES: dict[str, Augmentation] = {
    "none": Augmentation(),
    "light": Augmentation(rotation=15, shift=0.05, zoom=0.10, brightness=0.10, **_FLIPS),
    # Keras' ImageDataGenerator takes its `shear_range=0.05` in degrees, and shifts all channels by one number.
    "legacy": Augmentation(**_LEGACY, channel_shift=10),
    "standard": Augmentation(**_LEGACY, color_shift=10),
    # For photos from anywhere, which have an up and a down, and their object at any place and size.
    "crops": Augmentation(
        rotation=15, shear=5, crop=0.65, horizontal_flip=True, brightness=0.2, contrast=0.2, color_shift=10, erase=0.15
    ),
    "strong": Augmentation(
        rotation=60, shift=0.20, zoom=0.30, shear=10, brightness=0.25, contrast=0.25, color_shift=20, erase=0.25,
        mixup=0.2, cutmix=1.0, **_FLIPS,
    ),
}  # fmt: skip

# Those that `strong` has a range for, and that can be shown alone.
TRANSFORMATIONS: tuple[str, ...] = tuple(f.name for f in fields(Augmentation) if getattr(PIPELINES["strong"], f.name))


def pipeline(name: str, strength: float = 1.0) -> Augmentation:
    """Returns a named pipeline, its ranges multiplied.

    Args:
        name: A key of `PIPELINES`.
        strength: Factor of every range, 0 to 2; flips stay flips while it is above 0. Ranges stop at their limits.

    Raises:
        GarbageError: For an unknown name or a strength outside its range.
    """
    if name not in PIPELINES:
        raise GarbageError(f"There is no augmentation {name!r}: choose one of {', '.join(PIPELINES)}.")
    return _scale(PIPELINES[name], strength)


def single(name: str, strength: float = 1.0) -> Augmentation:
    """Returns one transformation alone, with the range that `strong` gives it; arguments as `pipeline`."""
    if name not in TRANSFORMATIONS:
        raise GarbageError(f"There is no transformation {name!r}: choose one of {', '.join(TRANSFORMATIONS)}.")
    # Erasing hits a quarter of the photos of a batch; shown alone, it must be visible.
    ranges: dict[str, Any] = {name: 1.0 if name == "erase" else getattr(PIPELINES["strong"], name)}
    return _scale(Augmentation(**ranges), strength)


def draw(
    augmentation: Augmentation, rng: np.random.Generator, count: int, height: int, width: int
) -> dict[str, np.ndarray]:
    """Draws what happens to each photo of a batch.

    Args:
        augmentation: The ranges.
        rng: Source of randomness.
        count: Number of photos N.
        height: Height of the photos in pixels.
        width: Width of the photos in pixels.

    Returns:
        The inputs of the layers that `apply` uses, float32, only those that this augmentation needs: `affine` (N, 8),
        `gain` (N, 1), `contrast` (N, 1), `offset` (N, 3), `erase` (N, 4), `mix` (N, 1) and `cut` (N, 4). Boxes are
        top, left, bottom, right as shares of height and width; an empty box has zeros.
    """
    a, values = augmentation, {}

    def spread(limit: float, *shape: int) -> np.ndarray:
        return rng.uniform(-limit, limit, (count, *shape))

    if a.moves:
        flips = [np.where(rng.random(count) < 0.5 * on, -1.0, 1.0) for on in (a.horizontal_flip, a.vertical_flip)]
        angle, shear = np.deg2rad(spread(a.rotation)), np.deg2rad(spread(a.shear))
        scale, shift = 1 + spread(a.zoom), spread(a.shift, 2)
        stretch = np.ones((count, 2))
        if a.crop:
            sides = _crop_sides(rng, a.crop, count)
            stretch = sides / np.sqrt(sides.prod(axis=1, keepdims=True))
            scale = scale / np.sqrt(sides.prod(axis=1))
            shift = shift + rng.uniform(-0.5, 0.5, (count, 2)) * (1 - sides) / sides
        values["affine"] = _affine(angle, shear, scale, shift, flips, height, width, stretch)
    if a.colors:
        values["gain"] = 1 + spread(a.brightness, 1)
        contrast = 1 + spread(a.contrast, 1)  # drawn in any case, so that what follows does not depend on it
        if a.contrast:  # costs a mean over all pixels
            values["contrast"] = contrast
        values["offset"] = spread(a.color_shift, 3)
        if a.channel_shift:
            values["offset"] = values["offset"] + spread(a.channel_shift, 1)
    if a.erase:
        share = rng.uniform(0.02, 0.25, count) * (rng.random(count) < a.erase)
        values["erase"] = _boxes(rng, share, rng.uniform(0.5, 2.0, count))
    if a.mixes:
        cuts = rng.random(count) < (a.cutmix > 0) / ((a.mixup > 0) + (a.cutmix > 0))
        kept = np.where(
            cuts, rng.beta(a.cutmix or 1, a.cutmix or 1, count), rng.beta(a.mixup or 1, a.mixup or 1, count)
        )
        boxes = _boxes(rng, np.where(cuts, 1 - kept, 0.0), np.ones(count))
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        # `mix` is the share of the own photo, and of its label, in the mixture: for a box, what the box leaves.
        values["mix"], values["cut"] = np.where(cuts, 1 - area, kept)[:, None], boxes
    return {name: value.astype("float32") for name, value in values.items()}


def mix_labels(labels: np.ndarray, values: Mapping[str, np.ndarray], shards: int = 1) -> np.ndarray:
    """Mixes one-hot labels as `apply` mixes the photos.

    Args:
        labels: Array of shape (N, C).
        values: What `draw` returned.
        shards: Number of devices that a batch is dealt out to; each mixes its own photos.

    Returns:
        Array of shape (N, C) whose rows sum to 1.
    """
    if "mix" not in values:
        return labels
    partners = np.concatenate([part[::-1] for part in np.split(labels, shards)])
    return values["mix"] * labels + (1 - values["mix"]) * partners


def apply(images, values: Mapping[str, object]):
    """Applies drawn values to a batch, by Keras layers.

    Args:
        images: Photos of shape (N, height, width, 3), 0..255, or, for mixing alone, any (N, height, width, channels);
            a tensor, an array, or a symbolic input of a model; of any number type.
        values: What `draw` returned, or symbolic inputs of the same names and shapes.

    Returns:
        Tensor of the same shape, float; photos stay within 0..255.
    """
    moves = {name: values[name] for name in ("affine", "gain", "contrast", "offset") if name in values}
    images = MoveAndColor()({"images": images, **moves}) if moves else ops.cast(images, keras.config.floatx())
    if "erase" in values:
        images = EraseBox()([images, values["erase"]])
    if "mix" in values:
        images = MixBatch()([images, values["mix"], values["cut"]])
    return images


def augment_batch(
    images: np.ndarray, augmentation: Augmentation, seed: int, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Augments a batch outside of a training.

    Args:
        images: Photos of shape (N, height, width, 3), 0..255.
        augmentation: The ranges.
        seed: The same seed gives the same result.
        labels: One-hot labels of shape (N, C), or None.

    Returns:
        The photos as float32, 0..255, and the labels, mixed where the photos are.
    """
    count, height, width = images.shape[:3]
    values = draw(augmentation, np.random.default_rng(seed), count, height, width)
    changed = ops.convert_to_numpy(apply(ops.convert_to_tensor(images), values))
    return changed, labels if labels is None else mix_labels(labels, values)


def _crop_sides(rng: np.random.Generator, crop: float, count: int) -> np.ndarray:
    """Draws the sides (N, 2) of random crops as shares of a photo's width and height."""
    area = rng.uniform(1 - crop, 1, count)
    ratio = np.exp(rng.uniform(-1, 1, count) * np.log(4 / 3))
    return np.minimum(np.stack([np.sqrt(area * ratio), np.sqrt(area / ratio)], axis=1), 1)


def _affine(angle, shear, scale, shift, flips, height, width, stretch=1.0) -> np.ndarray:
    """Returns the maps (N, 8) from output to input pixels, about the photo's center."""
    cos, sin, tan = np.cos(angle), np.sin(angle), np.tan(shear)
    # Inverse of: flip, then shear, then scale, then rotate.
    a = np.stack([cos + tan * sin, tan * cos - sin, sin, cos], axis=1).reshape(-1, 2, 2) / scale[:, None, None]
    a = a * np.stack(flips, axis=1)[:, :, None] * np.broadcast_to(stretch, (len(a), 2))[:, None, :]
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    origin = center - a @ center - (a @ (shift * [width, height])[..., None])[..., 0]
    zeros = np.zeros(len(a))
    return np.stack([a[:, 0, 0], a[:, 0, 1], origin[:, 0], a[:, 1, 0], a[:, 1, 1], origin[:, 1], zeros, zeros], axis=1)


def _boxes(rng: np.random.Generator, share: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Returns boxes (N, 4) that cover these shares of the photo, at random places; a share of 0 gives zeros."""
    height = np.minimum(np.sqrt(share * ratio), 1)
    width = np.minimum(np.sqrt(share / ratio), 1)
    top, left = rng.random(len(share)) * (1 - height), rng.random(len(share)) * (1 - width)
    return np.stack([top, left, top + height, left + width], axis=1) * (share > 0)[:, None]


def _scale(augmentation: Augmentation, strength: float) -> Augmentation:
    if not 0 <= strength <= 2:
        raise GarbageError(f"The strength must lie between 0 and 2, not {strength}.")
    scaled = {
        name: value and strength > 0 if isinstance(value, bool) else min(value * strength, _LIMITS.get(name, 1))
        for name, value in asdict(augmentation).items()
    }
    scaled |= {name: getattr(augmentation, name) * min(strength, 1) for name in ("mixup", "cutmix")}
    return Augmentation(**scaled)
