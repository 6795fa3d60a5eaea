"""What a person says of bags on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.clocks import Clock
from vlm_judge_ros.replay.sources.split import Split, parse_split
from vlm_judge_ros.replay.sources.topics_file import RobotTopics, read_topics_file


@dataclass(frozen=True, slots=True)
class BagOptions:
    """What is said of bags that do not say it themselves.

    Attributes:
        task: the instruction; empty takes the one that was recorded.
        robots: the topics of each robot, by its name.
        split: where episodes begin and end; None takes a whole bag as one.
        clock: by whose time episodes are judged.
        told: the same as it was written, for the record of what the results were made with.
    """

    task: str = ""
    robots: Mapping[str, RobotTopics] = field(default_factory=lambda: {"": RobotTopics()})
    split: Split | None = None
    clock: Clock = Clock.RECORDED
    told: Mapping[str, Any] = field(default_factory=dict)


def add_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that concern bags alone."""
    parser.add_argument(
        "--topics",
        type=Path,
        metavar="FILE",
        help="a YAML file that names the topics of cameras, joint states, chunks and task; see docs/recordings.md",
    )
    parser.add_argument(
        "--split",
        metavar="HOW",
        help="several episodes in one bag: task (each new instruction), chunks (their numbers begin anew), gap=5s (no "
        "image for longer), markers=/topic (texts start, start NAME, stop), or a CSV file with the columns bag, "
        "start_s, end_s, name, task",
    )

    parser.add_argument(
        "--time",
        choices=[clock.value for clock in Clock],
        default=Clock.RECORDED.value,
        help="judge by the time at which messages were recorded, or by the stamps in their headers, where a bag was "
        "recorded on another clock than its cameras' (default: %(default)s)",
    )


def bag_options(arguments: argparse.Namespace, cameras: Mapping[str, str]) -> BagOptions:
    """Read them.

    Raises:
        JudgeError: they contradict each other, or a file cannot be read.
    """
    robots: Mapping[str, RobotTopics] = {"": RobotTopics.model_construct(cameras=dict(cameras))}
    if arguments.topics is not None:
        if cameras:
            raise JudgeError("Cameras are named by --camera and by --topics; leave one of them out.")
        robots = read_topics_file(arguments.topics).robots
    split = parse_split(arguments.split) if arguments.split is not None else None
    told = {
        "topics": {name: robot.model_dump() for name, robot in robots.items()}
        if arguments.topics is not None
        else None,
        "split": arguments.split,
        "time": arguments.time,
    }
    return BagOptions(arguments.task, robots, split, Clock(arguments.time), told)
