"""What a judge's numbers mean: mappings that never fall, and what its answers look like in successful episodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.judges.failure_band import FailureBand
from vlm_judge_ros.judges.named_file import NAME, Hashed, load

SHIPPED_FOLDER = Path(__file__).parent / "calibrations"
DEFAULT_CALIBRATION = "unfitted-v1"

# Without the last: `model_hash` begins as names of pydantic do.
_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
_Share = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]


class PiecewiseLinear(pydantic.BaseModel):
    """Straight lines between points; outside them the first and the last value.

    Attributes:
        scores: raw scores, each larger than the one before.
        values: what they stand for, 0 to 1, none smaller than the one before.
    """

    model_config = _STRICT

    kind: Literal["piecewise_linear"]
    scores: tuple[pydantic.FiniteFloat, ...] = pydantic.Field(min_length=2)
    values: tuple[_Share, ...]

    @pydantic.model_validator(mode="after")
    def _rises(self) -> PiecewiseLinear:
        if len(self.values) != len(self.scores):
            raise ValueError(f"{len(self.scores)} scores have {len(self.values)} values")
        if any(after <= before for before, after in pairwise(self.scores)):
            raise ValueError("the scores do not rise")
        if any(after < before for before, after in pairwise(self.values)):
            raise ValueError("the values fall")
        return self

    def value_of(self, score: float) -> float:
        """What a raw score stands for, 0 to 1."""
        return float(np.interp(score, self.scores, self.values))


class Logistic(pydantic.BaseModel):
    """1 / (1 + exp(-slope (score - midpoint))).

    Attributes:
        midpoint: the raw score that stands for one half.
        slope: steepness there times four, per unit of the raw score; above 0.
    """

    model_config = _STRICT

    kind: Literal["logistic"]
    midpoint: pydantic.FiniteFloat
    slope: pydantic.FiniteFloat = pydantic.Field(gt=0.0)

    def value_of(self, score: float) -> float:
        """What a raw score stands for, 0 to 1."""
        exponent = -self.slope * (score - self.midpoint)
        return 0.0 if exponent > 700.0 else 1.0 / (1.0 + math.exp(exponent))


Monotone = Annotated[PiecewiseLinear | Logistic, pydantic.Field(discriminator="kind")]


class Reads(str, Enum):
    """What of an answer a mapping reads: the raw score of a method, or what a judge without one says itself."""

    RAW_SCORE = "raw_score"
    PROGRESS = "progress"
    SUCCESS_PROBABILITY = "success_probability"


class MappingFit(pydantic.BaseModel):
    """How a mapping was fitted, and how far off it was.

    Attributes:
        method: isotonic or platt; `none` where the judge's own number was as good.
        episodes: that it was fitted on.
        errors: by name, on episodes that were left out of the fit.
    """

    model_config = _STRICT

    method: Literal["isotonic", "platt", "none"]
    episodes: int = pydantic.Field(ge=1)
    errors: Mapping[str, CardFigure]


class CalibrationFit(pydantic.BaseModel):
    """What a calibration was fitted on.

    Attributes:
        method: of the judge.
        tasks: instructions of the episodes.
        episodes: labelled episodes.
        progress: how the mapping to progress was fitted; None where there was nothing to fit it on.
        success: the same of that to the success probability.
    """

    model_config = _STRICT

    method: str
    tasks: tuple[str, ...]
    episodes: int = pydantic.Field(ge=1)
    progress: MappingFit | None = None
    success: MappingFit | None = None


class Calibration(Hashed):
    """What a judge's numbers mean; one JSON file. It holds for all episodes and tasks alike.

    Attributes:
        name: name and version. Shipped calibrations never change under the same name.
        fitted: whether it was fitted on labelled episodes. One that was not gives an order, and no share of the task.
        model_hash: the model that it was fitted for; empty only where it was not fitted.
        prompt_hash: the prompt set that it was fitted for; empty where it was not fitted, or the judge has none.
        progress: from what `progress_reads` to progress; absent where progress stays as it is.
        success: from what `success_reads` to the probability that the task is complete; absent where that is not known,
            as it is without a fit.
        progress_reads: what the first mapping reads.
        success_reads: what the second one reads.
        failure: from when on an episode counts as failing; absent where the calibration says nothing of that.
        fit: what it was fitted on; absent where that is not told.
    """

    model_config = _STRICT

    name: str = pydantic.Field(pattern=NAME)
    fitted: bool
    model_hash: str = ""
    prompt_hash: str = ""
    progress: Monotone | None = None
    success: Monotone | None = None
    progress_reads: Literal[Reads.RAW_SCORE, Reads.PROGRESS] = Reads.RAW_SCORE
    success_reads: Reads = Reads.RAW_SCORE
    failure: FailureBand | None = None
    fit: CalibrationFit | None = None

    @pydantic.model_validator(mode="after")
    def _claims_only_what_was_fitted(self) -> Calibration:
        if self.fitted and not (self.model_hash and (self.prompt_hash or not self.reads_raw_scores)):
            what = "model_hash and prompt_hash" if self.reads_raw_scores else "model_hash"
            raise ValueError(f"it says that it was fitted, and names no {what}")
        if self.success is not None and not self.fitted:
            raise ValueError("success needs a fit")
        if self.reads_own_numbers and not self.fitted:
            raise ValueError("what is said of a judge's own numbers needs a fit")
        if self.progress is None and self.success is not None and self.success_reads is Reads.RAW_SCORE:
            raise ValueError("raw scores are mapped to success, and not to progress")
        if self.progress is None and self.success is None and self.failure is None:
            raise ValueError("it has neither progress nor success nor failure")
        return self

    @pydantic.model_serializer(mode="wrap")
    def _without_what_is_absent(self, write: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what stands at its default, so that a file keeps its hash when the form grows."""
        plain: dict[str, Any] = write(self)
        absent = {"progress": None, "progress_reads": "raw_score", "success_reads": "raw_score", "failure": None}
        absent["fit"] = None
        return {name: value for name, value in plain.items() if name not in absent or value != absent[name]}

    @property
    def reads_raw_scores(self) -> bool:
        """Whether it maps raw scores."""
        return (self.progress is not None and self.progress_reads is Reads.RAW_SCORE) or (
            self.success is not None and self.success_reads is Reads.RAW_SCORE
        )

    @property
    def reads_own_numbers(self) -> bool:
        """Whether it says something of what a judge says itself: maps it, or has a band for it."""
        return (
            self.failure is not None
            or (self.progress is not None and self.progress_reads is not Reads.RAW_SCORE)
            or (self.success is not None and self.success_reads is not Reads.RAW_SCORE)
        )

    @property
    def label(self) -> str:
        """Name and hash, as they stand in the provenance."""
        return f"{self.name} {self.content_hash}"

    def progress_of(self, score: float) -> float:
        """Progress of a raw score, 0 to 1; NaN where the calibration cannot say."""
        known = self.progress is not None and self.progress_reads is Reads.RAW_SCORE
        return self.progress.value_of(score) if self.progress is not None and known else math.nan

    def success_probability_of(self, score: float) -> float:
        """Probability by a raw score that the task is complete; NaN where the calibration cannot say."""
        known = self.success is not None and self.success_reads is Reads.RAW_SCORE
        return self.success.value_of(score) if self.success is not None and known else math.nan

    def check(self, model_hash: str, prompt_hash: str) -> None:
        """Make sure that it belongs to a model and a prompt set.

        Raises:
            JudgeError: it was fitted for another one.
        """
        for what, fitted_for, given in (
            ("model", self.model_hash, model_hash),
            ("prompt set", self.prompt_hash, prompt_hash),
        ):
            if (fitted_for or self.fitted) and fitted_for != given:
                raise JudgeError(
                    f"The calibration {self.name} was fitted for the {what} {fitted_for or 'of a judge without one'}, "
                    f"and this one is {given or 'not known'}; fit it anew, or set the parameter calibration to "
                    f"{DEFAULT_CALIBRATION}."
                )


def raw_score_calibration(name: str = "") -> Calibration | None:
    """Read a calibration for a method that has raw scores; None where it is not about these.

    Args:
        name: as for `load_calibration`; empty for none.

    Raises:
        JudgeError: there is none of this name, or it cannot be used.
    """
    calibration = load_calibration(name) if name else None
    return calibration if calibration is not None and calibration.reads_raw_scores else None


def load_calibration(name: str = "") -> Calibration:
    """Read a calibration.

    Args:
        name: name of a shipped one, or path of a file of your own, which ends in .json; empty for the default.

    Raises:
        JudgeError: there is none, or it cannot be used.
    """
    return load(Calibration, "calibration", name or DEFAULT_CALIBRATION, SHIPPED_FOLDER)
