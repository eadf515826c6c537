"""Many visitors for a long time: does every one get the right answer, and does the server's memory stay flat?

    python benchmarks/soak.py --sessions 20 --uploads 500 --record

Starts the app, and lets sessions upload photos of 12 megapixels through the doors that a browser uses: the websocket
with Streamlit's messages, and the address that takes files. Each session has a drawing of its own, told from the others
by its answers and the probabilities under them, which the library computes beforehand; every upload differs from all
before in a comment inside the file, so that no cache can answer. Counted are uploads with an error, without an answer,
and with another answer than the drawing's; the server's resident memory is read after every upload, and it is said how
much it grew from the 100th upload to the last. It goes up and down by a tenth as photos come and go, so the median of
the fifty uploads up to each is taken. Ends with status 1 if anything was wrong. What the visitors cost the processor is
said too, for they share it with the server. One visitor alone asks first, to tell what company costs each. `--visitors`
lets them come one after the other instead, see `benchmarks/visits.py`. `--record` keeps the outcome in
benchmarks/results, see `benchmarks/record.py`.
"""

import argparse
import asyncio
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import keep
from benchmarks.visitor import BARS, HEADER, SWAPPED, Visitor, verdict

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = Path(__file__).resolve().parents[1]
SIZE = (4032, 3024)  # pixels
SETTLED = 100  # uploads until the caches of the server are full
ALONE = 10  # uploads of one visitor, before the others come
WINDOW = 50  # uploads up to there, and up to the end, whose memory is compared
COLLECTING = (
    "import gc, signal; signal.signal(signal.SIGUSR1, lambda *_: gc.collect()); "
    "from streamlit.web.cli import main; main(prog_name='streamlit')"
)
GROWTH = 10  # per cent of resident memory that is allowed from there to the end


