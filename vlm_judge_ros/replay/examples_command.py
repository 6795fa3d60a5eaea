"""`vlm-judge examples`: the example bank."""

from __future__ import annotations

import argparse
from pathlib import Path

from vlm_judge_ros.judges.example_bank import ExampleBank, usual_folder
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.replay import examples_add, examples_distil, examples_pseudo, examples_show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge examples`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    bank = argparse.ArgumentParser(add_help=False)
    bank.add_argument("--bank", type=Path, metavar="DIR", help="folder of the bank (default: in the user's data)")

    def action(name: str, summary: str) -> argparse.ArgumentParser:
        description = f"{summary[0].upper()}{summary[1:]}."
        return actions.add_parser(name, help=summary, description=description, parents=[bank])

    add = action("add", "add an example, from a recorded bag, from images or in words")
    examples_add.add_arguments(add)
    add.set_defaults(act=examples_add.add)
    pseudo = action("add-pseudo", "add judged episodes, with the labels that `vlm-judge pseudo-label` made of them")
    examples_pseudo.add_arguments(pseudo)
    pseudo.set_defaults(act=examples_pseudo.add_labelled)
    listing = action("list", "list the examples")
    listing.add_argument("--json", action="store_true", help="print everything that is known, for programs")
    listing.add_argument(
        "--for", dest="task", default="", metavar="TASK", help="only those that a judge of this task would be shown"
    )
    listing.add_argument(
        "--tokens",
        type=int,
        default=JudgeOptions().example_tokens,
        metavar="N",
        help="with --for, the parameter example_tokens (default: %(default)s)",
    )
    listing.set_defaults(act=examples_show.list_examples)
    show = action("show", "show one example")
    show.add_argument("id", metavar="ID", help="as `vlm-judge examples list` has it")
    show.add_argument("--sheet", type=Path, metavar="FILE", help="write its images side by side to this JPEG file")
    show.set_defaults(act=examples_show.show)
    remove = action("remove", "remove one example for good")
    remove.add_argument("id", metavar="ID", help="as `vlm-judge examples list` has it, whole")
    remove.add_argument("--yes", action="store_true", help="do not ask for the id once more")
    remove.set_defaults(act=examples_show.remove)
    distil = action("distil", "let a model reward two recorded episodes, and keep what agrees with you")
    examples_distil.add_arguments(distil)
    distil.set_defaults(act=examples_distil.distil_pair)


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked with the bank.

    Raises:
        JudgeError: something a person can mend.
    """
    folder: Path = arguments.bank.expanduser() if arguments.bank is not None else usual_folder()
    status: int = arguments.act(ExampleBank(folder), arguments)
    return status
