"""Many visitors for a long time: does every one get the right answer, and does the server's memory stay flat?

    python benchmarks/soak.py --sessions 20 --uploads 500

Starts the app, and lets sessions upload photos of 12 megapixels through the doors that a browser uses: the websocket
with Streamlit's messages, and the address that takes files. Each session has a drawing of its own, told from the others
by its answers and the probabilities under them, which the library computes beforehand; every upload differs from all
before in a comment inside the file, so that no cache can answer. Counted are uploads with an error, without an answer,
and with another answer than the drawing's; the server's resident memory is read after every upload. The last line says
how much it grew from the 100th upload to the last (the median of the ten up to each). Ends with status 1 if anything
was wrong. What the visitors cost the processor is said too, for they share it with the server.
"""

import argparse
import asyncio
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SIZE = (4032, 3024)  # pixels
SETTLED = 100  # uploads until the caches of the server are full
GROWTH = 10  # per cent of resident memory that is allowed from there to the end
PATIENCE = 1800.0  # seconds for one answer, when many wait on a slow machine
SWAPPED = "the answer of another session"
_HEADER, _BARS = "header", " bars: "


def drawing(seed: int) -> bytes:
    """Draws coloured shapes on a plain background as a JPEG of 12 megapixels, another picture for every seed."""
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
    from garbage_app.classifiers import val_accuracy
    from garbage_app.judging import sentence
    from garbage_core.classify import Classifier
    from garbage_core.figures import probability_bars
    from garbage_core.runs import list_runs

    runs = sorted((run for run in list_runs() if run.has_weights), key=val_accuracy, reverse=True)[:2]
    classifiers = {run.title: Classifier.from_run(run) for run in runs}
    found = []
    for data in drawings:
        answers = {title: one.classify_bytes(data) for title, one in classifiers.items()}
        said = {title: sentence(answer) for title, answer in answers.items()}
        bars = {
            title + _BARS: _BARS + " ".join(probability_bars(answer.probabilities).data[0].text)
            for title, answer in answers.items()
        }
        found.append({_HEADER: said[runs[0].title], **said, **bars})
    return found


# A visitor


@dataclass
class Visitor:
    """A session, as a browser holds one."""

    base: str
    session: str = ""
    said: list[str] = field(default_factory=list)

    async def __aenter__(self) -> "Visitor":
        import websockets

        address = self.base.replace("http", "ws") + "/_stcore/stream"
        self._socket = await websockets.connect(
            address, subprotocols=["streamlit"], max_size=None, open_timeout=PATIENCE, ping_timeout=None
        )
        self._uploader = ""
        self._kept = {}  # messages that the server may refer to instead of sending them again
        await self._send(rerun_script={})
        await self._finish()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def ask(self, name: str, data: bytes) -> list[str]:
        """Uploads a photo; returns the headings and texts of the page that answers it."""
        import requests

        request = uuid.uuid4().hex
        await self._send(file_urls_request={"request_id": request, "file_names": [name], "session_id": self.session})
        while True:
            message = await self._next()
            if message.WhichOneof("type") == "file_urls_response":
                (place,) = message.file_urls_response.file_urls
                break
        upload = {"files": {"file": (name, data, "image/jpeg")}, "timeout": PATIENCE}
        answer = await asyncio.to_thread(requests.put, self.base + place.upload_url, **upload)
        answer.raise_for_status()
        urls = {"file_id": place.file_id, "upload_url": place.upload_url, "delete_url": place.delete_url}
        file = {"file_id": place.file_id, "name": name, "size": len(data), "file_urls": urls}
        state = {"id": self._uploader, "file_uploader_state_value": {"uploaded_file_info": [file]}}
        await self._send(rerun_script={"widget_states": {"widgets": [state]}})
        await self._finish()
        return self.said

    async def _send(self, **parts: dict) -> None:
        from google.protobuf.json_format import ParseDict
        from streamlit.proto.BackMsg_pb2 import BackMsg

        await self._socket.send(ParseDict(parts, BackMsg()).SerializeToString())

    async def _next(self):
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        message = ForwardMsg()
        message.ParseFromString(await asyncio.wait_for(self._socket.recv(), PATIENCE))
        return message

    async def _finish(self) -> None:
        """Reads messages until the page is complete; keeps its texts, the uploader and the session."""
        self.said = []
        while True:
            message = await self._next()
            if message.WhichOneof("type") == "ref_hash":
                message = self._kept.get(message.ref_hash, message)
            elif message.hash:
                self._kept[message.hash] = message
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.said = []  # a new run of the page
                self.session = message.new_session.initialize.session_id
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                match element.WhichOneof("type"):
                    case "heading":
                        self.said.append(element.heading.body)
                    case "markdown":
                        self.said.append(element.markdown.body)
                    case "plotly_chart":
                        (bars,) = json.loads(element.plotly_chart.spec)["data"]
                        self.said.append(_BARS + " ".join(bars["text"]))
                    case "alert":
                        self.said.append(f"error: {element.alert.body}")
                    case "exception":
                        self.said.append(f"error: {element.exception.message}")
                    case "file_uploader":
                        self._uploader = element.file_uploader.id
            elif kind == "script_finished" and message.script_finished == 0:
                return  # all of it ran; a run that was stopped for a newer one is followed by that one


def verdict(said: list[str], expected: dict[str, str], others: list[dict[str, str]]) -> str:
    """Returns "right", or what is wrong with a page that answers a photo."""
    errors = [text for text in said if text.startswith("error: ")]
    if errors:
        return errors[0]
    page, title = {_HEADER: said[1] if len(said) > 1 else ""}, ""
    for place, text in enumerate(said[:-1]):
        if text in expected and re.fullmatch(r"\*\*(.*)\*\*", said[place + 1]):
            page[text], title = said[place + 1][2:-2], text
        if said[place + 1].startswith(_BARS):
            page[title + _BARS] = said[place + 1]
    if page == expected:
        return "right"
    if any(page == other for other in others):
        return SWAPPED
    return f"lost: the page says {page} instead of {expected}"


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


def start_server(place: str) -> tuple[subprocess.Popen, str]:
    """Starts the app on a free port; returns the process and the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    # The token that browsers get with the first page is not what is tried here.
    command += ["--server.enableXsrfProtection", "false", "--server.enableCORS", "false"]
    with (Path(place) / "log.txt").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
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
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    drawings = [drawing(seed) for seed in range(args.sessions)]
    expected = expected_answers(drawings)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        server, base = start_server(place)
        try:
            busy = worked(os.getpid())
            work = soak(base, server.pid, args.sessions, args.uploads, drawings, expected)
            verdicts, memory, seconds = asyncio.run(work)
            cost = {"server": round(worked(server.pid)), "visitors": round(worked(os.getpid()) - busy)}
        finally:
            server.terminate()
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
    settled = min(SETTLED, len(memory) // 2)
    before, after = (float(np.median(memory[max(end - 10, 0) : end])) for end in (settled, len(memory)))
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
        "processor_seconds": cost,
        "memory_mb": {f"after {settled}": round(before), f"after {len(memory)}": round(after)},
        "growth_percent": round(100 * (after / before - 1), 2),
        "wrong": wrong[:20],
    }
    print(
        json.dumps(summary, indent=2) if args.json else "\n".join(f"{key}: {value}" for key, value in summary.items())
    )
    return 1 if wrong or len(verdicts) < args.uploads or summary["growth_percent"] >= GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
