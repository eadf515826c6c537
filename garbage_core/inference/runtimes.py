"""The runtimes: a trained network in Keras, or as an exported file in OpenVINO, ONNX Runtime or LiteRT.

    for export in find_exports(run):  # fastest first, only what is whole, of this very network, and can be run here
        network = ExportedNetwork(export)  # takes the place of engine.CompiledNetwork

`RUNTIMES` is the one list of them. Beside each exported file lies its report, written by `garbage_core.export`: hashes,
how far its outputs are from the network's, and the weights of the last layer, which the class activation map needs.
Nothing here loads Keras.
"""

import base64
import contextlib
import importlib.util
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from garbage_core.errors import GarbageError, first_line
from garbage_core.inference.engine import Call, Runner, keras_is_installed
from garbage_core.utils.files import file_sha256
from garbage_core.utils.system import available_cores

if TYPE_CHECKING:
    from garbage_core.runs.run import Run

SCHEMA_VERSION = 1
REPORT_SUFFIX = ".json"  # after the whole name of the exported file
OUTPUTS = ("logits", "maps", "features")  # of the exported graph, see engine.Outputs
KERAS = "keras"
AUTO = "auto"
VARIABLE = "GARBAGE_RUNTIME"
# Photos in one call. More are no faster on a processor, and sixteen took so much memory that a host with 1 GB ran out.
LARGEST_BATCH = 4
# OpenVINO keeps layers prepared for some shapes of photos, by default for so many that memory grows with every shape.
PREPARED_LAYERS = 256  # of four or five shapes, which costs no speed

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """What runs exported networks of one precision.

    Attributes:
        name: Word for it in commands and reports: its format, `"onnx"`, and `"-int8"` for 8 bits.
        title: Name as shown to people.
        module: Python module that it needs; pip takes the same name.
        file: Name of the exported file in the folder of its run.
        open_file: Function from the path of an exported file and a number of processor threads to the compiled call.
    """

    name: str
    title: str
    module: str
    file: str
    open_file: Callable[[Path, int], Call] = field(repr=False)

    @property
    def format(self) -> str:
        """Format of the exported file, the same for both precisions."""
        return self.name.removesuffix("-int8")

    @property
    def precision(self) -> str:
        """`"float32"` or `"int8"`."""
        return "int8" if self.name.endswith("-int8") else "float32"

    @property
    def is_installed(self) -> bool:
        """Whether it can be loaded here; loads nothing."""
        return importlib.util.find_spec(self.module) is not None


def _open_onnx(path: Path, threads: int) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda photos: session.run(OUTPUTS, {name: photos})


def _open_openvino(path: Path, threads: int) -> Call:
    import openvino

    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # Pinned, the single threads of several processes would all sit on the first core.
        "ENABLE_CPU_PINNING": False,
        # On processors with bfloat16 OpenVINO would calculate in it, and be further off than what was checked.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    core = openvino.Core()
    with contextlib.suppress(RuntimeError):  # a version that does not know the name
        core.set_property("CPU", {"CPU_RUNTIME_CACHE_CAPACITY": PREPARED_LAYERS})
    compiled = core.compile_model(str(path), "CPU", options)
    request, ports = compiled.create_infer_request(), [compiled.output(name) for name in OUTPUTS]

    def call(photos: np.ndarray) -> tuple[np.ndarray, ...]:
        request.infer({0: photos})
        return tuple(request.get_tensor(port).data for port in ports)  # the next call writes there

    return call


def _open_litert(path: Path, threads: int) -> Call:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    run = interpreter.get_signature_runner()

    def call(photos: np.ndarray) -> tuple[np.ndarray, ...]:
        # One photo at a time: a batch is no faster, and every new shape is prepared for anew.
        parts = [run(photos=photo[np.newaxis]) for photo in photos]
        return tuple(np.concatenate([part[name] for part in parts]) for name in OUTPUTS)

    return call


# Fastest first, as measured on two cores (`python -m garbage_core export` says how long a photo takes where it runs).
RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        Runtime("openvino-int8", "OpenVINO, 8 bits", "openvino", "model.int8.xml", _open_openvino),
        Runtime("litert-int8", "LiteRT, 8 bits", "ai_edge_litert", "model.int8.tflite", _open_litert),
        Runtime("onnx-int8", "ONNX Runtime, 8 bits", "onnxruntime", "model.int8.onnx", _open_onnx),
        Runtime("openvino", "OpenVINO", "openvino", "model.xml", _open_openvino),
        Runtime("onnx", "ONNX Runtime", "onnxruntime", "model.onnx", _open_onnx),
        Runtime("litert", "LiteRT", "ai_edge_litert", "model.tflite", _open_litert),
    )
}
FORMATS = tuple(dict.fromkeys(runtime.format for runtime in RUNTIMES.values()))


