"""`vlm-judge quantize`: smaller variants of the graphs of a model, with what they cost in precision."""

from __future__ import annotations

import argparse
from pathlib import Path

from vlm_judge_ros.export.extra import require

DEFAULT = "q4,q8,fp16,int8"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="model folder with graphs in single precision")
    parser.add_argument(
        "--to",
        default=DEFAULT,
        metavar="PRECISIONS",
        help=f"some of fp16, q8, q4, q4f16, int8 and uint8, separated by commas (default: {DEFAULT})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the variants and print what they cost; return the exit status.

    Raises:
        JudgeError: the extra is missing, a precision is not known, or the graphs cannot be quantized.
    """
    require("quantize", "onnx", "onnx_ir")
    from vlm_judge_ros.export.variants import write_variants

    def say(line: str) -> None:
        print(line, flush=True)

    write_variants(arguments.folder, [word.strip() for word in arguments.to.split(",")], say)
    return 0
