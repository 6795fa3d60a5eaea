"""Where an opinion came from, as it stands in verdicts."""

from __future__ import annotations

import math

from vlm_judge_ros import __version__
from vlm_judge_ros.episode.known import known
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.verdict.verdict import EvidenceFrame, Provenance


def provenance_of(opinion: Opinion | None, latency_s: float = math.nan) -> Provenance:
    """Describe the judge and the frames that it was shown.

    Args:
        opinion: the opinion; None where no judge took part.
        latency_s: wall-clock seconds from request to answer; NaN where not told.
    """
    if opinion is None:
        return Provenance(software_version=__version__)
    evidence = opinion.evidence
    frames = tuple(
        EvidenceFrame(
            camera=camera,
            stamp_ns=keyframe.frame.stamp_ns,
            age_s=(evidence.now_ns - keyframe.frame.stamp_ns) * 1e-9,
            role=keyframe.role,
        )
        for camera, keyframes in evidence.keyframes.items()
        for keyframe in keyframes
    )
    return provenance_of_judge(opinion.provenance, latency_s).model_copy(update={"frames": frames})


def provenance_of_judge(judge: JudgeProvenance, latency_s: float = math.nan) -> Provenance:
    """Describe the judge alone; `latency_s` as for `provenance_of`."""
    return Provenance(
        model=judge.model,
        model_hash=judge.model_hash,
        provider=judge.provider,
        method=judge.method,
        prompt_set=judge.prompt_set,
        prompt_hash=judge.prompt_hash,
        calibration=judge.calibration,
        judge_card=judge.judge_card,
        seed=judge.seed,
        software_version=__version__,
        latency_s=known(latency_s),
    )
