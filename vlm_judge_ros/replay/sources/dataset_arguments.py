"""Arguments of commands that read LeRobot datasets and videos."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.camera_names import is_camera_name
from vlm_judge_ros.replay.sources.episode_selection import EpisodeSelection
from vlm_judge_ros.replay.sources.joint_unit import JointUnit
from vlm_judge_ros.replay.sources.lerobot_dataset import DatasetOptions
from vlm_judge_ros.replay.sources.score_column import NONE, USUAL, score_columns

_LONGEST_CHUNK_S = 600.0


def add_dataset_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    group = parser.add_argument_group("LeRobot datasets and videos (extra: datasets); see docs/datasets.md")
    group.add_argument(
        "--episodes", default="", metavar="0:10,17", help="numbers and ranges of episodes (default: all)"
    )
    group.add_argument(
        "--video",
        action="append",
        default=[],
        metavar="CAMERA=FILE",
        help="videos that were recorded together, again for each camera: one episode",
    )
    group.add_argument(
        "--joint-unit",
        default=JointUnit.RAD.value,
        metavar="UNIT",
        help="unit of observation.state: rad, degree, or none where it is no position of joints (default: %(default)s)",
    )
    group.add_argument(
        "--chunk-s",
        type=float,
        default=0.0,
        metavar="S",
        help="announce the recorded actions so many seconds at a time (default: not at all)",
    )
    group.add_argument(
        "--truth-column",
        action="append",
        default=[],
        metavar="NAME",
        help="column that says how episodes went, again for each: truth values, or progress from 0 to 1 (default: "
        "next.success where there is one)",
    )
    group.add_argument(
        "--score-column",
        action="append",
        default=[],
        metavar="NAME[=LOW:HIGH]",
        help="column in which people scored episodes, again for each: truth values, or numbers on a scale (default: 0 "
        f"to 1), shown like a rater who is called so (default: {', '.join(USUAL)}, as far as there are such); "
        f"{NONE} for no column",
    )


def dataset_options(arguments: argparse.Namespace, cameras: Mapping[str, str]) -> DatasetOptions:
    """What was said.

    Raises:
        JudgeError: an argument cannot be read.
    """
    chunk_s: float = arguments.chunk_s
    if not 0.0 <= chunk_s <= _LONGEST_CHUNK_S:
        raise JudgeError(f"--chunk-s {chunk_s:g} cannot be used; give seconds from 0 to {_LONGEST_CHUNK_S:g}.")
    return DatasetOptions(
        task=arguments.task,
        cameras=cameras,
        episodes=EpisodeSelection.parse(arguments.episodes),
        joint_unit=JointUnit.parse(arguments.joint_unit),
        chunk_s=chunk_s,
        truth_columns=tuple(arguments.truth_column),
        score_columns=score_columns(arguments.score_column),
    )


def named_videos(texts: Sequence[str]) -> dict[str, Path]:
    """Name of a camera to its video.

    Raises:
        JudgeError: a text is not of the form CAMERA=FILE, or two name the same camera.
    """
    videos: dict[str, Path] = {}
    for text in texts:
        camera, separator, path = text.partition("=")
        if not separator or not path or not is_camera_name(camera) or camera in videos:
            raise JudgeError(
                f"--video {text} is not of the form CAMERA=FILE with a name of its own in lower-case letters, digits "
                "and _; write for example front=a.mp4."
            )
        videos[camera] = Path(path)
    return videos
