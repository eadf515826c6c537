"""A folder of thousands of photos for one command: does it answer for every file, and does its memory stay flat?

    python benchmarks/folder.py --files 4000 --photos 240 --record

Draws photos of 1 to 12 megapixels, most of them as JPEG, the others in every other accepted format; one of sixteen is
damaged. A folder of many links to them is handed to `python -m garbage_core classify FOLDER --csv FILE`, run as its
user runs it. Ten times a second the resident memory of the command is read, and from the size of the table that it is
writing, how far it is. It is said how much the memory grew from the first quarter of the files to the last tenth, in
both of which every photo comes as often as the others; the medians are taken. Ends with status 1 if a file has no row,
a sound one no answer or a damaged one an answer, or if the memory grew by a tenth. `--record` keeps the outcome in
benchmarks/results, see `benchmarks/record.py`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import keep
from tests.fixtures.photos import encode

ROOT = Path(__file__).resolve().parents[1]
GROWTH = 10  # per cent of resident memory that is allowed
DAMAGED = 16  # one photo of so many
MEGAPIXELS = (1, 12)
# JPEG is what cameras write; a BMP or GIF of 12 megapixels nobody keeps, and AVIF takes seconds to write.
KINDS = ("JPEG", "JPEG", "PNG", "JPEG", "JPEG", "WebP", "JPEG", "JPEG", "HEIC", "JPEG", "JPEG", "TIFF", "JPEG")
SMALL_KINDS = ("GIF", "BMP", "AVIF")  # of 1 megapixel, one photo of 13
ENDINGS = {"JPEG": "jpg", "TIFF": "tif"}
OPTIONS = {"JPEG": {"quality": 88}, "TIFF": {"compression": "tiff_deflate"}, "WebP": {"method": 0}}


def drawing(number: int) -> tuple[str, bytes]:
    """Draws colored shapes on a plain ground, another picture for every number; returns its format and file."""
    rng = np.random.default_rng(number)
    kind, megapixels = KINDS[number % len(KINDS)], rng.uniform(*MEGAPIXELS)
    if number % len(KINDS) == len(KINDS) - 1:
        kind, megapixels = SMALL_KINDS[number // len(KINDS) % len(SMALL_KINDS)], MEGAPIXELS[0]
    size = tuple(round((megapixels * 1e6 * ratio) ** 0.5) for ratio in ((4 / 3, 3 / 4), (3 / 4, 4 / 3))[number % 2])
    image = Image.new("RGB", size, tuple(rng.integers(120, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        left, top, wide, high = (rng.uniform(0, 2 / 3, 4) * (*size, *size)).tolist()
        shape = (draw.ellipse, draw.rectangle)[int(rng.integers(2))]
        shape((left, top, left + wide, top + high), fill=tuple(rng.integers(0, 256, 3).tolist()))
    return kind, encode(image, kind, **OPTIONS.get(kind, {}))


def is_damaged(number: int) -> bool:
    """Returns whether the photo of this number is."""
    return number % DAMAGED == DAMAGED - 1


def damage(number: int, data: bytes) -> bytes:
    """Damages a photo as copying, renaming and full disks do."""
    return (data[: len(data) // 3], b"This was a photo once.\n", b"")[number // DAMAGED % 3]


def fill(folder: Path, files: int, photos: int) -> None:
    """Draws the photos and fills a folder with links to them, all in turn, sorted by name."""
    from tqdm import tqdm

    originals = folder.with_name("originals")
    originals.mkdir()
    drawn = []
    for number in tqdm(range(photos), desc="draw", unit="photo", disable=None):
        kind, data = drawing(number)
        drawn.append(originals / f"{number}.{ENDINGS.get(kind, kind.lower())}")
        drawn[-1].write_bytes(damage(number, data) if is_damaged(number) else data)
    for number in range(files):
        original = drawn[number % photos]
        part = folder / f"{number // 1000:03}"
        part.mkdir(parents=True, exist_ok=True)
        os.link(original, part / f"{number:06}{original.suffix}")


def resident(process: int) -> float:
    """Returns the resident memory of a process and its children in megabytes; 0 once it has ended."""
    import psutil

    try:
        parent = psutil.Process(process)
        return sum(one.memory_info().rss for one in (parent, *parent.children(recursive=True))) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def watch(command: list[str], out: Path) -> tuple[int, list[tuple[int, float]]]:
    """Runs a command that writes a file; returns its status, and (bytes written so far, megabytes in use) by time.

    Args:
        command: What to run.
        out: An empty folder, in which the command writes its file and no other, under whatever name at first.
    """
    samples = []
    with subprocess.Popen(command, cwd=ROOT) as process:
        while process.poll() is None:
            memory = resident(process.pid)
            for file in out.iterdir():
                try:
                    samples.append((file.stat().st_size, memory))
                except OSError:  # just renamed
                    continue
            time.sleep(0.1)
    return process.returncode, [sample for sample in samples if sample[1]]


def median_between(samples: list[tuple[int, float]], low: float, high: float) -> float:
    """Returns the median memory while the table was between two shares of its size, or of the sample nearest to it."""
    shares = np.asarray([written for written, _ in samples]) / samples[-1][0]
    memory = np.asarray([memory for _, memory in samples])
    within = (low <= shares) & (shares <= high)
    return float(np.median(memory[within]) if within.any() else memory[np.abs(shares - high).argmin()])


def compare(rows: list[dict[str, str]], files: int, photos: int) -> Counter:
    """Counts the rows by what is true of them: answered, refused, and wrong."""
    counts = Counter()
    for number, row in enumerate(rows):
        answered = bool(row["label"]) and not row["error"]
        as_named = int(Path(row["file"]).stem) == number
        right = as_named and answered != is_damaged(number % photos)
        counts["wrong" if not right else "answered" if answered else "refused"] += 1
    counts["without_row"] = files - len(rows)
    return counts


def main() -> int:
    """Reads the arguments, fills the folder, runs the command, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--photos", type=int, default=240, help="different ones (default: %(default)s)")
    parser.add_argument("--model", metavar="NAME", default="transfer", help="default: %(default)s")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", action="store_true", help="keep the outcome in benchmarks/results")
    args = parser.parse_args()
    if not 1 <= 4 * args.photos <= args.files:
        parser.error(f"--files must be at least four times --photos, not {args.files} for {args.photos}")
    with tempfile.TemporaryDirectory(prefix="folder-") as place:
        folder, out = Path(place, "photos"), Path(place, "out")
        folder.mkdir()
        out.mkdir()
        fill(folder, args.files, args.photos)
        command = [sys.executable, "-m", "garbage_core", "classify", str(folder), "--csv", str(out / "answers.csv")]
        start = time.perf_counter()
        status, samples = watch([*command, "--model", args.model], out)
        seconds = time.perf_counter() - start
        if not (out / "answers.csv").is_file():
            raise SystemExit(f"The command ended with status {status} and wrote no answers.")
        with open(out / "answers.csv", encoding="utf-8", newline="") as table:
            counts = compare(list(csv.DictReader(table)), args.files, args.photos)
    quarter, end = median_between(samples, 0.15, 0.25), median_between(samples, 0.9, 1.0)
    summary = {
        "files": args.files,
        "photos": args.photos,
        "megapixels": f"{MEGAPIXELS[0]} to {MEGAPIXELS[1]}",
        "model": args.model,
        "rows": args.files - counts["without_row"],
        **{name: counts[name] for name in ("answered", "refused", "wrong")},
        "minutes": round(seconds / 60, 1),
        "photos_per_second": round(args.files / seconds, 2),
        "memory_mb": {
            "after the first quarter": round(quarter),
            "at the end": round(end),
            "most": round(max(memory for _, memory in samples)),
        },
        "growth_percent": round(100 * (end / quarter - 1), 2),
    }
    if args.record:
        words = f"--files {args.files} --photos {args.photos} --model {args.model} --record"
        keep("folder", f"python benchmarks/folder.py {words}", summary)
    print(
        json.dumps(summary, indent=2) if args.json else "\n".join(f"{key}: {value}" for key, value in summary.items())
    )
    return 1 if counts["wrong"] or counts["without_row"] or summary["growth_percent"] >= GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
