"""How a training is described: a frozen dataclass, read from TOML, with changes from the command line on top."""

import dataclasses
import itertools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from garbage_core.config.values import apply_override, check, typed
from garbage_core.errors import GarbageError
from garbage_core.utils.text import listing

PRESETS = ("scratch", "transfer", "everyday", "teacher", "distilled")
VERSIONS = ("v1", "v2", "efficientnet_lite2")
TRAINABLE_FROM = ("all", "conv2", "conv3", "conv4", "conv5", "head")
OPTIMIZERS = ("adamw", "sgd")
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
RENAMED_KEYS = {"grounds": "background_replacement"}  # earlier names, read in TOML files, run.json and `--set`


@dataclass(frozen=True)
class Stage:
    """One part of a training: what is trained, on what size of photo, how fast.

    Attributes:
        name: Name of the stage in history and charts.
        epochs: Passes over the training photos; a stage with a linear probe may have none.
        learning_rate: Highest rate, reached after the warm-up; it then falls to zero along half a cosine.
        train_from: First part of the network that learns: `all`, a stack `conv2` to `conv5`, or `head`. The layers
            before it are frozen.
        warmup_epochs: Epochs, or parts of one, in which the rate rises from zero.
        height: Height of the photos in pixels; 0 takes the training's own.
        width: Width of the photos in pixels; 0 takes the training's own.
        batch_size: Photos per step.
        weight_decay: Decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101); spares biases and norms.
        augmentation: Name of a pipeline of `garbage_core.training.augmentation`.
        strength: Factor of the pipeline's ranges.
        mixup: Parameter alpha of MixUp; a negative number takes the pipeline's.
        cutmix: Parameter alpha of CutMix; likewise.
        background_replacement: Share of the photos, 0 to 1, whose background is replaced by a drawn one wherever a
            foreground is found, see `garbage_core.training.backgrounds`.
        cached_passes: Number of augmented passes whose features, the output of the frozen part, are computed once and
            stored, so that only the rest of the network runs; 0 runs the whole network on freshly augmented photos.
        probe: Strength of a linear probe on the cached features that initializes the head before the first epoch, see
            `garbage_core.training.linear_probe`; 0 leaves the head as it is.
        passes_per_epoch: Number of times that an epoch shows each photo.
        train_batch_norms: Whether batch norms learn and follow the batches; otherwise they stay in inference mode.
        ema: Momentum of the exponential moving average of the weights that is evaluated and saved; 0 for none.
        teacher_weight: Weight of the distillation loss next to the loss of the labels, if the training has a teacher; 0
            leaves it out. Not on cached features, since the teacher needs photos.
    """

    name: str
    epochs: int
    learning_rate: float
    train_from: str = "all"
    warmup_epochs: float = 0.0
    height: int = 0
    width: int = 0
    batch_size: int = 32
    weight_decay: float = 0.0
    augmentation: str = "standard"
    strength: float = 1.0
    mixup: float = -1.0
    cutmix: float = -1.0
    background_replacement: float = 0.0
    cached_passes: int = 0
    probe: float = 0.0
    passes_per_epoch: int = 1
    train_batch_norms: bool = True
    ema: float = 0.0
    teacher_weight: float = 0.0

    def __post_init__(self) -> None:
        where = f"stages.{self.name}."
        check(self.train_from, where + "train_from", ", ".join(TRAINABLE_FROM), self.train_from in TRAINABLE_FROM)
        least = 0 if self.probe else 1  # a linear probe alone is a training too
        check(self.epochs, where + "epochs", f"at least {least}", self.epochs >= least)
        check(self.batch_size, where + "batch_size", "at least 2", self.batch_size >= 2)
        check(self.learning_rate, where + "learning_rate", "above 0", self.learning_rate > 0)
        check(self.ema, where + "ema", "at least 0 and below 1", 0 <= self.ema < 1)
        check(self.passes_per_epoch, where + "passes_per_epoch", "at least 1", self.passes_per_epoch >= 1)
        check(share := self.background_replacement, where + "background_replacement", "from 0 to 1", 0 <= share <= 1)
        check(self.teacher_weight, where + "teacher_weight", "at least 0", self.teacher_weight >= 0)
        cached = self.cached_passes > 0
        for conflict, words in (
            (cached and self.teacher_weight, "its teacher needs photos: set teacher_weight to 0"),
            (cached and share, "backgrounds are drawn anew in every epoch: set background_replacement to 0"),
            (cached and self.train_from == "all", "trains the whole network: set train_from to a stack"),
        ):
            if conflict:
                raise GarbageError(f"Stage {self.name!r} caches features, but {words}.")
        if self.probe and not cached:
            raise GarbageError(f"Stage {self.name!r} has a probe but no features: set cached_passes to at least 1.")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a training, apart from the photos.

    Attributes:
        name: Name of the run and of its folder.
        stages: Stages in order, each from the best epoch of the one before; none where a `run.json` records none.
        version: Version of ResNet-50, `v1` or `v2`; or `efficientnet_lite2`, a network to teach it.
        filters: Filters of the first stack's bottlenecks; 64 is ResNet-50, less makes a miniature.
        blocks: Number of blocks in each of the four stacks; 3, 4, 6, 3 is ResNet-50.
        weights: Starting weights: empty for random ones, `imagenet`, or the path of a weights file.
        height: Height in pixels of the photos the finished network is meant for.
        width: Width of the same.
        protocol: Protocol of the split, `official` or `stratified`; empty takes the official lists where they fit.
        train_share: Share of each class's training photos that is used, above 0; a larger one has those of a smaller.
        seed: Seed of the random weights, of the order of the photos and of every augmentation, below 2**32.
        imbalance: One of `garbage_core.training.imbalance.STRATEGIES`.
        label_smoothing: Share of each label that is spread over all classes.
        dropout: Share of the pooled features dropped.
        optimizer: `adamw`, or `sgd` with Nesterov momentum 0.9.
        clip_norm: Largest norm of the gradient of all weights; 0 for no limit.
        batch_norm_momentum: Momentum of the batch norms' moving averages.
        zero_init_residual: Whether each block starts as the identity.
        pass_through: Whether a conv5 without starting weights first passes on conv4's features (`resnet.pass_through`).
        teacher: Name of the run that teaches this one, see `garbage_core.training.distillation`; empty for none.
        teacher_temperature: Temperature that softens the outputs of both networks in the distillation loss.
        precision: Dtype policy; `auto` takes the faster of float32 and mixed_bfloat16, see `training.speed_probe`.
        patience: Epochs of a stage without a better macro-F1 on val before the stage ends; 0 never ends it early.
    """

    name: str = ""
    stages: tuple[Stage, ...] = ()
    version: str = "v2"
    filters: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    weights: str = ""
    height: int = 240
    width: int = 320
    protocol: str = ""
    train_share: float = 1.0
    seed: int = 0
    imbalance: str = "class_weights"
    label_smoothing: float = 0.1
    dropout: float = 0.0
    optimizer: str = "adamw"
    clip_norm: float = 1.0
    batch_norm_momentum: float = 0.9
    zero_init_residual: bool = True
    pass_through: bool = False
    teacher: str = ""
    teacher_temperature: float = 2.0
    precision: str = "auto"
    patience: int = 0

    def __post_init__(self) -> None:
        check(self.optimizer, "optimizer", " or ".join(OPTIMIZERS), self.optimizer in OPTIMIZERS)
        check(self.version, "version", ", ".join(VERSIONS), self.version in VERSIONS)
        check(self.teacher_temperature, "teacher_temperature", "above 0", self.teacher_temperature > 0)
        check(self.train_share, "train_share", "above 0 and at most 1", 0 < self.train_share <= 1)
        check(self.seed, "seed", "from 0 to 4294967295", 0 <= self.seed < 2**32)
        check(self.precision, "precision", ", ".join(PRECISIONS), self.precision in PRECISIONS)
        check(self.label_smoothing, "label_smoothing", "at least 0 and below 1", 0 <= self.label_smoothing < 1)
        check(self.blocks, "blocks", "four numbers of at least 1", len(self.blocks) == 4 and min(self.blocks) >= 1)
        check((self.height, self.width), "height and width", "at least 32 pixels", min(self.height, self.width) >= 32)
        epochs = sum(stage.epochs for stage in self.stages)
        check(epochs, "the epochs of all stages together", "at least 1", epochs > 0 or not self.stages)
        names = [stage.name for stage in self.stages]
        check(names, "stages", "different names", len(set(names)) == len(names))

    @property
    def network(self) -> str:
        """Name of the network for people: "ResNet-50 v2", "EfficientNet-Lite2", or what another ResNet is made of."""
        if self.version == "efficientnet_lite2":
            return "EfficientNet-Lite2"
        if (self.filters, self.blocks) == (64, (3, 4, 6, 3)):
            return f"ResNet-50 {self.version}"
        blocks = listing([str(number) for number in self.blocks])
        return f"ResNet {self.version} with stacks of {blocks} blocks and {self.filters} filters"

    def size(self, stage: Stage) -> tuple[int, int]:
        """Returns height and width of the photos of a stage."""
        return stage.height or self.height, stage.width or self.width

    def until(self, stage: str) -> "TrainingConfig":
        """Returns the same training without the stages after this one. Raises GarbageError for an unknown stage."""
        names = [s.name for s in self.stages]
        check(stage, "the last stage", f"one of {', '.join(names)}", stage in names)
        return dataclasses.replace(self, stages=self.stages[: names.index(stage) + 1])

    def with_epochs(self, epochs: int) -> "TrainingConfig":
        """Returns the same training with this many epochs in all, dealt out to the stages in proportion.

        A stage whose share rounds to nothing is left out, unless it fits a linear probe, which the stages after it need
        and which costs no epoch.
        """
        check(epochs, "epochs", "at least 1", epochs >= 1)
        total = sum(stage.epochs for stage in self.stages)
        ends = [round(n * epochs / total) for n in itertools.accumulate(s.epochs for s in self.stages)]
        shares = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        stages = (
            dataclasses.replace(s, epochs=n, warmup_epochs=min(s.warmup_epochs, n / 2))
            for s, n in zip(self.stages, shares, strict=True)
            if n or s.probe
        )
        return dataclasses.replace(self, stages=tuple(stages))

    def to_dict(self) -> dict[str, Any]:
        """Returns it as plain values, for `run.json`; `from_dict` reads it back."""
        lists = {"blocks": list(self.blocks), "stages": [dataclasses.asdict(s) for s in self.stages]}
        return dataclasses.asdict(self) | lists

    @classmethod
    def from_dict(cls, values: dict[str, Any], origin: str = "config") -> "TrainingConfig":
        """Makes a config from plain values; missing keys take their defaults, and renamed ones are read.

        `origin` names the source in the GarbageError for an unknown key, a wrong type, or a value outside its range.
        """
        stages = values.get("stages", [])
        check(stages, f"'stages' in {origin}", "a list", isinstance(stages, list))
        tables = [typed(Stage, stage, f"{origin}, stage {n}", RENAMED_KEYS) for n, stage in enumerate(stages, 1)]
        rest = {key: value for key, value in values.items() if key != "stages"}
        return cls(stages=tuple(Stage(**table) for table in tables), **typed(cls, rest, origin, RENAMED_KEYS))


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> TrainingConfig:
    """Reads a preset or a TOML file.

    Args:
        source: One of `PRESETS`, or the path of a TOML file.
        overrides: Changes, each `key=value`, or `stages.NAME.key=value` for a stage, or `stages.*.key=value` for all;
            the value is TOML, or plain text.

    Raises:
        GarbageError: If the file is missing or no TOML, or a key or value is not understood.

    Example:
        >>> load_config("scratch", ["imbalance='focal'"]).imbalance
        'focal'
    """
    if source in PRESETS:
        origin = f"{source}.toml"
        text = (resources.files("garbage_core.config") / "presets" / origin).read_text("utf-8")
    else:
        path = Path(source)
        if not path.is_file():
            presets = " or ".join(PRESETS)
            raise GarbageError(f"There is no preset or file {str(source)!r}: choose {presets}, or give a .toml file.")
        text, origin = path.read_text("utf-8"), path.name
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GarbageError(f"{origin} is not valid TOML ({error}): mend that line.") from error
    for override in overrides:
        apply_override(values, override)
    for key in ("name", "stages"):
        if not values.get(key):
            raise GarbageError(f"{origin} has no {key}: add it, as in presets/scratch.toml.")
    return TrainingConfig.from_dict(values, origin)
