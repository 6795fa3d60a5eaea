"""When a verdict is another one, and is published. No ROS in here."""

from __future__ import annotations

from vlm_judge_ros.verdict.verdict import Verdict


def what_counts(verdict: Verdict) -> tuple[object, ...]:
    """What makes a verdict another one. Stamps, ages and the sentences that count seconds do not."""
    return (
        verdict.episode_id,
        verdict.task,
        verdict.chunk_id,
        verdict.state,
        verdict.progress,
        verdict.success_probability,
        verdict.failure_mode,
        tuple((finding.name, finding.source) for finding in verdict.decided_by),
        verdict.missing_layers,
        verdict.subtasks,
        tuple((finding.name, finding.effect) for finding in verdict.review),
    )
