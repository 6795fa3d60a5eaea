"""A judge like `node.square_judge` whose process ends or hangs over a question; its model is a folder for its notes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from node.square_judge import SquareJudge

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import Opinion

DIES_ONCE, HANGS_ONCE, ALWAYS_DIES, CANNOT_SAY = (
    f"{how} over the square" for how in ("die once", "hang once", "always die", "despair")
)
EXIT_CODE = 23


class DyingJudge(SquareJudge):
    def __init__(self, notes: Path) -> None:
        self._notes = notes

    def ask(self, evidence: Evidence) -> Opinion:
        task = evidence.task
        if task == CANNOT_SAY:
            return Opinion(evidence, self.provenance, declined=True, reason="It is too dark.")
        late = evidence.elapsed_s > 1.0
        if late and (task == ALWAYS_DIES or (task in (DIES_ONCE, HANGS_ONCE) and not self._happened(task))):
            if task == HANGS_ONCE:
                threading.Event().wait()
            os._exit(EXIT_CODE)
        return super().ask(evidence)

    def _happened(self, task: str) -> bool:
        note = self._notes / task
        happened = note.exists()
        note.touch()
        return happened


def create(options: JudgeOptions) -> DyingJudge:
    return DyingJudge(Path(options.model))
