"""Classifying millions of photos with Ray Data: on all cores of a machine, on its GPUs, or on a cluster.

    summary = classify_at_scale("s3://bucket/photos", "s3://bucket/answers", load_run("transfer"), workers=32)

The photos are listed once and cut into blocks. A pool of workers, each with a network of its own, takes block after
block and writes the predictions itself (`garbage_core.scale.files`), so only numbers of blocks pass through the driver.
If a worker dies, Ray starts another one and gives it the block again; if everything dies, the same command goes on with
the blocks that have no predictions yet.

Ray runs on this machine, or on the cluster that $RAY_ADDRESS names.
"""

import contextlib
import importlib.util
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from garbage_core.errors import GarbageError, first_line
from garbage_core.inference.runtimes import KERAS, choose
from garbage_core.runs.run import Run, load_run
from garbage_core.scale.files import (
    Job,
    Place,
    check_finished,
    read_job,
    read_list,
    unfinished,
    write_job,
    write_list,
    write_results,
)
from garbage_core.scale.sources import Fetch, list_photos
from garbage_core.utils.system import give_back_large_blocks

BLOCK = 256  # photos; a worker that dies loses half a minute of a core, and ten million photos make 40,000 parts
FETCHERS = 8  # threads of a worker that fetch and decode; most of their time they wait for the network
ATTEMPTS = 4  # at a block; one that kills every worker is left out in the end, or Ray would try for ever
GPU_BATCH = 64


@dataclass(frozen=True)
class BlockDone:
    """Result of one block: its number, its photos by what came of them, and its worker's seconds and process number.

    Of the failed, those to do `again` could not be fetched; on the unsure the classifier abstains.
    """

    block: int
    photos: int
    failed: int
    again: int
    unsure: int
    is_ood: int
    seconds: float
    process: int


def classify_at_scale(
    source: str,
    out: str,
    run: Run,
    runtime: str | None = None,
    workers: int | None = None,
    gpus: bool = False,
    block: int = BLOCK,
    flip: bool = False,
    progress: Callable[[BlockDone, int], None] = lambda done, photos: None,
) -> dict[str, Any]:
    """Classifies photos with a pool of workers and writes Parquet files.

    Args:
        source: Folder, pattern, photo or list, see `sources.list_photos`.
        out: Folder or address to write to; if it holds a part of the same job, only what is missing is done.
        run: Trained run; on a cluster its folder must have the same path everywhere.
        runtime: Runtime of the network, see `runtimes.choose`.
        workers: Number of processes with a network each; None for one per core or, with `gpus`, per GPU.
        gpus: Whether every worker has a GPU, and the network runs in Keras; otherwise it has one core.
        block: Number of photos in one part.
        flip: Whether to take the mean over every photo and its mirror image.
        progress: Function called after every block, with the number of photos that are to be done in this run.

    Returns:
        `source`, `out`, `model`, `runtime`, `workers`; `photos`, `predicted`, `failed`, `again`, counted in the files;
        `blocks`, `blocks_before` (of an earlier run); `photos_now`, `seconds` (since the first worker was ready) and
        `photos_per_second` of this run; `replaced`, workers that died; `left_out`, file and reason of what is not read.

    Raises:
        GarbageError: Something needed is missing, the folder is another job's, or some blocks could not be finished.
    """
    _check_request(workers, block)
    export = None if gpus else choose(run, runtime)
    if export is None:
        run.check_weights()
    place = Place(out)
    left_out: list[tuple[str, str]] = []
    job = _prepare(place, source, run, KERAS if export is None else export.runtime, flip, block, left_out)
    todo = unfinished(place, job.blocks)
    found, seconds, used = _run_blocks(place, job, run, todo, workers, gpus, progress) if todo else ([], 0.0, 0)
    counts = check_finished(place, job)
    photos_now = sum(done.photos for done in found)
    return {
        "source": source,
        "out": out,
        "model": run.name,
        "runtime": job.runtime,
        "workers": used,
        "photos": job.photos,
        **counts,
        "blocks": job.blocks,
        "blocks_before": job.blocks - len(todo),
        "photos_now": photos_now,
        "seconds": round(seconds, 2),
        "photos_per_second": round(photos_now / seconds, 2) if seconds else None,
        "replaced": max(0, len({done.process for done in found}) - used),
        "left_out": [{"file": file, "reason": reason} for file, reason in left_out],
    }


def _check_request(workers: int | None, block: int) -> None:
    """Raises GarbageError without Ray, and for numbers below 1."""
    if importlib.util.find_spec("ray") is None:
        raise GarbageError("Ray is not installed: run pip install '.[scale]', or leave --engine ray out.")
    if block < 1 or (workers is not None and workers < 1):
        raise GarbageError(f"Workers and photos in a block must be 1 or more, not {workers} and {block}.")


def _run_blocks(
    place: Place,
    job: Job,
    run: Run,
    todo: list[int],
    workers: int | None,
    gpus: bool,
    progress: Callable[[BlockDone, int], None],
) -> tuple[list[BlockDone], float, int]:
    """Lets the workers do the blocks; returns what became of them, the seconds it took, and the number of workers."""
    for number in todo:  # attempts of an earlier run
        place.end(number)
    left = sum(min(job.block, job.photos - number * job.block) for number in todo)
    make = {"out": place.address, "job": asdict(job), "models": str(run.path.parent.resolve()), "gpu": gpus}
    found: list[BlockDone] = []
    started = 0.0
    with _ray() as ray:
        used = _workers(ray, workers, gpus)
        for done in _stream(ray, todo, make, used, gpus):
            # The first block's own time belongs to the run; what came before it was starting Ray and the network.
            started = started or time.perf_counter() - done.seconds
            found.append(done)
            progress(done, left)
        return found, time.perf_counter() - started if started else 0.0, used


