"""The arguments that give parameters of a judge on a command line, the same wherever there is no node."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parameter_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them; `given_parameters` reads what they leave in `config` and `assignments`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="parameters, as a judge node takes them")
    parser.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the judge, again for each; see docs/parameters.md",
    )
