"""The result of judged episodes for machines."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from vlm_judge_ros.replay.trace import EpisodeTrace


class EpisodeSummary(BaseModel):
    """One judged episode.

    Attributes:
        name: name of the episode.
        truth: `success`, or the failure mode; None where nobody knows.
        verdict: state of the final verdict.
        final_progress: progress of the final verdict, 0 to 1; None where it is not known.
        onset_s: seconds to the true start of the failure; None where there is none.
        recognised_s: seconds until a listener first knew of a failure; None where none was recognised.
        verdicts: number of answers that became a verdict.
        frames_in: per camera, the frames that the node counted.
        frames_lost: per camera, the frames that were sent and that the node did not count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    truth: str | None
    verdict: str
    final_progress: float | None
    onset_s: float | None
    recognised_s: float | None
    verdicts: int
    frames_in: dict[str, int]
    frames_lost: dict[str, int]

    @staticmethod
    def of(trace: EpisodeTrace) -> EpisodeSummary:
        """Summarise a trace."""
        return EpisodeSummary(
            name=trace.name,
            truth=trace.truth.label if trace.truth is not None else None,
            verdict=trace.final_state.name,
            final_progress=_rounded(trace.final_progress),
            onset_s=_rounded(trace.onset_s),
            recognised_s=_rounded(trace.recognised_s),
            verdicts=len(trace.answers),
            frames_in=dict(trace.frames_in),
            frames_lost=dict(trace.frames_lost),
        )


class Summary(BaseModel):
    """All judged episodes, and the page that shows them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    episodes: list[EpisodeSummary]
    report: Path


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if value is not None and math.isfinite(value) else None
