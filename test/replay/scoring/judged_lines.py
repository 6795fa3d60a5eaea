"""The lines of verdicts that a judge gives for a bag."""

from __future__ import annotations

from pathlib import Path

from vlm_judge_ros.replay.outputs.verdict_lines import VERDICTS, VerdictLines
from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode


def judged_lines(judge: EpisodeJudge, bag: Path, folder: Path) -> bytes:
    """Judge a bag that is one episode, and return the file of its verdicts, which is written into a new folder."""
    folder.mkdir()
    episode = BagEpisode.find(bag)
    output = VerdictLines.open(episode, folder)
    output.finish(judge.judge(episode, [output]))
    return (folder / VERDICTS).read_bytes()
