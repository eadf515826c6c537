"""Damaged photos by the thousand: each must decode to an RGB array or raise the one documented error, soon and lightly.

    python benchmarks/fuzz_images.py --files 12000 --seed 1

Small pictures in every accepted format, and in rarer kinds of each, are damaged in six ways: bits flipped, ends cut
off, two files spliced, headers overwritten, size fields changed, blocks moved. Checksums are mended in half of the PNG
files, or hardly any damage would get past them. The files are decoded in a process of their own, which is watched: what
takes longer than 2 seconds of processor time (other work on the machine does not lengthen that), no answer for a
minute, more memory than 1 GB, another exception, or the process down is a finding, printed and kept with `--keep`. The
same seed gives the same files. Ends with status 1 if there is a finding.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import resource
import sys
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from garbage_core.errors import GarbageError
from garbage_core.images import ACCEPTED_FORMATS, decode_image
from tests.photo_helpers import encode, picture

SECONDS = 2.0  # of processor time that a file may take
MEGABYTES = 1000  # of resident memory that the process may reach
PATIENCE = 60.0  # seconds until a process that does not answer is ended
WIDTH, HEIGHT = 61, 47  # of the sound pictures; unlikely to stand in a file for anything else
_SIZES = (0, 1, 2, 46, 62, 255, 256, 4000, 7700, 30_000, 32_767, 65_535, 65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def sound_files() -> dict[str, bytes]:
    """Returns small sound files of every accepted format and of rarer kinds, by name; the format comes first."""
    image = picture(WIDTH, HEIGHT)
    deep = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    clear = image.convert("RGBA")
    clear.putalpha(image.convert("L"))
    second = image.rotate(180)
    files = {kind: encode(image, kind) for kind in ACCEPTED_FORMATS}
    files |= {f"{kind} turned": encode(image, kind, orientation=6) for kind in ("JPEG", "PNG", "WebP", "TIFF", "HEIC")}
    files |= {
        "JPEG progressive": encode(image, "JPEG", progressive=True),
        "JPEG CMYK": encode(image.convert("CMYK"), "JPEG"),
        "JPEG grey": encode(image.convert("L"), "JPEG"),
        "PNG palette": encode(image.convert("P"), "PNG", transparency=3),
        "PNG 16 bits": encode(deep, "PNG"),
        "PNG clear": encode(clear, "PNG"),
        "PNG animated": encode(image, "PNG", save_all=True, append_images=[second]),
        "WebP lossless": encode(clear, "WebP", lossless=True),
        "WebP animated": encode(image, "WebP", save_all=True, append_images=[second]),
        "GIF animated": encode(image, "GIF", save_all=True, append_images=[second]),
        "BMP palette": encode(image.convert("P"), "BMP"),
        "BMP bits": encode(image.convert("1"), "BMP"),
        "TIFF deflate": encode(image, "TIFF", compression="tiff_deflate"),
        "TIFF LZW": encode(image, "TIFF", compression="tiff_lzw"),
        "TIFF fax": encode(image.convert("1"), "TIFF", compression="group4"),
        "TIFF JPEG": encode(image, "TIFF", compression="jpeg"),
        "TIFF 16 bits": encode(deep, "TIFF"),
        "TIFF float": encode(image.convert("F"), "TIFF"),
        "AVIF clear": encode(clear, "AVIF"),
        "HEIC clear": encode(clear, "HEIC"),
    }
    return files


# Damage


def damage(rng: random.Random, data: bytes, others: list[bytes]) -> tuple[str, bytes]:
    """Damages a file in one to three ways.

    Args:
        rng: Source of chance.
        data: A sound file.
        others: Files that it may be spliced with.

    Returns:
        The names of what was done, and the damaged file.
    """
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name, change = rng.choice(DAMAGES)
        data = change(rng, data, others)
        done.append(name)
    if data.startswith(b"\x89PNG") and rng.random() < 0.5:
        data = mend_checksums(data)
    return "+".join(done), data


def _flip_bits(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _splice(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    share = rng.random()
    return data[: int(share * len(data))] + other[int(share * len(other)) :]


def _change_header(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    place = rng.randrange(min(len(data), rng.choice((32, 128, 512))) + 1)
    piece = rng.choice((b"\0", b"\xff", b"\x7f\xff", bytes(4), b"\xff" * 4, b"\x80\0\0\0", rng.randbytes(8)))
    return data[:place] + piece + data[place + len(piece) :]


def _change_size(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    """Overwrites numbers that are the picture's width or height in some format's way of writing them."""
    found = []
    for side in (WIDTH, HEIGHT, WIDTH - 1, HEIGHT - 1):
        for width, order in ((4, "big"), (4, "little"), (2, "big"), (2, "little")):
            place = data.find(side.to_bytes(width, order))
            while place >= 0:
                found.append((place, width, order))
                place = data.find(side.to_bytes(width, order), place + 1)
    if not found:
        return _change_header(rng, data, [])
    changed = bytearray(data)
    everywhere = rng.choice((None, None, None, 4000, 7700))  # 16 and 59 megapixels, just within the limit
    for place, width, order in found if everywhere else rng.sample(found, min(len(found), rng.choice((1, 1, 2, 4)))):
        number = everywhere or min(rng.choice(_SIZES), 256**width - 1)
        changed[place : place + width] = number.to_bytes(width, order)
    return bytes(changed)


def _move_block(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    start = rng.randrange(len(data) + 1)
    block = data[start : start + rng.choice((1, 4, 16, 256))]
    kind = rng.choice(("remove", "repeat", "zero", "elsewhere"))
    if kind == "repeat":
        return data[:start] + block * rng.choice((2, 3, 50)) + data[start + len(block) :]
    if kind == "zero":
        return data[:start] + bytes(len(block)) + data[start + len(block) :]
    rest = data[:start] + data[start + len(block) :]
    if kind == "remove":
        return rest
    place = rng.randrange(len(rest) + 1)
    return rest[:place] + block + rest[place:]


DAMAGES: tuple[tuple[str, Callable[[random.Random, bytes, list[bytes]], bytes]], ...] = (
    ("bits", _flip_bits),
    ("cut", _cut),
    ("splice", _splice),
    ("header", _change_header),
    ("size", _change_size),
    ("block", _move_block),
)


def mend_checksums(data: bytes) -> bytes:
    """Returns a PNG file with the checksum of every chunk made right, as far as its chunks can be followed."""
    changed, place = bytearray(data), 8
    while place + 12 <= len(changed):
        end = place + 8 + int.from_bytes(changed[place : place + 4], "big")
        if end + 4 > len(changed):
            break
        changed[end : end + 4] = zlib.crc32(changed[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(changed)


def damaged_files(number: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Yields the name of the sound file, what was done to it, and the damaged file; every sound file in turn."""
    rng = random.Random(seed)
    files = sound_files()
    others = list(files.values())
    names = list(files)
    for place in range(number):
        name = names[place % len(names)]
        yield name, *damage(rng, files[name], others)


