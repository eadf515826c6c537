"""The command line: `garbage COMMAND ...`, or `python -m garbage_core COMMAND ...`.

Each command is a module of this package: `HELP`, `add_arguments(parser)`, and `run(args, out)`, which returns the exit
code and imports what it needs, so that `--help` loads no library and no command loads TensorFlow unless it runs a
network. Standard output carries the result and nothing else, with `--json` exactly one JSON document; progress,
warnings and errors go to standard error. Exit codes: 0 done, 1 some photo could not be classified, 2 a mistake in the
arguments or the files, 130 stopped with Ctrl-C.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from garbage_core import __version__
from garbage_core.cli import (
    audit,
    classify,
    compare,
    data,
    embed,
    evaluate,
    explain,
    export,
    ood,
    pretrain,
    study,
    train,
)
from garbage_core.cli.options import add_parser
from garbage_core.errors import GarbageError

_MODULES = (data, pretrain, train, evaluate, compare, classify, explain, export, embed, audit, study, ood)
COMMANDS = {module.__name__.rpartition(".")[2]: module for module in _MODULES}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        The exit code.
    """
    # Read when TensorFlow starts: shows its errors, not its notes on processor features. A user's own value wins.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    out = sys.stdout
    for stream in (out, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what this terminal cannot show
    args = _parser().parse_args(argv)
    try:
        # Libraries print progress wherever they like; only what a command writes to `out` is its result.
        with contextlib.redirect_stdout(sys.stderr):
            code = args.run(args, out)
        out.flush()
    except GarbageError as error:
        print(" ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        package = (error.name or str(error)).partition(".")[0]
        if package == __package__.partition(".")[0]:
            raise
        print(
            f"This command needs the package {package!r}, which is not installed: pip install -r requirements.txt.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print(f"\nStopped before the end. {args.after_stop}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # or Python complains when it closes the stream
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m garbage_core", description="Sorts photos of waste into classes, and shows how well."
    )
    parser.add_argument("--version", action="version", version=f"garbage_core {__version__}")
    parser.set_defaults(after_stop="No file is half written.")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        add_parser(parsers, name, module.HELP, module.add_arguments, getattr(module, "run", None))
    return parser
