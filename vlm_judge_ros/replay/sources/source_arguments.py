"""The arguments that say what was recorded, the same for every command, so that all find the same episodes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.bag_options import add_bag_arguments, bag_options
from vlm_judge_ros.replay.sources.dataset_arguments import add_dataset_arguments, dataset_options, named_videos
from vlm_judge_ros.replay.sources.find import FindOptions


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="a bag (a folder, or an MCAP or db3 file), a LeRobot dataset, a video, or a folder of these",
    )
    parser.add_argument(
        "--task", default="", metavar="TEXT", help="the instruction (default: the one that was recorded)"
    )
    parser.add_argument(
        "--camera",
        action="append",
        default=[],
        metavar="NAME=TOPIC",
        help="a camera and the recorded topic of its images, again for each (default: guessed where there is one "
        "pair); in a dataset its column, in a folder of videos what its files are called",
    )
    add_bag_arguments(parser)
    add_dataset_arguments(parser)


def find_options(arguments: argparse.Namespace) -> FindOptions:
    """Read them.

    Raises:
        JudgeError: they contradict each other, name nothing, or name a file that cannot be read.
    """
    cameras, videos = _cameras(arguments.camera), named_videos(arguments.video)
    if not arguments.paths and not videos:
        raise JudgeError("Nothing is named that was recorded; give a bag, a dataset or a video.")
    return FindOptions(
        arguments.task, cameras, bag_options(arguments, cameras), dataset_options(arguments, cameras), videos
    )


def _cameras(texts: Sequence[str]) -> dict[str, str]:
    cameras: dict[str, str] = {}
    for text in texts:
        name, separator, topic = text.partition("=")
        if not separator or not name or not topic or name in cameras:
            raise JudgeError(f"--camera {text} is not of the form NAME=TOPIC with a name of its own; give both.")
        cameras[name] = topic
    return cameras