def runtime_name(format: str, precision: str = "float32") -> str:
    """Returns the name of the runtime for exports of a format and a precision."""
    return format if precision == "float32" else f"{format}-{precision}"


@dataclass(frozen=True)
class Export:
    """An exported network on disk.

    Attributes:
        path: The file that the runtime opens; OpenVINO's has its weights in a second one beside it.
        format: One of `FORMATS`.
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
        """Name of what runs it, one of `RUNTIMES`."""
        return runtime_name(self.format, self.precision)

    @property
    def class_weights(self) -> np.ndarray:
        """Weights of the last layer, float32 (channels, classes)."""
        head = self.report["head"]
        return np.frombuffer(base64.b64decode(head["data"]), "<f4").reshape(head["shape"])

    def check(self) -> None:
        """Raises GarbageError if a file is missing or is not the one that was checked when it was exported."""
        for name, recorded in self.report["files"].items():
            path = self.path.with_name(name)
            if not path.is_file() or file_sha256(path) != recorded["sha256"]:
                raise GarbageError(f"{str(path)!r} is not the file that was exported: export the network again.")


def report_path(path: Path) -> Path:
    """Returns where the report of an exported file lies."""
    return path.with_name(path.name + REPORT_SUFFIX)


def read_export(path: str | Path) -> Export:
    """Reads the report of an exported file; the file itself is checked by `Export.check`. Raises GarbageError."""
    path = Path(path)
    try:
        report = json.loads(report_path(path).read_text(encoding="utf-8"))
        if report["schema_version"] > SCHEMA_VERSION:
            raise GarbageError(f"{str(report_path(path))!r} is from a newer version: update the program.")
        export = Export(path, report["format"], report["precision"], report["weights_sha256"], report)
        if export.runtime not in RUNTIMES or path.name not in report["files"]:
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
    for runtime in RUNTIMES.values():
        path = run.path / runtime.file
        if not report_path(path).is_file() or not runtime.is_installed:
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
    """Returns the export that classifies for a run, or None if Keras does.

    Args:
        run: A trained run.
        runtime: Name of one of `RUNTIMES`, or `"keras"`; `"auto"` for the fastest that is there, else Keras; None for
            $GARBAGE_RUNTIME, or `"auto"` if that is not set.

    Raises:
        GarbageError: For an unknown runtime, or one that cannot be used for this run.
    """
    runtime = runtime or os.environ.get(VARIABLE) or AUTO
    if runtime not in (AUTO, KERAS, *RUNTIMES):
        raise GarbageError(f"There is no runtime {runtime!r}: choose {', '.join((AUTO, KERAS, *RUNTIMES))}.")
    if runtime == KERAS:
        return None
    exports = find_exports(run)
    if runtime == AUTO:
        if not exports and not keras_is_installed():
            raise GarbageError(
                f"TensorFlow is not installed and {run.name!r} has no exported network that can be used here: "
                "install requirements.txt, or export the network where TensorFlow is installed."
            )
        return exports[0] if exports else None
    for export in exports:
        if export.runtime == runtime:
            return export
    wanted = RUNTIMES[runtime]
    if not wanted.is_installed:
        raise GarbageError(f"{wanted.title} is not installed: pip install {wanted.module}, or choose another runtime.")
    int8 = " --int8" if wanted.precision == "int8" else ""
    command = f"python -m garbage_core export {run.name} --format {wanted.format}{int8}"
    raise GarbageError(f"{run.name!r} has no export for {runtime} that fits its network: run `{command}`.")


def can_classify(run: "Run") -> bool:
    """Whether photos can be classified with a run here: with its network or with an export of it."""
    return (run.has_weights and keras_is_installed()) or bool(find_exports(run))


class ExportedNetwork(Runner):
    """A `Runner` by an exported file. Thread-safe."""

    def __init__(self, export: Export, threads: int | None = None) -> None:
        """Opens an exported network.

        Args:
            export: Export from `find_exports` or `read_export`; its files are not checked again.
            threads: Number of processor threads; None for all cores that this process may use.

        Raises:
            GarbageError: If the runtime is not installed or refuses the file.
        """
        runtime = RUNTIMES[export.runtime]
        try:
            call = runtime.open_file(export.path, threads or available_cores())
        except ImportError as error:
            raise GarbageError(
                f"{runtime.title} cannot be loaded ({error}): pip install {runtime.module}, or choose another runtime."
            ) from error
        except Exception as error:  # each runtime has its own classes of errors
            raise GarbageError(
                f"{str(export.path)!r} cannot be opened ({first_line(error)}): export the network again."
            ) from error
        # Each call keeps all cores busy, and not every runtime takes two at once; the next may write to the same place.
        classes, widths = export.report["classes"], export.report["feature_widths"]
        super().__init__(call, classes, widths, np.array, at_once=1, largest_batch=LARGEST_BATCH)
        self.export = export
        self.class_weights = export.class_weights
