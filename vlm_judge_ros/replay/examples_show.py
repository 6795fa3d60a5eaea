"""`vlm-judge examples list`, `show` and `remove`."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.judges.example import Example
from vlm_judge_ros.judges.example_bank import BankContent, ExampleBank
from vlm_judge_ros.judges.example_choice import choose
from vlm_judge_ros.replay.contact_sheet import Print, write_sheet


def list_examples(bank: ExampleBank, arguments: argparse.Namespace) -> int:
    """Print what is in the bank; what is broken goes to the standard error stream.

    Raises:
        JudgeError: the bank cannot be read.
    """
    content = bank.read() if bank.folder.exists() else BankContent(())
    for fault in content.faults:
        print(f"vlm-judge: {fault}", file=sys.stderr)
    shown = {example.id: example.frames for example in content.examples}
    if arguments.task:
        shown = {one.example.id: one.frames for one in choose(content.examples, arguments.task, arguments.tokens)}
    examples = {example.id: example for example in content.examples}
    listed_examples = [examples[name] for name in shown]
    if arguments.json:
        listed = {
            "bank": str(bank.folder.absolute()),
            "hash": content.content_hash,
            "examples": [example.model_dump(mode="json") for example in listed_examples],
            "faults": list(content.faults),
        }
        print(json.dumps(listed, indent=2, ensure_ascii=False))
        return 0
    if not content.examples:
        print(f"The bank {bank.folder} has no examples; `vlm-judge examples add --help` says how to add one.")
        return 0
    table = Table(box=SIMPLE_HEAD)
    for heading in ("id", "task", "mode", "kind", "images", "text"):
        # An id that is cut cannot be copied.
        table.add_column(heading, no_wrap=heading in ("id", "mode", "kind", "images"), overflow="fold")
    for example in listed_examples:
        images = str(len(shown[example.id]) or "")
        words = (example.id, example.task, example.failure_mode.name, example.kind.value, images, example.text)
        table.add_row(*(escape(word) for word in words))
    Console().print(table)
    if arguments.task:
        print(f'Shown, in this order of choice, for "{arguments.task}" within {arguments.tokens} estimated tokens.')
    print(f"{len(content.examples)} examples in {bank.folder}, hash {content.content_hash}.")
    return 0


def show(bank: ExampleBank, arguments: argparse.Namespace) -> int:
    """Print one example, and write its images where asked.

    Raises:
        JudgeError: there is none of this id, it is broken, or the sheet cannot be written.
    """
    example = bank.get(arguments.id)
    jpegs = {frame.file: bank.frame(example, frame) for frame in example.frames}
    created = datetime.fromtimestamp(example.created_ns * 1e-9, timezone.utc)
    for name, value in (
        ("id", example.id),
        ("task", example.task),
        ("failure mode", example.failure_mode.name),
        ("outcome", example.outcome),
        ("kind", example.kind.value),
        ("text", example.text),
        ("origin", example.origin),
        ("made by", example.made_by),
        ("added", f"{created:%Y-%m-%d %H:%M} UTC, version {example.version}"),
        ("folder", str((bank.folder / example.id).absolute())),
    ):
        if value:
            print(f"{name + ':':14}{value}")
    for frame in example.frames:
        reward = "" if frame.reward is None else f"  {frame.reward:.2f}"
        print(f"{'':14}{frame.camera:10} {frame.time_s:7.1f} s{reward}  {frame.file}")
    if arguments.sheet is not None:
        if not example.frames:
            print("It has no images, so there is no sheet.")
            return 1
        write_sheet(_rows(example, jpegs), arguments.sheet)
        print(f"Its images: {arguments.sheet}")
    return 0


def remove(bank: ExampleBank, arguments: argparse.Namespace) -> int:
    """Remove one example, once its id has been typed again.

    Raises:
        JudgeError: there is none of exactly this id, or it cannot be removed.
    """
    bank.check_there(arguments.id)
    if not arguments.yes:
        try:
            again = input("It will be gone for good. Type its id once more: ")
        except EOFError:
            again = ""
        if again.strip() != arguments.id:
            print("That is not its id; nothing was removed.")
            return 1
    bank.remove(arguments.id)
    print(f"Removed {arguments.id}.")
    return 0


def _rows(example: Example, jpegs: dict[str, bytes]) -> list[list[Print]]:
    rows: dict[str, list[Print]] = {}
    for frame in example.frames:
        reward = "" if frame.reward is None else f"  {100.0 * frame.reward:.0f} %"
        caption = f"{frame.camera} {frame.time_s:.1f} s{reward}"
        rows.setdefault(frame.camera, []).append(Print(CompressedImage(jpegs[frame.file]).rgb(), caption))
    return list(rows.values())
