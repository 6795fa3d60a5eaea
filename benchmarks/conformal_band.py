"""How often bands stop new successes, against the rate that they promise, on made-up curves.

    PYTHONPATH=test python benchmarks/conformal_band.py --draws 400

Every band is fitted on successes of its own and shown 20 new ones. The interval is that of the mean over bands.
"""

from __future__ import annotations

import argparse

import numpy as np
from qualify.made_courses import CASES, realised

NEW = 20
SEED = 11


def main() -> None:
    """Print a table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=400, help="bands of each kind (default: %(default)s)")
    draws = parser.parse_args().draws
    print(f"| curves, signals, successes, rate, debounce | promise | stopped, {draws} x {NEW} | 95 % interval |")
    print("| --- | --- | --- | --- |")
    for case in CASES:
        rates, promised = realised(case, draws, NEW, SEED)
        half = 1.96 * float(rates.std(ddof=1)) / np.sqrt(draws)
        mean = float(rates.mean())
        print(
            f"| {case} | {promised:.3f} | {mean:.3f} | {max(0.0, mean - half):.3f} to {mean + half:.3f} |", flush=True
        )


if __name__ == "__main__":
    main()
