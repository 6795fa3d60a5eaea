"""The program `vlm-judge`: finds the subcommand, prints errors for people."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from vlm_judge_ros import __version__
from vlm_judge_ros.errors import JudgeError

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the number of SIGINT, as shells have it."""


class CommandModule(Protocol):
    """What the module of a subcommand offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments of the subcommand."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do the work and return the exit status.

        Raises:
            JudgeError: something a person can mend.
        """


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand; its module is imported only when it is asked for."""

    name: str
    module: str
    summary: str


COMMANDS = (
    Command("demo", "vlm_judge_ros.node.demo", "judge two recorded episodes live and leave a report"),
    Command("score", "vlm_judge_ros.replay.scoring.command", "judge what was recorded, and write what came of it"),
    Command("report", "vlm_judge_ros.replay.report_command", "make the page over judged episodes anew"),
    Command(
        "pseudo-label",
        "vlm_judge_ros.replay.pseudo_label_command",
        "make labels of what several judges say of episodes",
    ),
    Command(
        "calibrate", "vlm_judge_ros.qualify.calibrate_command", "fit what a judge's numbers mean on labelled episodes"
    ),
    Command("label", "vlm_judge_ros.replay.labels.command", "watch what was recorded, and say how it went"),
    Command("qualify", "vlm_judge_ros.qualify.command", "measure what a judge is worth on labelled episodes"),
    Command("fit", "vlm_judge_ros.replay.fit_command", "make a judge of a few successful episodes of your own"),
    Command("simulate", "vlm_judge_ros.simulation.command", "make simulated episodes (extra: simulate)"),
    Command(
        "steer-eval",
        "vlm_judge_ros.closed_loop.command",
        "measure in the simulator what steering by a judge gains (extra: simulate)",
    ),
    Command("examples", "vlm_judge_ros.replay.examples_command", "keep examples of good and bad behaviour for judges"),
    Command("task", "vlm_judge_ros.tasks.command", "check the files that declare tasks"),
    Command("models", "vlm_judge_ros.models.vlm.listing", "list the vision-language models that are known by name"),
    Command("pull", "vlm_judge_ros.models.vlm.pull", "download a vision-language model (extra: hub)"),
    Command("warmup", "vlm_judge_ros.models.vlm.warmup", "prove a model here, and build what TensorRT needs for it"),
    Command("export", "vlm_judge_ros.export.export", "write the ONNX graphs of a model (extra: export)"),
    Command("quantize", "vlm_judge_ros.export.quantize", "write smaller variants of a model's graphs (extra: export)"),
    Command("doctor", "vlm_judge_ros.node.doctor", "say what is installed and what really runs"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `vlm-judge` with the given arguments, those of the process by default; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except JudgeError as error:
        print(f"vlm-judge: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("vlm-judge: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as with `| head`. Nobody is left to tell.
        sys.stderr.close()
        return 1


def _run(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="vlm-judge", description="Says how far a robot's task is, whether it fails, and how."
    )
    parser.add_argument("--version", action="version", version=f"vlm_judge_ros {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked_for = next((word for word in words if not word.startswith("-")), None)
    module: CommandModule | None = None
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.summary, description=_sentence(command.summary))
        if command.name == asked_for:
            module = _load(command)
            module.add_arguments(subparser)
    arguments = parser.parse_args(words)
    assert module is not None, "argparse accepts only subcommands of the table"
    return module.run(arguments)


def _load(command: Command) -> CommandModule:
    try:
        return cast(CommandModule, importlib.import_module(command.module))
    except ModuleNotFoundError as error:
        if error.name in ("vlm_judge_ros.msg", "vlm_judge_ros.srv"):
            raise JudgeError(
                f"The command `vlm-judge {command.name}` needs the ROS messages of this package, which are not built "
                "here; install it with pip or colcon, see README.md."
            ) from error
        # Any other missing part of our own package is a bug and deserves its traceback.
        if error.name is None or error.name.startswith("vlm_judge_ros"):
            raise
        raise JudgeError(
            f"The command `vlm-judge {command.name}` needs the Python module {error.name!r}, which is not installed; "
            "see README.md."
        ) from error


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


if __name__ == "__main__":
    sys.exit(main())
