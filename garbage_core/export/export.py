"""Export of a trained network to other runtimes: ONNX, OpenVINO and LiteRT, in float32 or int8.

    export = export_run(load_run("transfer"), "openvino", int8=True)  # into the run's folder, where the app finds it

The exported graph takes RGB photos, 0..255, of any size, and has the outputs that `engine.Runner` hands out: logits,
the last feature map (so that a class activation map needs no gradient) and pooled features. An int8 network is
quantized after training, by NNCF (ONNX, OpenVINO) or LiteRT's own converter, with ranges measured on training photos.

The exported file is opened by the runtime that will run it and classifies the validation photos; only if it agrees with
the network is it moved into place, with a report beside it.
"""

import base64
import contextlib
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from garbage_core.data.photo_sets import ExtraSet
from garbage_core.errors import GarbageError
from garbage_core.export.checks import check_export, generated_pictures, refuse_if_different, split_photos
from garbage_core.export.converters import check_packages, convert, plans_of, split_peaks
from garbage_core.inference.engine import Runner, keras_network, with_all_outputs
from garbage_core.inference.runtimes import (
    FORMATS,
    OUTPUTS,
    RUNTIMES,
    SCHEMA_VERSION,
    Export,
    ExportedNetwork,
    Runtime,
    read_export,
    report_path,
    runtime_name,
)
from garbage_core.runs.run import Run
from garbage_core.utils.files import cannot_write, check_folder, file_sha256, write_json
from garbage_core.utils.locks import only_writer
from garbage_core.utils.system import available_cores, milliseconds

if TYPE_CHECKING:
    from garbage_core.data.dataset import Dataset

CALIBRATION_PHOTOS = 128  # LiteRT advises 100 to 500, NNCF takes up to 300
PACKAGES = ("keras", "tensorflow", "onnx", "tf2onnx", "onnxruntime", "openvino", "nncf", "ai-edge-litert")


def export_run(
    run: Run,
    format: str,
    int8: bool = False,
    out: str | Path | None = None,
    data_dir: str | Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
    extras: Sequence[ExtraSet] = (),
) -> Export:
    """Writes the network of a run for another runtime, checks it, and writes the report of the check beside it.

    Args:
        run: A trained run.
        format: One of `runtimes.FORMATS`.
        int8: Whether to quantize weights and activations to 8 bits.
        out: File to write, or an existing folder; None for the run's folder. OpenVINO adds a file that ends in .bin.
        data_dir: Directory of the photos, see `dataset.find_dataset`. Without photos float32 is checked on generated
            pictures, and int8 is refused.
        progress: Called with a line about what is being done.
        extras: Extra sets that the run has predictions for: the ranges of an int8 network are measured on their
            training photos as well, and it is checked on their val photos.

    Returns:
        The exported file with its report, which lies beside it at `runtimes.report_path`.

    Raises:
        GarbageError: If something that is needed is missing, or the exported network differs too much from the run's:
            then nothing is written.
    """
    if format not in FORMATS:
        raise GarbageError(f"There is no format {format!r}: choose one of {', '.join(FORMATS)}.")
    runtime = RUNTIMES[runtime_name(format, "int8" if int8 else "float32")]
    target = _target(run, runtime, out)
    check_packages(format, int8)
    dataset = _dataset_of(run, data_dir)
    if dataset is None and int8:
        raise GarbageError(
            f"An int8 network needs training photos of {run.name!r} to measure its ranges: give --data-dir, or leave "
            "--int8 out."
        )
    check_folder(target, 2**20 + 5 * int(run.info.get("parameters") or 0))  # converters tell a full disk in many ways
    # In the target's own folder, so that moving the files into place cannot fail half way.
    with only_writer(target.parent), _temporary_folder(target.parent) as folder:
        report = _export(run, runtime, dataset, folder / target.name, progress, extras)
        for file in (*report["files"], report_path(target).name):  # the report last: it says which files belong to it
            os.replace(folder / file, target.parent / file)
    return read_export(target)


