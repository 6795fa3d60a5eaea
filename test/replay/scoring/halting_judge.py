"""A judge like `node.square_judge` that never answers where the task says so."""

from __future__ import annotations

import threading

from node.square_judge import SquareJudge

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import Opinion

HALT = "halt the square"


class HaltingJudge(SquareJudge):
    def ask(self, evidence: Evidence) -> Opinion:
        if evidence.task == HALT:
            threading.Event().wait()
        return super().ask(evidence)


def create(options: JudgeOptions) -> HaltingJudge:
    return HaltingJudge()
