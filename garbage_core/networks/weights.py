"""Starting weights of a network, and the file of a trained one.

A trained network is stored as a `.keras` file whose weights are float16: half the size, under 50 MB for ResNet-50, and
no measurable loss for inference. It is read back as float32, only if its SHA-256 is the recorded one, and only with
`safe_mode`, so that no code in a file is ever run.
"""

import contextlib
import io
import math
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from garbage_core.errors import GarbageError, first_line
from garbage_core.networks import efficientnet
from garbage_core.utils.files import file_sha256, whole_file

HEAD = "predictions"  # the last layer: its classes differ from one data set to the next, so it may stay out
_ORIGIN = "origin"  # attribute of a file
_IMAGENET_NETWORKS = {"v1": "ResNet50", "v2": "ResNet50V2"}


@dataclass(frozen=True)
class StartingWeights:
    """Starting weights of a network.

    Attributes:
        source: None for random weights, `"imagenet"`, or the name of the file.
        sha256: SHA-256 of the file, as 64 hexadecimal digits; None without a file.
        loaded: Names of the layers that took their weights from the source, in the network's order.
        random: Names of the layers that start from random weights.
        origin: What the file says of where its weights come from, see `save_weights`; empty if it says nothing.
    """

    source: str | None
    sha256: str | None
    loaded: tuple[str, ...]
    random: tuple[str, ...]
    origin: str = ""

    def __str__(self) -> str:
        if self.source is None:
            return f"All {len(self.random)} layers with weights start at random."
        rest = f"; at random: {_summary(self.random)}" if self.random else ""
        return f"{len(self.loaded)} layers start from {self.source}{rest}."


def load_starting_weights(network: keras.Model, source: str | Path | None) -> StartingWeights:
    """Gives a network of `garbage_core.networks.resnet` its starting weights.

    Args:
        network: The network, changed in place. Nothing is changed when the source is refused.
        source: None for random weights; `"imagenet"` for the weights that `keras.applications` downloads and checks by
            their hash; or the path of a `.weights.h5` file (or an `.npz` with the same keys) with some or all layers,
            or of the `.keras` file of a trained run, to go on from it.

    Returns:
        What was loaded, and what starts at random.

    Raises:
        GarbageError: If the file is missing or unreadable, holds another network (named by the first layer that does
            not fit), or the download fails.

    Example:
        >>> from garbage_core import build_resnet50, load_run
        >>> started = load_starting_weights(build_resnet50(), load_run("transfer").model_path)
        >>> len(started.random)
        0
    """
    with_weights = [layer for layer in network.layers if layer.weights]
    if source is None:
        return StartingWeights(None, None, (), tuple(layer.name for layer in with_weights))
    if source == "imagenet":
        name, digest, arrays, origin = "imagenet", None, _imagenet_arrays(network), ""
    else:
        path = Path(source).expanduser()
        if not path.is_file():
            raise GarbageError(
                f"There is no weights file {str(path)!r}: give a .weights.h5 file, or the word imagenet."
            )
        name, digest, arrays, origin = path.name, file_sha256(path), _read_arrays(path, with_weights), _origin(path)
    fitting = _check_fit(with_weights, arrays, name)
    for layer in fitting:
        layer.set_weights(arrays[layer.name])
    loaded = tuple(layer.name for layer in fitting)
    at_random = tuple(layer.name for layer in with_weights if layer.name not in set(loaded))
    return StartingWeights(name, digest, loaded, at_random, origin)


def save_weights(model: keras.Model, path: Path, origin: str = "") -> None:
    """Writes a model's weights, and those of its optimizer, into a `.weights.h5` file: whole, or not there.

    HDF5 may end the whole process when a disk is full, so the space is claimed before it writes.

    Args:
        model: The model.
        path: Name of the file, ending in `.weights.h5`.
        origin: Where its weights come from; cards of runs that start from it say so.

    Raises:
        GarbageError: The file cannot be written; an earlier one is still there.
    """
    variables = [*model.variables, *(model.optimizer.variables if getattr(model, "optimizer", None) else [])]
    size = 2**20 + sum(4096 + 4 * math.prod(variable.shape) for variable in variables)
    with whole_file(path, size) as temporary:
        model.save_weights(temporary)
        if origin:
            with h5py.File(temporary, "r+") as file:
                file.attrs[_ORIGIN] = origin


def _origin(path: Path) -> str:
    if path.suffix != ".h5":
        return ""
    with h5py.File(path) as file:
        return str(file.attrs.get(_ORIGIN, ""))


def save_network(network: keras.Model, path: str | Path) -> str:
    """Writes a network with float16 weights, in one step: the file is whole or not there.

    Args:
        network: An uncompiled float32 network.
        path: Name of the file, ending in `.keras`.

    Returns:
        SHA-256 of the file as 64 hexadecimal digits.

    Raises:
        GarbageError: If a weight is not a number or too large for float16 (65,504), or the file cannot be written.
    """
    with whole_file(Path(path), 2**20 + 6 * network.count_params()) as half:
        full = half.with_name(f"{half.stem}-full.keras")
        try:
            network.save(full)
            with zipfile.ZipFile(full) as source, zipfile.ZipFile(half, "w", zipfile.ZIP_STORED) as target:
                for member in source.namelist():
                    data = source.read(member)
                    target.writestr(member, _halve(data) if member.endswith(".h5") else data)
        finally:
            with contextlib.suppress(OSError):
                full.unlink(missing_ok=True)
        return file_sha256(half)


