"""`report.html`: all judged episodes on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.replay.report import write_report

REPORT = "report.html"


def write(folder: Path, episodes: Sequence[Path]) -> None:
    """See `SpanningKind.write`."""
    write_report([read_episode(episode).trace for episode in episodes], folder / REPORT)