def drawing(seed: int) -> bytes:
    """Draws colored shapes on a plain background as a JPEG of 12 megapixels, another picture for every seed."""
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(seed)
    image = Image.new("RGB", SIZE, tuple(int(v) for v in rng.integers(120, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        left, top = (int(rng.integers(0, side * 2 // 3)) for side in SIZE)
        box = (left, top, left + int(rng.integers(400, 2000)), top + int(rng.integers(400, 2000)))
        shape = (draw.ellipse, draw.rectangle)[int(rng.integers(2))]
        shape(box, fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88)
    return file.getvalue()


def numbered(data: bytes, number: int) -> bytes:
    """Puts a number into a JPEG as a comment: the same picture, but another file."""
    comment = f"upload {number}".encode()
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


def expected_answers(drawings: list[bytes]) -> list[dict[str, str]]:
    """Returns what the page must say to each drawing: the headline, and by each model's title its line and its bars."""
    from garbage_app.classifiers import MOST_MODELS, leading_first
    from garbage_app.classify.decision import headline, sentence
    from garbage_core.figures import probability_bars
    from garbage_core.inference.classifier import Classifier
    from garbage_core.runs.run import list_runs

    runs = leading_first([run for run in list_runs() if run.has_weights])[:MOST_MODELS]
    classifiers = {run.title: Classifier.from_run(run) for run in runs}
    found = []
    for data in drawings:
        answers = {title: one.classify_bytes(data) for title, one in classifiers.items()}
        said = {title: sentence(answer) for title, answer in answers.items()}
        bars = {
            title + BARS: BARS + " ".join(probability_bars(answer.probabilities).data[0].text)
            for title, answer in answers.items()
        }
        found.append({HEADER: headline(answers[runs[0].title]), **said, **bars})
    return found


# The run


def resident(process: int) -> float:
    """Returns the resident memory of a process in megabytes."""
    import psutil

    return psutil.Process(process).memory_info().rss / 1e6


def worked(process: int) -> float:
    """Returns the seconds of processor time that a process has had."""
    import psutil

    times = psutil.Process(process).cpu_times()
    return times.user + times.system


async def soak(base: str, server: int, sessions: int, uploads: int, drawings: list[bytes], expected: list[dict]):
    """Lets sessions upload until all uploads are done; returns verdicts, memory and seconds, one each an upload."""
    from tqdm import tqdm

    verdicts, memory, seconds = [], [], []
    numbers = iter(range(uploads))
    bar = tqdm(total=uploads, unit="upload", disable=None)

    async def visit(place: int) -> None:
        async with Visitor(base) as visitor:
            for number in numbers:
                start = time.perf_counter()
                try:
                    said = await visitor.ask(f"{number}.jpg", numbered(drawings[place], number))
                    found = verdict(said, expected[place], expected)
                except Exception as error:
                    found = f"error: {type(error).__name__}: {error}"
                verdicts.append(found)
                seconds.append(time.perf_counter() - start)
                memory.append(resident(server))
                bar.update()

    await asyncio.gather(*(visit(place) for place in range(sessions)))
    return verdicts, memory, seconds


def start_server(place: str, collecting: bool = False) -> tuple[subprocess.Popen, str]:
    """Starts the app on a free port; returns the process and the address.

    Args:
        place: Folder for its log.
        collecting: Whether it collects its garbage whenever it gets the signal USR1.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, *(("-c", COLLECTING) if collecting else ("-m", "streamlit"))]
    command += ["run", "streamlit_app.py", "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    # The token that browsers get with the first page is not what is tried here.
    command += ["--server.enableXsrfProtection", "false", "--server.enableCORS", "false"]
    # A download under way would change what the pages say.
    environment = {"GARBAGE_DOWNLOAD": "0"} | os.environ
    with (Path(place) / "log.txt").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    base, end = f"http://127.0.0.1:{port}", time.monotonic() + 600
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/_stcore/health", timeout=10):
                return server, base
        except OSError:
            time.sleep(0.5)
    server.kill()
    raise SystemExit(f"The app did not start:\n{(Path(place) / 'log.txt').read_text()[-2000:]}")


def main() -> int:
    """Reads the arguments, soaks, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--uploads", type=int, default=500)
    parser.add_argument("--visitors", type=int, metavar="N", help="instead: so many visitors, one after the other")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", action="store_true", help="keep the outcome in benchmarks/results")
    args = parser.parse_args()
    if args.visitors:
        from benchmarks.visits import soak_visitors

        summary = soak_visitors(args.visitors)
        _tell(args, "visitors", f"--visitors {args.visitors}", summary)
        return 0 if summary["flat"] and not summary["wrong"] else 1
    drawings = [drawing(seed) for seed in range(args.sessions)]
    expected = expected_answers(drawings)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        server, base = start_server(place)
        try:
            alone = asyncio.run(soak(base, server.pid, 1, ALONE, drawings, expected))[2]
            busy, began = worked(os.getpid()), time.perf_counter()
            work = soak(base, server.pid, args.sessions, args.uploads, drawings, expected)
            verdicts, memory, seconds = asyncio.run(work)
            took = time.perf_counter() - began
            cost = {"server": round(worked(server.pid)), "visitors": round(worked(os.getpid()) - busy)}
        finally:
            server.terminate()
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
    settled = min(SETTLED, len(memory) // 2)
    before, after = (float(np.median(memory[max(end - WINDOW, 0) : end])) for end in (settled, len(memory)))
    wrong = [text for text in verdicts if text != "right"]
    summary = {
        "sessions": args.sessions,
        "uploads": len(verdicts),
        "right": len(verdicts) - len(wrong),
        "errors": sum(text.startswith("error") for text in wrong),
        "swapped": verdicts.count(SWAPPED),
        "lost": args.uploads - len(verdicts) + sum(text.startswith("lost") for text in wrong),
        "different_answers_expected": len({json.dumps(answer, sort_keys=True) for answer in expected}),
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "median_seconds": round(float(np.median(seconds)), 2),
        "seconds_of_95_percent": {
            "alone": round(float(np.percentile(alone, 95)), 2),
            "together": round(float(np.percentile(seconds, 95)), 2),
        },
        "photos_per_second": round(len(verdicts) / took, 2),
        "processor_seconds": cost,
        "memory_mb": {
            f"after {settled}": round(before),
            f"after {len(memory)}": round(after),
            "most": round(max(memory)),
        },
        "growth_percent": round(100 * (after / before - 1), 2),
        "wrong": wrong[:20],
    }
    options = f"--sessions {args.sessions} --uploads {args.uploads}"
    _tell(args, "soak" if args.uploads >= 500 else f"soak-{args.sessions}", options, summary)
    return 1 if wrong or len(verdicts) < args.uploads or summary["growth_percent"] >= GROWTH else 0


def _tell(args: argparse.Namespace, name: str, options: str, summary: dict) -> None:
    """Prints what was found, and records it under a name if that is wanted."""
    if args.record:
        keep(name, f"python benchmarks/soak.py {options} --record", summary)
    print(
        json.dumps(summary, indent=2) if args.json else "\n".join(f"{key}: {value}" for key, value in summary.items())
    )


if __name__ == "__main__":
    sys.exit(main())
