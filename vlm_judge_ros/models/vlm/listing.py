"""`vlm-judge models`: the known models as a table."""

from __future__ import annotations

import argparse
import json

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from vlm_judge_ros.models.vlm.known import KnownModel, is_pulled, known_models, usual_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge models`."""
    parser.add_argument("--json", action="store_true", help="print everything that is known, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print the models.

    Raises:
        JudgeError: the files that describe them cannot be used.
    """
    models = known_models()
    if arguments.json:
        print(json.dumps([_fields(model) for model in models.values()], indent=2))
        return 0
    table = Table(box=SIMPLE_HEAD)
    for heading in ("name", "here", "size", "licence", "repository and needs"):
        # A name that is cut cannot be copied.
        table.add_column(heading, no_wrap=heading in ("name", "size"), overflow="fold")
    for model in models.values():
        sizes = [f"{name} {size_text(size)}" for name, size in model.size_bytes.items()]
        here = "yes" if is_pulled(model.name) else "no"
        needs = f"{model.repository}\n{model.needs}"
        table.add_row(model.name, here, "\n".join(sizes) or "not known", model.licence, needs, end_section=True)
    Console().print(table)
    print("Get one with `vlm-judge pull NAME`. Sizes are about; before a download the hub tells them exactly.")
    return 0


def _fields(model: KnownModel) -> dict[str, object]:
    folder = usual_folder(model.name)
    return {**model.model_dump(mode="json"), "folder": str(folder) if is_pulled(model.name) else None}


def size_text(size: int) -> str:
    """A size in bytes, for a person."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
