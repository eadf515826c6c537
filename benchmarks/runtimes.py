"""One photo through one network, by every runtime that it was exported to, against the usual `predict`.

    python benchmarks/runtimes.py transfer --size 224 224 --repeats 25

Prints a table: median milliseconds, the quarter below and above, and how many times as fast as `predict` (the median
of the ratios within each round; all sides take turns). Make the exports first, with `python -m garbage_core export`.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from garbage_core.inference import CompiledNetwork
from garbage_core.runs import load_run
from garbage_core.runtimes import KERAS, ExportedNetwork, find_exports, keras_network
from garbage_core.timing import in_turns, median_ratio


def main() -> None:
    """Reads the arguments, races, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="name of a run")
    parser.add_argument("--size", type=int, nargs=2, metavar=("H", "W"), help="of the photo (default: the run's)")
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    run = load_run(args.name)
    size = args.size or (run.config["height"], run.config["width"])
    photo = np.random.default_rng(0).integers(0, 256, (1, *size, 3)).astype(np.float32)

    network = keras_network(run)
    compiled = CompiledNetwork(network)
    sides = {"predict": lambda: network.predict(photo, verbose=0), f"{KERAS}, compiled": lambda: compiled(photo)}
    for export in find_exports(run):
        exported = ExportedNetwork(export)
        sides[export.runtime] = lambda exported=exported: exported(photo)
    times = in_turns(sides, args.repeats)
    rows = [
        {
            "runtime": name,
            "milliseconds": round(float(np.median(values)), 2),
            "quartiles": [round(float(q), 2) for q in np.percentile(values, [25, 75])],
            "times_as_fast_as_predict": round(median_ratio(times["predict"], values), 2),
        }
        for name, values in times.items()
    ]
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{run.name}, one photo of {size[1]}x{size[0]}, {args.repeats} rounds in turns")
    for row in rows:
        low, high = row["quartiles"]
        print(
            f"{row['runtime']:16} {row['milliseconds']:8.1f} ms ({low:.1f} to {high:.1f})"
            f" {row['times_as_fast_as_predict']:6.2f} times as fast"
        )


if __name__ == "__main__":
    main()