def load_network(path: str | Path, sha256: str | None = None) -> keras.Model:
    """Reads a network that `save_network` wrote, as float32.

    It is not compiled. `sha256` is the recorded hash; None skips the check, for a file of one's own.

    Raises:
        GarbageError: If the file is missing, is not the recorded one, or cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise GarbageError(f"There is no network file {path.name!r} in {str(path.parent)!r}: train the run again.")
    if sha256 is not None and (found := file_sha256(path)) != sha256:
        raise GarbageError(
            f"{str(path)!r} is not the file that was trained: its SHA-256 begins with {found[:12]}, "
            f"run.json records {sha256[:12]}; restore the file or train the run again."
        )
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise GarbageError(
            f"{str(path)!r} cannot be read as a network ({first_line(error)}): restore it or train again."
        ) from error


def _check_fit(network_layers: list, arrays: dict[str, list[np.ndarray]], source: str) -> list:
    """Returns the layers that the arrays hold, or refuses them by the first layer that does not fit."""
    by_name = {layer.name: layer for layer in network_layers}
    order = {name: position for position, name in enumerate(by_name)}
    fitting = []
    for name in sorted(arrays, key=lambda n: order.get(n, len(order))):
        layer, found = by_name.get(name), [tuple(v.shape) for v in arrays[name]]
        wanted = [tuple(w.shape) for w in layer.weights] if layer else None
        if found == wanted:
            fitting.append(layer)
        elif name != HEAD:
            needed = f"has weights of shapes {found}, this network needs {wanted}" if layer else "is not in this one"
            raise GarbageError(f"{source} is for another network: its layer {name!r} {needed}; choose other weights.")
    if not fitting:
        raise GarbageError(f"{source} holds no layer of this network: choose other weights.")
    return fitting


def _imagenet_arrays(network: keras.Model) -> dict[str, list[np.ndarray]]:
    if network.name == efficientnet.VERSION:
        return efficientnet.imagenet_arrays()
    version = "v2" if any(layer.name == "post_bn" for layer in network.layers) else "v1"
    try:
        reference = getattr(keras.applications, _IMAGENET_NETWORKS[version])(weights="imagenet", include_top=False)
    except Exception as error:  # urllib, socket and hash errors: whatever the download met
        raise GarbageError(
            f"The ImageNet weights of {_IMAGENET_NETWORKS[version]} could not be downloaded ({error}): "
            "try again with a connection, or give a .weights.h5 file."
        ) from error
    return {layer.name: layer.get_weights() for layer in reference.layers if layer.weights}


def _read_arrays(path: Path, network_layers: list) -> dict[str, list[np.ndarray]]:
    """Reads the arrays of each layer from a file that Keras wrote, in whatever order."""
    try:
        groups = dict(_npz_groups(path) if path.suffix == ".npz" else _h5_groups(path))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise GarbageError(
            f"{str(path)!r} cannot be read as a weights file ({error}): give a .weights.h5 file."
        ) from error
    named = {name: arrays for name, arrays in groups.values() if name}
    if len(named) == len(groups):
        return named
    # Without recorded names, Keras' own numbering tells: conv2d, conv2d_1, ... in the order of the network's layers.
    arrays = {}
    for layer_class in sorted({_class_and_number(key)[0] for key in groups}):
        keys = sorted((k for k in groups if _class_and_number(k)[0] == layer_class), key=_class_and_number)
        snake_case = keras.src.utils.naming.to_snake_case
        same = [layer for layer in network_layers if snake_case(type(layer).__name__) == layer_class]
        for position, key in enumerate(keys):
            arrays[same[position].name if position < len(same) else key] = groups[key][1]
    return arrays


def _h5_groups(path: Path) -> Iterator[tuple[str, tuple[str | None, list[np.ndarray]]]]:
    source: Path | io.BytesIO = path
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            source = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(source) as file:
        for key, group in file["layers"].items():
            variables = group.get("vars", {})
            if len(variables):
                name = variables.attrs.get("name")
                yield key, (name, [np.asarray(variables[str(i)], "float32") for i in range(len(variables))])


def _npz_groups(path: Path) -> Iterator[tuple[str, tuple[str | None, list[np.ndarray]]]]:
    with np.load(path, allow_pickle=False) as file:
        for key in sorted({name.split("/")[1] for name in file.files}):
            count = sum(name.startswith(f"layers/{key}/vars/") for name in file.files)
            yield key, (None, [np.asarray(file[f"layers/{key}/vars/{i}"], "float32") for i in range(count)])


def _class_and_number(key: str) -> tuple[str, int]:
    name, _, number = key.rpartition("_")
    return (name, int(number)) if name and number.isdecimal() else (key, 0)


def _halve(data: bytes) -> bytes:
    """Returns the same HDF5 file with its float32 arrays as float16."""
    result = io.BytesIO()
    with h5py.File(io.BytesIO(data)) as source, h5py.File(result, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = target.require_group(name)
            else:
                value = item[()]
                if value.dtype == np.float32:
                    with np.errstate(over="ignore"):
                        value = value.astype(np.float16)
                    if not np.isfinite(value).all():
                        raise GarbageError(
                            f"The weight {name!r} does not fit float16: the training diverged, lower its learning rate."
                        )
                made = target.create_dataset(name, data=value)
            for key, attribute in item.attrs.items():
                made.attrs[key] = attribute

        for key, attribute in source.attrs.items():
            target.attrs[key] = attribute
        source.visititems(copy)
    return result.getvalue()


def _summary(names: tuple[str, ...]) -> str:
    """Shortens a list of layers to their stacks: `conv5 (21), post_bn, predictions`."""
    stacks = Counter(name.split("_block")[0] for name in names)
    return ", ".join(f"{key} ({count})" if count > 1 else key for key, count in stacks.items())
