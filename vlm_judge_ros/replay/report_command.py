"""`vlm-judge report`: the page over judged episodes, made anew from their folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.number_arguments import number
from vlm_judge_ros.replay.outputs.report_page import LABELS, REPORT, write_from_folders
from vlm_judge_ros.replay.page.reported import PICTURE_BYTES
from vlm_judge_ros.replay.report import TITLE
from vlm_judge_ros.replay.scoring.result_folder import finished_episodes

MEGABYTE = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge report`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="results of `vlm-judge score`")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"the page (default: {REPORT} in DIR)")
    parser.add_argument("--title", default=TITLE, metavar="TEXT", help="its heading (default: %(default)s)")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help=f"what people say, as `vlm-judge label` writes it (default: {LABELS} in DIR, where there is one)",
    )
    parser.add_argument(
        "--picture-megabytes",
        type=number(0.0, 10_000.0),
        default=PICTURE_BYTES / MEGABYTE,
        metavar="N",
        help="what the pictures within the page may take; further ones are linked (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page; returns 0.

    Raises:
        JudgeError: there are no episodes, something cannot be read, or the page cannot be written.
    """
    folder: Path = arguments.folder
    episodes = finished_episodes(folder)
    if not episodes:
        raise JudgeError(f"There is no judged episode in {folder}; name the folder that `vlm-judge score` wrote.")
    labels = arguments.labels
    if labels is None and (folder / LABELS).is_file():
        labels = folder / LABELS
    path = arguments.out or folder / REPORT
    page = write_from_folders(episodes, path, arguments.title, labels, round(arguments.picture_megabytes * MEGABYTE))
    print(f"{len(episodes)} episodes: {page}")
    return 0
