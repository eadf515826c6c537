"""Other runtimes: a trained network as an exported file, run by ONNX Runtime, OpenVINO or LiteRT, without TensorFlow.

    for export in find_exports(run):  # fastest first, only what is whole, of this very network, and can be run here
        network = ExportedNetwork(export)  # takes the place of inference.CompiledNetwork

Beside each exported file lies its report, written by `export.export`: hashes, how far its answers are from the
network's, and the weights of the last layer, which the class activation map needs. Nothing here loads Keras.
"""

import base64
import importlib.util
import json
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from garbage_core.errors import GarbageError
from garbage_core.inference.engine import Runner

if TYPE_CHECKING:
    import keras

    from garbage_core.runs.run import Run

SCHEMA_VERSION = 1
REPORT_SUFFIX = ".json"  # after the whole name of the exported file
OUTPUTS = ("logits", "maps", "features")  # what the exported graph hands out, see inference.engine.Outputs
KERAS = "keras"
AUTO = "auto"
VARIABLE = "GARBAGE_RUNTIME"

SUFFIXES = {"onnx": ".onnx", "litert": ".tflite", "openvino": ".xml"}
MODULES = {"onnx": "onnxruntime", "litert": "ai_edge_litert", "openvino": "openvino"}
# Fastest first, as measured on two cores (`python -m garbage_core export` says how long a photo takes where it runs).
ORDER = ("openvino-int8", "litert-int8", "onnx-int8", "openvino", "onnx", "litert")
RUNTIMES = (KERAS, *ORDER)

# Photos in one call. More are no faster on a processor, and sixteen took so much memory that a host with 1 GB ran out.
LARGEST_BATCH = 4

Forward = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Export:
    """An exported network on disk.

    Attributes:
        path: The file that the runtime opens; OpenVINO's has its weights in a second one beside it.
        format: `"onnx"`, `"litert"` or `"openvino"`.
        precision: `"float32"` or `"int8"`.
        weights_sha256: SHA-256 of the `model.keras` that it was made from.
        report: The whole report.
    """

    path: Path
    format: str
    precision: str
    weights_sha256: str | None
    report: dict[str, Any] = field(repr=False, compare=False)

    @property
    def runtime(self) -> str:
        """One of `ORDER`."""
        return self.format if self.precision == "float32" else f"{self.format}-{self.precision}"

    @property
    def class_weights(self) -> np.ndarray:
        """Weights of the last layer, float32 (channels, classes)."""
        head = self.report["head"]
        return np.frombuffer(base64.b64decode(head["data"]), "<f4").reshape(head["shape"])

    def check(self) -> None:
        """Raises GarbageError if a file is missing or is not the one that was checked when it was exported."""
        from garbage_core.utils.files import file_sha256

        for name, recorded in self.report["files"].items():
            path = self.path.with_name(name)
            if not path.is_file() or file_sha256(path) != recorded["sha256"]:
                raise GarbageError(f"{str(path)!r} is not the file that was exported: export the network again.")


def default_file(format: str, precision: str = "float32") -> str:
    """Returns how an exported file is called in the folder of its run, where `find_exports` looks for it."""
    return f"model{'.int8' if precision == 'int8' else ''}{SUFFIXES[format]}"


def report_path(path: Path) -> Path:
    """Returns where the report of an exported file lies."""
    return path.with_name(path.name + REPORT_SUFFIX)


def is_installed(runtime: str) -> bool:
    """Whether a runtime, one of `RUNTIMES` or a format, can be loaded here; loads nothing."""
    if runtime != KERAS:
        return importlib.util.find_spec(MODULES[runtime.removesuffix("-int8")]) is not None
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    return all(importlib.util.find_spec(module) is not None for module in (KERAS, backend))


def read_export(path: str | Path) -> Export:
    """Reads the report of an exported file; the file itself is checked by `Export.check`. Raises GarbageError."""
    path = Path(path)
    try:
        report = json.loads(report_path(path).read_text(encoding="utf-8"))
        if report["schema_version"] > SCHEMA_VERSION:
            raise GarbageError(f"{str(report_path(path))!r} is from a newer version: update the program.")
        export = Export(path, report["format"], report["precision"], report["weights_sha256"], report)
        if export.runtime not in ORDER or path.name not in report["files"]:
            raise ValueError(f"it is for {export.runtime!r}")
        if export.class_weights.shape != (report["channels"], report["classes"]):
            raise ValueError("its weights of the last layer have another shape")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GarbageError(
            f"The report of {str(path)!r} cannot be used ({error}): export the network again."
        ) from error
    return export


def find_exports(run: "Run") -> list[Export]:
    """Returns the exports in a run's folder that belong to its network and can be run here, fastest first.

    What cannot be used is passed over, with a line in the log: a file that is not whole, or made from other weights.
    """
    found = []
    for runtime in ORDER:
        format, _, precision = runtime.partition("-")
        path = run.path / default_file(format, precision or "float32")
        if not report_path(path).is_file() or not is_installed(runtime):
            continue
        try:
            export = read_export(path)
            if export.weights_sha256 != run.weights_sha256:
                raise GarbageError(f"{str(path)!r} was made from other weights than this run's: export it again.")
            export.check()
        except GarbageError as error:
            _LOG.warning("%s", error)
            continue
        found.append(export)
    return found


