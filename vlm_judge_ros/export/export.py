"""`vlm-judge export`: the ONNX graphs of a model from the Hugging Face hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from vlm_judge_ros.export.extra import require


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="HF_FOLDER",
        help="folder of a model with config.json, safetensors and tokenizer.json",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must not exist yet")
    parser.add_argument(
        "--no-check",
        action="store_true",
        help="do not compare the graphs with transformers, which takes as much memory again",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the model folder; return the exit status.

    Raises:
        JudgeError: the extra is missing, or the model cannot be exported.
    """
    require("export", "onnx", "onnx_ir", "torch", "transformers")
    from vlm_judge_ros.export.folder import write_folder

    def say(line: str) -> None:
        print(line, flush=True)

    write_folder(arguments.source, arguments.out, say, check=not arguments.no_check)
    print(arguments.out)
    return 0
