"""A judge that answers at once, for measuring everything but the model."""

from __future__ import annotations

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion


class InstantJudge:
    """Sees steady progress, whatever it is shown."""

    provenance = JudgeProvenance("instant", "0123456789abcdef", "cpu", "scripted")

    def ask(self, evidence: Evidence) -> Opinion:
        """See `Judge.ask`."""
        progress = min(0.9, evidence.elapsed_s / 4000.0)
        return Opinion(evidence, self.provenance, progress=progress, success_probability=0.1, failure_probability=0.05)


def create(options: JudgeOptions) -> InstantJudge:
    """Make one."""
    return InstantJudge()
