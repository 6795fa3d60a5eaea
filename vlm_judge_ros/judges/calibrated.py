"""A judge whose own numbers go through a calibration that was fitted for it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.calibration import Calibration, Reads, load_calibration
from vlm_judge_ros.judges.factory import JudgeFactory, JudgeOptions
from vlm_judge_ros.judges.failure_band import signals_of
from vlm_judge_ros.judges.opinion import Cancellable, Judge, JudgeProvenance, Opinion, Reporting


class CalibratedJudge:
    """Asks a judge, maps its own progress and success probability, and holds its signals against the failure band.

    Mappings that read raw scores are the business of the method that has these. The band sees the judge's numbers as
    they were before any mapping.

    Args:
        judge: who is asked.
        calibration: fitted for this judge.

    Raises:
        JudgeError: it was fitted for another one.
    """

    def __init__(self, judge: Judge, calibration: Calibration) -> None:
        source = judge.provenance
        calibration.check(source.model_hash, source.prompt_hash)
        self._judge = judge
        self._calibration = calibration

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        return self._labelled(self._judge.provenance)

    @property
    def status(self) -> str:
        """How the judge's model runs."""
        return self._judge.status if isinstance(self._judge, Reporting) else ""

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge the evidence; see `Judge.ask`."""
        opinion = self._judge.ask(evidence)
        if evidence.drawing is not None:  # it was fitted on pictures as the cameras took them
            return opinion
        return replace(self._mapped(opinion), provenance=self._labelled(opinion.provenance), **self._band(opinion))

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the judge can stop."""
        if isinstance(self._judge, Cancellable):
            self._judge.cancel()

    def _labelled(self, source: JudgeProvenance) -> JudgeProvenance:
        label = self._calibration.label
        # A method that maps raw scores by the same calibration has named it already.
        labels = dict.fromkeys(filter(None, (*source.calibration.split(" + "), label)))
        return replace(source, calibration=" + ".join(labels))

    def _band(self, opinion: Opinion) -> dict[str, Any]:
        band = self._calibration.failure
        if band is None:
            return {}
        signals = signals_of(opinion.progress, opinion.raw_score, opinion.failure_probability, opinion.novelty)
        return {"band_score": band.score(opinion.evidence.elapsed_s, signals), "band_limit": band.limit}

    def _mapped(self, opinion: Opinion) -> Opinion:
        calibration = self._calibration
        if opinion.declined:
            return opinion
        own = {Reads.PROGRESS: opinion.progress, Reads.SUCCESS_PROBABILITY: opinion.success_probability}
        mapped = opinion
        if calibration.success is not None and calibration.success_reads in own:
            score = own[calibration.success_reads]
            value = math.nan if math.isnan(score) else calibration.success.value_of(score)
            mapped = replace(mapped, success_probability=value, calibrated=True)
        if calibration.progress is not None and calibration.progress_reads is Reads.PROGRESS:
            progress, low, high = (
                math.nan if math.isnan(value) else calibration.progress.value_of(value)
                for value in (opinion.progress, opinion.progress_low, opinion.progress_high)
            )
            mapped = replace(mapped, progress=progress, progress_low=low, progress_high=high, calibrated=True)
        return mapped


def calibrated(create: JudgeFactory, options: JudgeOptions, maps_raw_scores: bool = False) -> Judge:
    """Make a judge, behind a calibration where one is given that has something which the judge does not do itself.

    Args:
        create: makes the judge.
        options: of the judge.
        maps_raw_scores: it is told of the calibration too, and maps its raw scores by it.

    Raises:
        JudgeError: the calibration cannot be read, or was fitted for another judge; or as of `create`.
    """
    if not options.calibration:
        return create(options)
    calibration = load_calibration(options.calibration)
    if not maps_raw_scores and calibration.reads_raw_scores:
        raise JudgeError(
            f"The calibration {calibration.name} maps raw scores, and this judge has none; give one that `vlm-judge "
            "calibrate` made for it, or leave the parameter calibration empty."
        )
    judge = create(options)
    return CalibratedJudge(judge, calibration) if calibration.reads_own_numbers else judge
