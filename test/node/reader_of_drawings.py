"""A judge that reads drawings: it expects as much of a candidate as its path ends to the right."""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion


class ReaderOfDrawings:
    # A method that is known to read drawings.
    provenance = JudgeProvenance("reader", "", "cpu", "token_reward")

    def ask(self, evidence: Evidence) -> Opinion:
        if evidence.drawing is None:
            return Opinion(evidence, self.provenance, reason="Nothing is drawn.")
        seen, drawn = (keyframe.frame.image.rgb() for keyframe in evidence.keyframes["front"][-2:])
        columns = np.nonzero((seen != drawn).any(axis=(0, 2)))[0]
        return Opinion(evidence, self.provenance, progress=float(columns.max()) / drawn.shape[1])


def create(options: JudgeOptions) -> ReaderOfDrawings:
    return ReaderOfDrawings()
