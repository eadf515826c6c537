"""Damaged photos that are bred: libFuzzer changes files and keeps what reaches new code of the library or of Pillow.

    pip install atheris  # Linux or macOS; nothing else here needs it
    python benchmarks/fuzz_atheris.py --minutes 60 --record

It starts from the sound files of `benchmarks/damage.py`. Anything but an RGB array or a `GarbageError` ends the run,
with the file that did it kept as crash-*, and so do more memory than 1 GB and more than 20 seconds for one file. Only
Python code is watched for what is new: what the decoders in C do with a file shows where they hand back something else.
Options after `--` are libFuzzer's; a folder among them is a corpus to go on with. `--record` keeps the outcome in
benchmarks/results, see `benchmarks/record.py`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

MEGABYTES, SECONDS = 1000, 20
_FUZZED = "--in-this-process"  # libFuzzer ends the process that it runs in, so that gets one of its own


def fuzz(corpus: Path, options: list[str]) -> None:
    """Writes the sound files into a corpus and hands over to libFuzzer, which ends the process."""
    import atheris

    with atheris.instrument_imports(include=["garbage_core", "PIL", "pillow_heif"]):
        from benchmarks.damage import sound_files
        from benchmarks.fuzz_images import check

    def try_file(data: bytes) -> None:
        """Decodes a file at full and at reduced scale; raises RuntimeError for what must not happen."""
        for at_least in (None, (96, 128)):
            outcome = check(data, at_least)
            if outcome not in ("decoded", "refused"):
                raise RuntimeError(outcome)

    warnings.simplefilter("ignore")
    for name, data in sound_files().items():
        (corpus / name.replace(" ", "-")).write_bytes(data)
    # libFuzzer writes what it breeds into the first folder that it is given.
    folders = [option for option in options if Path(option).is_dir()]
    rest = [option for option in options if option not in folders]
    atheris.Setup([sys.argv[0], *rest, *folders, str(corpus)], try_file)
    atheris.Fuzz()


def outcome(log: str, status: int) -> dict[str, int | str]:
    """Reads what libFuzzer said.

    Args:
        log: All that it printed.
        status: With which the process ended.

    Returns:
        `files` tried, `seconds`, `most_memory_mb`, `reached` (places in the code), `bred` (files kept as reaching some
        that no other does) and `finding`: "none", or the line that says what ended the run.
    """
    done = re.search(r"Done (\d+) runs in (\d+) second", log)
    progress = re.findall(r"#(\d+)\s.*?cov: (\d+) ft: \d+ corp: (\d+)/.* rss: (\d+)Mb", log)
    tried, reached, bred, memory = map(int, progress[-1]) if progress else (0, 0, 0, 0)
    ended = re.findall(r"^.*(?:ERROR: libFuzzer|Uncaught Python exception|RuntimeError: ).*$", log, re.MULTILINE)
    lines = log.strip().splitlines() or ["no output"]
    return {
        "files": int(done[1]) if done else tried,
        "seconds": int(done[2]) if done else 0,
        "most_memory_mb": memory,
        "reached": reached,
        "bred": bred,
        "finding": "none" if status == 0 and done else (ended or lines)[-1].strip(),
    }


def main() -> int:
    """Reads the arguments, fuzzes in a process of its own, says what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="default: %(default)s")
    parser.add_argument("--record", action="store_true", help="keep the outcome in benchmarks/results")
    parser.add_argument("options", nargs="*", help="of libFuzzer, after --")
    args = parser.parse_args()
    limits = [f"-max_total_time={60 * args.minutes:.0f}", f"-rss_limit_mb={MEGABYTES}", f"-timeout={SECONDS}"]
    lines = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        command = [sys.executable, __file__, _FUZZED, corpus, *limits, *args.options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace")
        for line in process.stderr:
            sys.stderr.write(line)
            lines.append(line)
        found = outcome("".join(lines), process.wait())
    if args.record:
        from benchmarks.record import keep

        keep("fuzz_atheris", f"python benchmarks/fuzz_atheris.py --minutes {args.minutes:g} --record", found)
    print("\n".join(f"{key}: {value}" for key, value in found.items()))
    return 0 if found["finding"] == "none" else 1


if __name__ == "__main__":
    if sys.argv[1:2] == [_FUZZED]:
        fuzz(Path(sys.argv[2]), sys.argv[3:])
    sys.exit(main())
