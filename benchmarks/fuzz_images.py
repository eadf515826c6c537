"""Damaged photos by the thousand: each must decode to an RGB array or raise the one documented error, soon and lightly.

    python benchmarks/fuzz_images.py --files 10000 --seed 1 --record  # so many of every accepted format

The files of `benchmarks/damage.py` are decoded in a process of their own, which is watched: what takes longer than 2
seconds of processor time (other work on the machine does not lengthen that), no answer at all, more memory than 1 GB,
another exception, or the process down is a finding, printed and kept with `--keep`. Ends with status 1 if there is one.
`--record` keeps the outcome in benchmarks/results, see `benchmarks/record.py`.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.damage import damaged_files, sound_files
from benchmarks.record import keep
from garbage_core.data.decoding import decode_here
from garbage_core.data.images import ACCEPTED_FORMATS
from garbage_core.errors import GarbageError

SECONDS = 2.0  # of processor time that a file may take
MEGABYTES = 1000  # of resident memory that the process may reach
FOR_EVER = 15  # times the limit of processor time, after which the system ends the process
PATIENCE = 600.0  # seconds until a process that does nothing is ended; on a busy machine one may wait long for its turn


# Decoding, watched


def check(data: bytes, at_least: tuple[int, int] | None) -> str:
    """Decodes a file; returns "decoded", "refused", or what else happened."""
    try:
        rgb = decode_here(data, "photo", at_least)
    except GarbageError as error:
        return "refused" if str(error) and "\n" not in str(error) else f"an error of several lines: {error}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    whole = rgb.dtype == np.uint8 and rgb.ndim == 3 and rgb.shape[2] == 3 and rgb.size
    return "decoded" if whole else f"an array of {rgb.dtype} {rgb.shape}"


@dataclass
class Findings:
    """What came of the files.

    Attributes:
        outcomes: How many were decoded and refused, by format.
        findings: What must not happen, one entry a file.
        slowest: Seconds of processor time that the slowest file took.
        most_memory: Largest resident memory of a decoding process in megabytes.
    """

    outcomes: Counter = field(default_factory=Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)
    slowest: float = 0.0
    most_memory: float = 0.0


class Watched:
    """A process that checks files one by one; it is started anew after it had to be ended."""

    def __init__(self, function: Callable[[bytes, tuple[int, int] | None], str], seconds: float = SECONDS) -> None:
        """Takes what checks a file, as `check`, and the seconds of processor time that it may take for one."""
        self._function = function
        self._seconds = seconds
        self._process = None

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def __call__(self, data: bytes, at_least: tuple[int, int] | None, patience: float) -> tuple[str, float, float]:
        """Returns what happened, the processor seconds it took, and the most megabytes the process has had."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, there = context.Pipe()
            self._process = context.Process(target=_work, args=(there, self._function, self._seconds), daemon=True)
            self._process.start()
            there.close()
            self._pipe.recv()  # it is ready: what it takes to start counts for no file
        with contextlib.suppress(BrokenPipeError):
            self._pipe.send((data, at_least))
        try:
            if self._pipe.poll(patience):
                return self._pipe.recv()
            outcome = f"no answer within {patience:.0f} s"
        except (EOFError, ConnectionError):
            self._process.join()
            status = self._process.exitcode
            busy = f"no answer within {FOR_EVER * self._seconds:.0f} s of processor time"
            outcome = busy if status == -signal.SIGXCPU else f"the process went down with status {status}"
        self.stop()
        return outcome, 0.0, 0.0


def _work(pipe: Any, function: Callable[[bytes, tuple[int, int] | None], str], seconds: float) -> None:
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders in C remark on damage, too
    for data in sound_files().values():
        function(data, None)  # loads every decoder
    pipe.send("ready")
    while True:
        data, at_least = pipe.recv()
        start = time.process_time()
        limit = int(start + FOR_EVER * seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        outcome = function(data, at_least)
        pipe.send((outcome, time.process_time() - start, _most_memory()))


def _most_memory() -> float:
    """Returns the most resident memory that this process has had, in megabytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux counts to `ru_maxrss` what the parent had, too
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def fuzz(
    files: Iterator[tuple[str, str, bytes]],
    function: Callable[[bytes, tuple[int, int] | None], str] = check,
    patience: float = PATIENCE,
    limits: tuple[float, float] = (SECONDS, MEGABYTES),
    progress: Callable[[], None] = lambda: None,
) -> Findings:
    """Checks files in a watched process.

    Args:
        files: As from `damaged_files`.
        function: Takes a file and `at_least`, returns as `check`.
        patience: Seconds after which a process that does not answer is ended.
        limits: Seconds of processor time that a file may take, and megabytes that the process may reach.
        progress: Called after every file.
    """
    found = Findings()
    with Watched(function, limits[0]) as watched:
        for place, (name, done, data) in enumerate(files):
            at_least = (None, (96, 128))[place // 7 % 2]
            outcome, seconds, memory = watched(data, at_least, patience)
            if outcome in ("decoded", "refused"):
                found.outcomes[name.split()[0], outcome] += 1
                if seconds > limits[0]:
                    outcome += f" in {seconds:.1f} s"
                if memory > limits[1]:
                    outcome += f" with {memory:.0f} MB"
            if outcome not in ("decoded", "refused"):
                found.findings.append({"file": place, "from": name, "damage": done, "finding": outcome, "data": data})
            if memory > limits[1]:
                watched.stop()  # the next file gets a process without its memory
            found.slowest = max(found.slowest, seconds)
            found.most_memory = max(found.most_memory, memory)
            progress()
    return found


def main() -> int:
    """Reads the arguments, fuzzes, prints."""
    from tqdm import tqdm

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000, help="of each format (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write files with a finding there")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", action="store_true", help="keep the outcome in benchmarks/results")
    args = parser.parse_args()
    total = args.files * len(ACCEPTED_FORMATS)
    start = time.perf_counter()
    with tqdm(total=total, unit="file", disable=None) as bar:
        found = fuzz(damaged_files(args.files, args.seed), progress=bar.update)
    for finding in found.findings:
        data = finding.pop("data")
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            (args.keep / f"{args.seed}-{finding['file']}").write_bytes(data)
    rows = {
        kind: {outcome: found.outcomes[kind, outcome] for outcome in ("decoded", "refused")}
        for kind in ACCEPTED_FORMATS
    }
    summary = {
        "files": total,
        "seed": args.seed,
        "seconds": round(time.perf_counter() - start, 1),
        "slowest_seconds": round(found.slowest, 2),
        "most_memory_mb": round(found.most_memory),
        "formats": rows,
        "findings": found.findings,
    }
    if args.record:
        command = f"python benchmarks/fuzz_images.py --files {args.files} --seed {args.seed} --record"
        keep("fuzz_images", command, summary)
    if args.json:
        print(json.dumps(summary, indent=2))
    else:
        print(f"{total:,} damaged files in {summary['seconds']:.0f} s: {len(found.findings)} findings")
        print(f"slowest {found.slowest:.2f} s, most memory {found.most_memory:.0f} MB")
        for kind, row in rows.items():
            print(f"{kind:5} {row['decoded']:6,} decoded {row['refused']:6,} refused")
        for finding in found.findings:
            print(f"file {finding['file']}, {finding['from']}, {finding['damage']}: {finding['finding']}")
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