def choose(run: "Run", runtime: str | None = None) -> Export | None:
    """Returns the export that answers for a run, or None if Keras does.

    Args:
        run: A trained run.
        runtime: One of `RUNTIMES`; `"auto"` for the fastest that is there, else Keras; None for $GARBAGE_RUNTIME, or
            `"auto"` if that is not set.

    Raises:
        GarbageError: For an unknown runtime, or one that cannot be used for this run.
    """
    runtime = runtime or os.environ.get(VARIABLE) or AUTO
    if runtime not in (AUTO, *RUNTIMES):
        raise GarbageError(f"There is no runtime {runtime!r}: choose {AUTO} or one of {', '.join(RUNTIMES)}.")
    if runtime == KERAS:
        return None
    exports = find_exports(run)
    if runtime == AUTO:
        if not exports and not is_installed(KERAS):
            raise GarbageError(
                f"TensorFlow is not installed and {run.name!r} has no exported network that can be used here: "
                "install requirements.txt, or export the network where TensorFlow is installed."
            )
        return exports[0] if exports else None
    for export in exports:
        if export.runtime == runtime:
            return export
    format, _, precision = runtime.partition("-")
    if not is_installed(runtime):
        raise GarbageError(f"{MODULES[format]} is not installed: install it with pip, or choose another runtime.")
    command = f"python -m garbage_core export {run.name} --format {format}{' --int8' if precision else ''}"
    raise GarbageError(f"{run.name!r} has no export for {runtime} that fits its network: run `{command}`.")


def can_classify(run: "Run") -> bool:
    """Whether photos can be classified with a run here: with its network or with an export of it."""
    return (run.has_weights and is_installed(KERAS)) or bool(find_exports(run))


def keras_network(run: "Run") -> "keras.Model":
    """Loads the network of a run in Keras. Raises GarbageError, also where Keras and its backend are not installed."""
    if not is_installed(KERAS):
        raise GarbageError(
            f"This needs the network of {run.name!r} in TensorFlow, which is not installed here: "
            "install requirements.txt."
        )
    from garbage_core.networks.weights import load_network

    return load_network(run.model_path, run.weights_sha256)


class ExportedNetwork(Runner):
    """From photos to logits, features and last feature map, as `inference.Runner`, by an exported file. Thread-safe."""

    def __init__(self, export: Export, threads: int | None = None) -> None:
        """Opens an exported network.

        Args:
            export: From `find_exports` or `read_export`; `Export.check` is the caller's business.
            threads: Processor threads to use; None for all cores that this process may use.

        Raises:
            GarbageError: If the runtime is not installed or refuses the file.
        """
        open_file = {"onnx": _open_onnx, "litert": _open_litert, "openvino": _open_openvino}[export.format]
        try:
            forward = open_file(export.path, threads or available_cores())
        except ImportError as error:
            raise GarbageError(
                f"{MODULES[export.format]} cannot be loaded ({error}): install it, or choose another runtime."
            ) from error
        except Exception as error:  # each runtime has its own classes of errors
            raise GarbageError(
                f"{str(export.path)!r} cannot be opened ({_first_line(error)}): export the network again."
            ) from error
        # Each call keeps all cores busy, and not every runtime takes two at once.
        super().__init__(
            *(forward, export.report["classes"], export.report["feature_widths"]),
            at_once=1,
            largest_batch=LARGEST_BATCH,
        )
        self.export = export
        self.class_weights = export.class_weights


def available_cores() -> int:
    """Returns how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _open_onnx(path: Path, threads: int) -> Forward:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda photos: tuple(session.run(OUTPUTS, {name: photos}))


def _open_openvino(path: Path, threads: int) -> Forward:
    import openvino

    compiled = openvino.Core().compile_model(
        str(path),
        "CPU",
        {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            # Pinned, the single threads of several processes would all sit on the first core.
            "ENABLE_CPU_PINNING": False,
            # On processors with bfloat16 OpenVINO would calculate in it, and be further off than what was checked.
            "INFERENCE_PRECISION_HINT": "f32",
        },
    )
    request, ports = compiled.create_infer_request(), [compiled.output(name) for name in OUTPUTS]

    def forward(photos: np.ndarray) -> tuple[np.ndarray, ...]:
        request.infer({0: photos})
        return tuple(np.array(request.get_tensor(port).data) for port in ports)  # copies: the next call writes there

    return forward


def _open_litert(path: Path, threads: int) -> Forward:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    run = interpreter.get_signature_runner()

    def forward(photos: np.ndarray) -> tuple[np.ndarray, ...]:
        # One photo at a time: a batch is no faster, and every new shape is prepared for anew.
        parts = [run(photos=photo[np.newaxis]) for photo in photos]
        return tuple(np.concatenate([part[name] for part in parts]) for name in OUTPUTS)

    return forward


def milliseconds(forward: Callable[[], Any], repeats: int = 5) -> float:
    """Returns the median time of a call in milliseconds, after one call to warm up; NaN for no repeats."""
    import time

    forward()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        forward()
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times)) if times else math.nan


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
