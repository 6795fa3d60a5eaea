"""A judge that names the first path, and tells how often its model was asked; for a process of its own."""

from __future__ import annotations

from dataclasses import replace

from judges.known_writers import Answer, KnownWriter

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.judges.path_choice import PathChoiceJudge, PathChoicePrompt
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.writer import Writing


class CountingPathJudge(PathChoiceJudge):
    def __init__(self) -> None:
        self.writer = KnownWriter(_first)
        super().__init__(self.writer, load(PathChoicePrompt, "prompt", "path-choice-v1", SHIPPED_FOLDER), 2)

    def ask(self, evidence: Evidence) -> Opinion:
        return replace(super().ask(evidence), reason=str(len(self.writer.writings)))


def _first(writing: Writing) -> Answer:
    return {"seen": "", "path": 1}


def create(options: JudgeOptions) -> CountingPathJudge:
    return CountingPathJudge()