# Decoding, watched


def check(data: bytes, at_least: tuple[int, int] | None) -> str:
    """Decodes a file; returns "decoded", "refused", or what else happened."""
    try:
        rgb = decode_image(data, "photo", at_least)
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

    def __init__(self, function: Callable[[bytes, tuple[int, int] | None], str] = check) -> None:
        self._function = function
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
            self._process = context.Process(target=_work, args=(there, self._function), daemon=True)
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
            outcome = f"the process went down with status {self._process.exitcode}"
        self.stop()
        return outcome, 0.0, 0.0


def _work(pipe: Any, function: Callable[[bytes, tuple[int, int] | None], str]) -> None:
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders in C remark on damage, too
    for data in sound_files().values():
        function(data, None)  # loads every decoder
    pipe.send("ready")
    while True:
        data, at_least = pipe.recv()
        start = time.process_time()
        outcome = function(data, at_least)
        seconds = time.process_time() - start
        pipe.send((outcome, seconds, _most_memory()))


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
    with Watched(function) as watched:
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
    parser.add_argument("--files", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write files with a finding there")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    start = time.perf_counter()
    with tqdm(total=args.files, unit="file", disable=None) as bar:
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
        "files": args.files,
        "seed": args.seed,
        "seconds": round(time.perf_counter() - start, 1),
        "slowest_seconds": round(found.slowest, 2),
        "most_memory_mb": round(found.most_memory),
        "formats": rows,
        "findings": found.findings,
    }
    if args.json:
        print(json.dumps(summary, indent=2))
    else:
        print(f"{args.files:,} damaged files in {summary['seconds']:.0f} s: {len(found.findings)} findings")
        print(f"slowest {found.slowest:.2f} s, most memory {found.most_memory:.0f} MB")
        for kind, row in rows.items():
            print(f"{kind:5} {row['decoded']:6,} decoded {row['refused']:6,} refused")
        for finding in found.findings:
            print(f"file {finding['file']}, {finding['from']}, {finding['damage']}: {finding['finding']}")
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