def _export(
    run: Run,
    runtime: Runtime,
    dataset: "Dataset | None",
    made: Path,
    progress: Callable[[str], None],
    extras: Sequence[ExtraSet],
) -> dict[str, Any]:
    """Converts a network by one plan after the other until the result is good enough; returns the report."""
    import keras

    size = run.photo_size
    network = keras_network(run)
    int8 = runtime.precision == "int8"
    graph, widths = with_all_outputs(split_peaks(network) if int8 else network)
    named = keras.Model(graph.input, dict(zip(OUTPUTS, graph.outputs, strict=True)))
    head = network.get_layer("predictions").get_weights()[0]
    calibration = _calibration_photos(run, dataset, size, extras) if int8 and dataset else []
    about = {
        "outputs": list(OUTPUTS),
        "classes": len(run.classes),
        "channels": head.shape[0],
        "feature_widths": list(widths),
        "calibration": {"split": "train", "photos": len(calibration)} if int8 else None,
    }
    data = base64.b64encode(np.ascontiguousarray(head, "<f4").tobytes()).decode()
    last = {"head": {"shape": list(head.shape), "data": data}}  # last in the report: it is long
    plans = plans_of(runtime.format) if int8 else plans_of(runtime.format)[:1]
    for plan in plans:
        floating = f", {sum(plan)} layers in float32" if any(plan) else ""
        progress(f"Converting to {runtime.format} {runtime.precision}{floating}")
        convert(named, runtime.format, made, calibration, plan)
        report = _origin(run, runtime, made) | about
        report["floating_convolutions"] = {"first": plan[0], "last": plan[1]} if int8 else None
        write_json(report | last, report_path(made))  # without it the file is not opened
        exported = ExportedNetwork(read_export(made))
        progress("Comparing its predictions with the network's")
        checks = check_export(network, exported, run, dataset, size, extras)
        try:
            refuse_if_different(checks, runtime.precision)
            break
        except GarbageError:
            if plan == plans[-1]:
                raise
            lost = max(check.points_lost or 0.0 for check in checks.values())
            progress(f"Not good enough ({lost:.2f} points lost): more layers stay in float32")
            del exported  # the files are written anew
    report["check"] = {name: asdict(check) for name, check in checks.items()}
    report["milliseconds"] = _speed(exported, size)
    write_json(report | last, report_path(made))
    return report


def _calibration_photos(
    run: Run, dataset: "Dataset", size: tuple[int, int], extras: Sequence[ExtraSet]
) -> list[np.ndarray]:
    """Returns training photos to measure ranges on, of every set that the run was trained on."""
    trained = [extra for extra in extras if (run.predictions_of(extra.name)["split"] == "train").any()]
    photos = split_photos(run, dataset, "train", size, CALIBRATION_PHOTOS)[0]
    for extra in trained:
        photos += split_photos(run, extra.dataset, "train", size, CALIBRATION_PHOTOS, extra.name)[0]
    return photos


def _origin(run: Run, runtime: Runtime, made: Path) -> dict[str, Any]:
    """Returns what a report says of where the files beside it come from."""
    files = [file for file in sorted(made.parent.iterdir()) if file != report_path(made)]
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.name,
        "format": runtime.format,
        "precision": runtime.precision,
        "weights_sha256": run.weights_sha256,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {file.name: {"sha256": file_sha256(file), "bytes": file.stat().st_size} for file in files},
        "software": _versions(),
    }


def _dataset_of(run: Run, data_dir: str | Path | None) -> "Dataset | None":
    """Returns the data set if it holds the run's photos; None without one. Raises GarbageError for a bad `data_dir`."""
    from garbage_core.data.dataset import load_dataset

    try:
        dataset = load_dataset(data_dir, verify=False)
    except GarbageError:
        if data_dir is not None:
            raise
        return None
    known = run.predictions["file"][run.predictions["split"].isin(["train", "val"])]
    if known.isin(dataset.photos["file"]).all():
        return dataset
    if data_dir is not None:
        raise GarbageError(f"{str(data_dir)!r} does not hold the photos that {run.name!r} was trained with.")
    return None


def _target(run: Run, runtime: Runtime, out: str | Path | None) -> Path:
    path, suffix = run.path if out is None else Path(out), Path(runtime.file).suffix
    if path.is_dir():
        return path / runtime.file
    if path.suffix.lower() != suffix:
        raise GarbageError(f"A network for {runtime.title} is a file that ends in {suffix}, not {str(out)!r}.")
    check_folder(path)
    return path


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _speed(exported: Runner, size: tuple[int, int]) -> dict[str, Any]:
    """Returns how long one photo takes, which is worth what the machine's other work leaves of it."""
    photo = generated_pictures(size, 1)[0][np.newaxis]
    return {"median": round(milliseconds(lambda: exported(photo)), 2), "size": list(size), "cores": available_cores()}


@contextlib.contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix=".export-", dir=parent) as folder:
            yield Path(folder)
    except OSError as error:
        raise cannot_write(parent, error) from error
