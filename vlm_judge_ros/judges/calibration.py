"""From a method's raw score to absolute progress and to the probability of success, by a mapping that never falls."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.named_file import NAME, content_hash, load

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


class Calibration(pydantic.BaseModel):
    """What raw scores mean; one JSON file. It holds for all episodes and tasks alike.

    Attributes:
        name: name and version. Shipped calibrations never change under the same name.
        fitted: whether it was fitted on labelled episodes. One that was not gives an order, and no share of the task.
        model_hash: the model that it was fitted for; empty only where it was not fitted.
        prompt_hash: the prompt set that it was fitted for; empty only where it was not fitted.
        progress: from raw score to progress.
        success: from raw score to the probability that the task is complete; absent where that is not known, as it is
            without a fit.
    """

    model_config = _STRICT

    name: str = pydantic.Field(pattern=NAME)
    fitted: bool
    model_hash: str = ""
    prompt_hash: str = ""
    progress: Monotone
    success: Monotone | None = None

    @pydantic.model_validator(mode="after")
    def _claims_only_what_was_fitted(self) -> Calibration:
        if self.fitted and not (self.model_hash and self.prompt_hash):
            raise ValueError("it says that it was fitted, and names no model_hash and prompt_hash")
        if self.success is not None and not self.fitted:
            raise ValueError("success needs a fit")
        return self

    @property
    def content_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over everything but the name."""
        return content_hash(self)

    @property
    def label(self) -> str:
        """Name and hash, as they stand in the provenance."""
        return f"{self.name} {self.content_hash}"

    def progress_of(self, score: float) -> float:
        """Progress, 0 to 1."""
        return self.progress.value_of(score)

    def success_probability_of(self, score: float) -> float:
        """Probability that the task is complete; NaN where the calibration cannot say."""
        return self.success.value_of(score) if self.success is not None else math.nan

    def check(self, model_hash: str, prompt_hash: str) -> None:
        """Make sure that it belongs to a model and a prompt set.

        Raises:
            JudgeError: it was fitted for another one.
        """
        for what, fitted_for, given in (
            ("model", self.model_hash, model_hash),
            ("prompt set", self.prompt_hash, prompt_hash),
        ):
            if fitted_for and fitted_for != given:
                raise JudgeError(
                    f"The calibration {self.name} was fitted for the {what} {fitted_for}, and this one is "
                    f"{given or 'not known'}; fit it anew, or set the parameter calibration to {DEFAULT_CALIBRATION}."
                )


def refuse_calibration(name: str, method: str) -> None:
    """For methods that have no use for one.

    Raises:
        JudgeError: one was named.
    """
    if name:
        raise JudgeError(
            f"The judge {method} takes no calibration, and {name} is given; leave the parameter calibration empty."
        )


def load_calibration(name: str = "") -> Calibration:
    """Read a calibration.

    Args:
        name: name of a shipped one, or path of a file of your own, which ends in .json; empty for the default.

    Raises:
        JudgeError: there is none, or it cannot be used.
    """
    return load(Calibration, "calibration", name or DEFAULT_CALIBRATION, SHIPPED_FOLDER)
