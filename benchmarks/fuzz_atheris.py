"""Damaged photos that are bred: libFuzzer changes files and keeps what reaches new code of the library or of Pillow.

    pip install atheris  # Linux or macOS; nothing else here needs it
    python benchmarks/fuzz_atheris.py -max_total_time=3600 -rss_limit_mb=1000 -timeout=20

It starts from the sound files of `benchmarks/fuzz_images.py`. Anything but an RGB array or a `GarbageError` ends the
run, with the file that did it kept as crash-*, and so do more memory or time than the options allow. All options are
libFuzzer's; a folder among them is a corpus to go on with. Only Python code is watched: what the decoders in C do with
a file shows where they hand back something else.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["garbage_core", "PIL", "pillow_heif"]):
    from benchmarks.fuzz_images import check, sound_files


def try_file(data: bytes) -> None:
    """Decodes a file at full and at reduced scale; raises RuntimeError for what must not happen."""
    for at_least in (None, (96, 128)):
        outcome = check(data, at_least)
        if outcome not in ("decoded", "refused"):
            raise RuntimeError(outcome)


def main() -> None:
    """Writes the sound files into a corpus and hands over to libFuzzer, which ends the process."""
    warnings.simplefilter("ignore")
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for name, data in sound_files().items():
        (corpus / name.replace(" ", "-")).write_bytes(data)
    folders = [argument for argument in sys.argv[1:] if os.path.isdir(argument)]
    options = [argument for argument in sys.argv[1:] if argument not in folders]
    atheris.Setup([sys.argv[0], *options, *(folders or [str(corpus)]), *([str(corpus)] if folders else [])], try_file)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
