"""Lite mode as a host would run it: how soon it answers, whether every page opens, and how much memory it takes.

    python3 -m venv lite && lite/bin/pip install -r requirements-lite.txt
    python benchmarks/lite.py --python lite/bin/python --keep

Starts the app by another Python, without TensorFlow, from a folder that holds what the Dockerfile copies and no
model.keras, under a limit of 1 GB of data; uploads a drawing in Chromium (Playwright drives it) and opens every page.
Printed are seconds from the start of the server to the first answer of all models, and the server's peak of resident
memory. With `--keep` they go to models/studies/lite.json. Ends with status 1 if a page failed or a limit was passed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.app_speed.table import machine
from garbage_core.runs.run import models_dir
from garbage_core.utils.files import write_json

ROOT = Path(__file__).resolve().parents[1]
MEGABYTES = 700  # of resident memory
SECONDS = 5.0  # from the start of the server to the first answer
DATA_LIMIT = 1 << 20  # kilobytes, as the host's
PATIENCE = 180  # seconds for anything on a busy machine
PARTS = (".streamlit", "streamlit_app.py", "garbage_core", "garbage_app", "pages")


def lay_out(models: Path, folder: Path) -> Path:
    """Copies what the image would hold; returns the folder of the app."""
    place = folder / "app"
    place.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, place / part)
    shutil.copytree(models, place / "models", ignore=shutil.ignore_patterns("model.keras", "*.tflite", "*.onnx"))
    return place


def peak(process: int) -> float:
    """Returns the peak of resident memory of a process in MB (Linux)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def processor_seconds(process: int) -> float:
    """Returns how long processors worked for a process, which other work on the machine hardly lengthens (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def visit(url: str, start: Callable[[], subprocess.Popen]) -> dict:
    """Starts the server, uploads a drawing, opens every page; returns what was measured and which pages failed how."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import FLAGS, chromium_path
    from tests.browser.test_browser import drawing

    photo = {"name": "bottle.jpg", "mimeType": "image/jpeg", "buffer": drawing()}
    failed = {}
    with sync_playwright() as driver:
        tab = driver.chromium.launch(executable_path=chromium_path(), args=FLAGS).new_page()
        tab.set_default_timeout(1000 * PATIENCE)
        started, server = time.monotonic(), start()
        while True:
            try:
                tab.goto(url)
                break
            except Exception:  # the server is not up yet
                if server.poll() is not None or time.monotonic() - started > PATIENCE:
                    raise
                time.sleep(0.05)
        tab.set_input_files("input[type=file]", files=[photo])
        tab.get_by_alt_text("Heat map of").wait_for()
        tab.get_by_role("cell", name="Scratch").wait_for()  # the last row of the models' table
        first, processor = time.monotonic() - started, processor_seconds(server.pid)
        after_answer = peak(server.pid)
        for page in sorted(path.stem for path in (ROOT / "pages").glob("*.py")):
            tab.goto(f"{url}/{'' if page == 'classify' else page}")
            tab.wait_for_selector("h1")
            tab.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
            tab.wait_for_load_state("networkidle")
            if tab.get_by_test_id("stException").count():
                failed[page] = tab.get_by_test_id("stException").first.inner_text()[:300]
        measured = {"first_answer_seconds": round(first, 2), "first_answer_processor_seconds": round(processor, 2)}
        measured["after_answer_mb"] = round(after_answer)
        return {**measured, "peak_mb": round(peak(server.pid)), "failed": failed}


def main() -> int:
    """Reads the arguments, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, required=True, help="with requirements-lite.txt and nothing else")
    parser.add_argument("--port", type=int, default=8511)
    parser.add_argument("--keep", action="store_true", help="write models/studies/lite.json")
    args = parser.parse_args()
    has = subprocess.run([args.python, "-c", "import tensorflow"], capture_output=True).returncode == 0
    if has:
        sys.exit(f"{args.python} has TensorFlow: give one with requirements-lite.txt alone.")
    with tempfile.TemporaryDirectory(prefix="lite-") as folder:
        place = lay_out(models_dir(), Path(folder))
        # The program's own bytecode is made before, as in an image that has been started once.
        subprocess.run([args.python, "-m", "compileall", "-q", place], check=True)
        options = f"--server.address=127.0.0.1 --server.port={args.port} --server.headless=true"
        command = f"ulimit -d {DATA_LIMIT}; exec {args.python.absolute()} -m streamlit run streamlit_app.py {options}"
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "MALLOC_ARENA_MAX": "2"}
        servers = []

        def start() -> subprocess.Popen:
            servers.append(
                subprocess.Popen(["bash", "-c", command], cwd=place, env=environment, stdout=log, stderr=log)
            )
            return servers[0]

        with (Path(folder) / "log.txt").open("w") as log:
            try:
                found = visit(f"http://127.0.0.1:{args.port}", start)
            finally:
                for server in servers:
                    server.terminate()
                    server.wait(30)
        if found["failed"]:
            print((Path(folder) / "log.txt").read_text()[-4000:], file=sys.stderr)
        exports = {path.parent.name: path.name for path in place.glob("models/*/model*.xml")}
    found |= {"networks": exports, "machine": machine(), "measured": datetime.now(UTC).isoformat(timespec="minutes")}
    found["met"] = found["peak_mb"] <= MEGABYTES and found["first_answer_seconds"] <= SECONDS and not found["failed"]
    print(json.dumps(found, indent=2))
    if args.keep:
        write_json(found, models_dir() / "studies" / "lite.json")
    return 0 if found["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
