"""Arguments of the commands that load a model; imports nothing that loads one."""

from __future__ import annotations

import argparse

_USUAL_PROVIDERS = "tensorrt,cuda,cpu"


def add_model_arguments(parser: argparse._ActionsContainer) -> None:
    """Declare how a model is to be run."""
    parser.add_argument(
        "--providers",
        default=_USUAL_PROVIDERS,
        metavar="NAMES",
        help="what to run on, the preferred first, with commas: tensorrt, cuda, cpu (default: %(default)s)",
    )
    parser.add_argument(
        "--precision", default="", metavar="WORDS", help="such as q4f16, or vision=fp16,embed=fp16,decoder=q4"
    )
    parser.add_argument(
        "--image-tokens", type=int, metavar="N", help="most tokens of a frame (default: what the judge takes)"
    )
    parser.add_argument(
        "--max-images", type=int, default=16, metavar="N", help="most frames in one question (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads on the CPU (default: %(default)s)")
