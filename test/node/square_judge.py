"""A judge that sees how far the square of `replay.episode_bag` is, and calls a task that begins with "fail" failing."""

from __future__ import annotations

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion


class SquareJudge:
    provenance = JudgeProvenance("square", "0123456789abcdef", "cpu", "scripted")

    def ask(self, evidence: Evidence) -> Opinion:
        picture = next(iter(evidence.keyframes.values()))[-1].frame.image.rgb()
        red = ((picture[:, :, 0] > 180) & (picture[:, :, 1] < 120)).any(axis=0)
        progress = min(1.0, max(0.0, (float(red.argmax()) - 10) / 100))
        fails = evidence.task.startswith("fail") and evidence.elapsed_s > 1.5
        return Opinion(
            evidence,
            self.provenance,
            progress=progress,
            success_probability=0.98 if progress > 0.5 and not fails else 0.02,
            failure_probability=0.97 if fails else 0.02,
            failure_mode=FailureMode.OBJECT_DROPPED,
        )


def create(options: JudgeOptions) -> SquareJudge:
    return SquareJudge()