def _prepare(
    place: Place, source: str, run: Run, runtime: str, flip: bool, block: int, left_out: list[tuple[str, str]]
) -> Job:
    """Returns the job that a folder holds if it is this one; otherwise lists the photos and begins it.

    What is not read is added to `left_out`.
    """
    earlier = read_job(place)
    asked = (source, run.name, run.weights_sha256, runtime, flip, block)
    if earlier is not None:
        of_it = attrgetter("source", "model", "weights_sha256", "runtime", "flip", "block")
        names = ("the source", "the model", "the model's weights", "the runtime", "--flip", "the size of a block")
        other = [name for name, a, b in zip(names, asked, of_it(earlier), strict=True) if a != b]
        if other:
            raise GarbageError(
                f"{place.address!r} holds the results of another job, which differs in {' and '.join(other)}: choose "
                "another folder, or ask for the same to go on with it."
            )
        return earlier
    photos, reasons = list_photos(source)
    left_out += reasons
    job = Job(source, run.name, run.weights_sha256, runtime, flip, block, len(photos), tuple(run.classes))
    try:
        place.fs.makedirs(place.root, exist_ok=True)
        write_list(place, photos, block)
        write_job(place, job)  # last: it says that the list is whole
    except OSError as error:
        raise GarbageError(f"{place.address!r} cannot be written ({error}): choose another place.") from error
    return job


@contextlib.contextmanager
def _ray() -> Iterator[Any]:
    """Starts Ray here, or joins the cluster of $RAY_ADDRESS; if it was running in this process, uses it as it is."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    import ray
    import ray.data

    begun = not ray.is_initialized()
    before = os.environ.get("PYTHONPATH")
    # The workers must find this package, wherever the driver was started.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).resolve().parents[2]), before]))
    try:
        if begun:
            _start(ray)
        context = ray.data.DataContext.get_current()
        settings = context.enable_progress_bars, context.max_errored_blocks
        context.enable_progress_bars, context.max_errored_blocks = False, -1  # one bad block does not stop the rest
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield ray
        context.enable_progress_bars, context.max_errored_blocks = settings
    finally:
        if begun:
            ray.shutdown()
        if before is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = before


def _start(ray: Any, tries: int = 3) -> None:
    """Starts or joins Ray; a busy machine may miss the half minute that Ray gives itself. Raises GarbageError."""
    for last in (False,) * (tries - 1) + (True,):
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
            return
        except Exception as error:  # whatever went wrong on the way
            ray.shutdown()
            if last:
                raise GarbageError(
                    f"Ray cannot start ({first_line(error)}): look at $RAY_ADDRESS, or leave --engine ray out."
                ) from error


def _workers(ray: Any, wanted: int | None, gpus: bool) -> int:
    """Returns how many workers there will be. Raises GarbageError for more than Ray has room for."""
    kind = "GPU" if gpus else "CPU"
    room = int(ray.cluster_resources().get(kind, 0))
    if (wanted or 1) > room:
        raise GarbageError(
            f"Ray has {room} {'GPUs' if gpus else 'cores'} for {wanted or 1} workers: ask for fewer workers"
            f"{', or leave --gpus out' if gpus else ''}."
        )
    return wanted or room


def _stream(ray: Any, todo: list[int], make: dict[str, Any], workers: int, gpus: bool) -> Iterator[BlockDone]:
    """Lets Ray Data do the blocks, and yields them as they are finished."""
    blocks = ray.data.from_items([{"block": number} for number in todo], override_num_blocks=len(todo))
    done = blocks.map_batches(
        _Worker,
        fn_constructor_kwargs=make,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=None if gpus else 1,
        num_gpus=1 if gpus else None,
    )  # Ray Data replaces workers that die, and gives their blocks to others, without end
    for row in done.iter_rows():
        yield BlockDone(**row)


class _Worker:
    """One process with a network: gets the number of a block, writes its results."""

    def __init__(self, out: str, job: dict[str, Any], models: str, gpu: bool) -> None:
        if not gpu:  # read when TensorFlow starts
            os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", CUDA_VISIBLE_DEVICES="")
        from garbage_core.inference.classifier import BATCH_SIZE, Classifier

        give_back_large_blocks()
        self.place = Place(out)
        self.job = Job(**job | {"classes": tuple(job["classes"])})
        self.classifier = Classifier.from_run(load_run(self.job.model, models), self.job.runtime, threads=1)
        self.batch_size = GPU_BATCH if gpu else BATCH_SIZE
        self.classifier.warm_up()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        rows = [self.classify(int(number)) for number in batch["block"]]
        return {name: [row[name] for row in rows] for name in rows[0]}

    def classify(self, number: int) -> dict[str, Any]:
        start = time.perf_counter()
        if self.place.begin(number) > ATTEMPTS:
            raise RuntimeError(f"{ATTEMPTS} workers died of block {number}.")
        photos = read_list(self.place, number)
        unfetched: set[str] = set()
        stream = ((name, Fetch(name, path, unfetched)) for name, path in photos)
        results = [
            (result, result.file in unfetched)
            for result in self.classifier.classify_many(stream, self.batch_size, FETCHERS, self.job.flip)
        ]
        counts = write_results(self.place, number, self.job.classes, results)
        self.place.end(number)
        return {"block": number, **counts, "seconds": time.perf_counter() - start, "process": os.getpid()}
