"""Hostile files through `classify` and a server: `python -m benchmarks hostile [--model NAME] [--only WORD]`.

Makes the files of `benchmarks/hostile_cases.py`, classifies each as `garbage classify` does, and prints the seconds and
the megabytes that it took, beyond those before, in this process and in those that decode, and what was answered. Sound
photos in every format are classified before, between and after, and must be answered alike. A file that takes more
than 6 seconds or 500 MB, or ends in anything but a prediction or one sentence, is a finding: status 1.

Then they are uploaded to a running server, beside sessions with sound photos (`benchmarks/hostile_server.py`).

Last a batch of sound photos is classified twice, decoded in processes and in this one, to tell what the former costs.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from benchmarks.hostile_cases import HOSTILE
from benchmarks.hostile_server import MEGABYTES, SECONDS, attack_server, in_words
from benchmarks.memory import resident
from garbage_core.cli.classify import load_classifier, prediction_line
from garbage_core.cli.options import add_common, run_for_photos, warn, write_result
from garbage_core.data.images import ACCEPTED_FORMATS
from garbage_core.inference.classifier import Classifier, Failure, Prediction
from garbage_core.utils.text import text_table
from tests.fixtures.photos import cardboard, encode

BETWEEN = 10  # hostile files from one look at the sound ones to the next
ROUNDS = 3  # of a batch of sound photos, each way
_SHARES = {"JPEG": 24, "PNG": 6}  # photos in the batch; of the other formats there is one each


class Watch:
    """The most memory that this process and its children have, while it is entered.

    Attributes:
        megabytes: What they had more than at the start.
    """

    def __enter__(self) -> "Watch":
        self._ended = threading.Event()
        self._start = self._most = resident(psutil.Process())
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.megabytes = max(self._most - self._start, 0) / 1e6

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            self._most = max(self._most, resident(psutil.Process()))


def sound_photos() -> dict[str, bytes]:
    """Returns a sound photo in every accepted format."""
    from PIL import Image

    with tempfile.TemporaryFile() as file:
        file.write(cardboard())
        photo = Image.open(file).convert("RGB")
    return {f"sound.{kind.lower()}": encode(photo, kind) for kind in ACCEPTED_FORMATS}


def classify(classifier: Classifier, path: Path) -> dict[str, Any]:
    """Classifies one file, and returns what that took and what was answered."""
    start = time.perf_counter()
    with Watch() as watch:
        try:
            (answer,) = classifier.classify_paths([path])
            wrong = isinstance(answer, Failure) and ("\n" in answer.error or not answer.error)
            said = prediction_line(answer).partition("  ")[2]
        except Exception as error:
            wrong, said = True, f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "seconds": round(seconds, 2),
        "megabytes": round(watch.megabytes),
        "answer": said,
        "finding": wrong or seconds > SECONDS or watch.megabytes > MEGABYTES,
    }


def attack(classifier: Classifier, names: Sequence[str], progress: Callable[[str], object]) -> list[dict[str, Any]]:
    """Classifies the hostile files, and sound ones beside them; returns a row for each hostile one."""
    rows, sound = [], sound_photos()

    def look() -> list[Prediction | Failure]:
        return list(classifier.classify_many(sound.items()))

    with tempfile.TemporaryDirectory() as folder:
        expected = look()
        for place, name in enumerate(names, 1):
            path = Path(folder, name)
            path.write_bytes(HOSTILE[name]())
            rows.append(classify(classifier, path))
            path.unlink()
            if place % BETWEEN == 0 or place == len(names):
                rows[-1]["finding"] |= look() != expected
            progress(name)
    return rows


def cost(classifier: Classifier) -> float:
    """Returns how much longer a batch of sound photos takes than if all were decoded in this process: 0.05 for 5 %."""
    sound = sound_photos()
    batch = [
        (name, data) for kind, (name, data) in zip(ACCEPTED_FORMATS, sound.items(), strict=True)
        for _ in range(_SHARES.get(kind, 1))
    ]  # fmt: skip

    def seconds() -> float:
        start = time.perf_counter()
        for _ in classifier.classify_many(batch):
            pass
        return time.perf_counter() - start

    seconds()
    ratios = []
    for _ in range(ROUNDS):
        apart = seconds()
        with mock.patch("garbage_core.data.images.is_light", return_value=True):
            ratios.append(apart / seconds())
    return statistics.median(ratios) - 1


def main(argv: Sequence[str] | None = None) -> int:
    """Classifies, measures, prints; returns 1 if there is a finding."""
    from tqdm import tqdm

    parser = argparse.ArgumentParser(prog="python -m benchmarks hostile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", metavar="WORD", default="", help="files whose name holds this, such as TIFF")
    add_common(parser, "--model", "--runtime", "--json")
    args = parser.parse_args(argv)
    names = [name for name in HOSTILE if args.only.lower() in name.lower()]
    classifier = load_classifier(run_for_photos(args.model), args.runtime)
    classifier.warm_up()
    with tqdm(total=len(names), unit="file", disable=None) as bar:
        rows = attack(classifier, names, lambda _: bar.update())
    write_result(rows, _text, args.json, sys.stdout)
    sys.stdout.flush()
    with tqdm(total=len(names), unit="upload", disable=None) as bar:
        served = attack_server({name: HOSTILE[name] for name in names}, lambda _: bar.update())
    write_result(served["rows"], _text, args.json, sys.stdout)
    sys.stdout.flush()
    for line in in_words(served):
        warn(line)
    warn(f"A batch of sound photos takes {cost(classifier):+.1%} with processes that decode.")
    return 1 if served["findings"] or any(row["finding"] for row in (*rows, *served["rows"])) else 0


def _text(rows: list[dict[str, Any]]) -> str:
    """Returns the rows as a table for people."""
    cells = [
        (
            row["file"],
            f"{row['bytes']:,}",
            f"{row['seconds']:.2f}",
            f"{row['megabytes']}",
            "FINDING" if row["finding"] else "",
            row["answer"],
        )
        for row in rows
    ]
    return text_table(("file", "bytes", "s", "MB", "", "answer"), cells)
