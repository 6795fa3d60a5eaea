"""The judge card: what one judge was worth on labelled episodes, and which judge exactly that was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.named_file import NAME, Hashed, first_fault
from vlm_judge_ros.judges.opinion import JudgeProvenance

EMBEDDED_CARD = Path(__file__).parents[1] / "models" / "embedded" / "judge_card.json"
"""That of the embedded judge as it is shipped; made by benchmarks/embedded_judge.py."""

# Without the last: `model_hash` begins as names of pydantic do.
_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class CardFigure(pydantic.BaseModel):
    """One figure with its 95 % interval. None: it could not be computed, and `reason` says why.

    Attributes:
        value: the figure, in the unit that its name ends in; else a share or a correlation.
        low: lower end of the interval.
        high: upper end of the interval.
        n: how many episodes, pairs or answers it rests on.
        reason: why something is None; empty where nothing is.
    """

    model_config = _STRICT

    value: pydantic.FiniteFloat | None
    low: pydantic.FiniteFloat | None = None
    high: pydantic.FiniteFloat | None = None
    n: int = pydantic.Field(ge=0)
    reason: str = ""


class QualifiedJudge(pydantic.BaseModel):
    """Which judge was qualified. Whoever changes one of these has another instrument.

    Attributes:
        model: name of the model.
        model_hash: hash of its files, which tells its precision too.
        method: how it was asked.
        prompt_hash: hash of the prompt set; empty where there is none.
        calibration: name and hash of the calibration; empty where there is none.
    """

    model_config = _STRICT

    model: str
    model_hash: str
    method: str
    prompt_hash: str = ""
    calibration: str = ""

    @staticmethod
    def of(provenance: JudgeProvenance) -> QualifiedJudge:
        """The judge that an opinion came from."""
        return QualifiedJudge(
            model=provenance.model,
            model_hash=provenance.model_hash,
            method=provenance.method,
            prompt_hash=provenance.prompt_hash,
            calibration=provenance.calibration,
        )

    def differences(self, other: QualifiedJudge) -> tuple[str, ...]:
        """Names of what differs from another judge; empty where it is the same instrument.

        The name of the model counts only where a hash is missing: the same files may lie in another folder.
        """
        mine, others = self.model_dump(), other.model_dump()
        hashed = bool(self.model_hash and other.model_hash)
        return tuple(name for name in mine if mine[name] != others[name] and not (name == "model" and hashed))


class JudgeCard(Hashed):
    """What a judge was worth; one JSON file.

    Attributes:
        schema_version: of this form.
        name: of the card, as it stands in the provenance of verdicts.
        judge: which judge.
        software_version: of this package.
        episodes: how many labelled episodes it was shown.
        tasks: names of their tasks.
        figures: over all episodes, by name.
        per_task: the same for each task.
        per_failure_mode: the same for the failures of each mode, by its name.
        per_camera_set: the same for each set of cameras, their names joined by `+`.
        confusion: how often each true failure mode got each judged one, by their names.
        runs_on: what the model ran on, which latencies depend on and nothing else.
        unlabelled: keys of the episodes of which nothing is known; they count for no figure.
        controls: how each control was shown, or why it was not; one sentence each.
        thresholds: name and hash of what was asked for each use.
        fit_for: uses for which the figures suffice, one sentence each.
        not_fit_for: uses for which they do not, one sentence each with the figure that falls short.
    """

    model_config = _STRICT

    schema_version: Literal[1] = 1
    name: str = pydantic.Field(pattern=NAME)
    judge: QualifiedJudge
    software_version: str
    episodes: int = pydantic.Field(ge=0)
    tasks: tuple[str, ...]
    figures: Mapping[str, CardFigure]
    per_task: Mapping[str, Mapping[str, CardFigure]] = {}
    per_failure_mode: Mapping[str, Mapping[str, CardFigure]] = {}
    per_camera_set: Mapping[str, Mapping[str, CardFigure]] = {}
    confusion: Mapping[str, Mapping[str, int]] = {}
    runs_on: str = ""
    unlabelled: tuple[str, ...] = ()
    controls: Mapping[str, str] = {}
    thresholds: str = ""
    fit_for: tuple[str, ...] = ()
    not_fit_for: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and hash, as they stand in the provenance."""
        return f"{self.name} {self.content_hash}"


def read_card(path: Path) -> JudgeCard:
    """Read the card that `vlm-judge qualify` wrote.

    Raises:
        JudgeError: it is not there, or is none.
    """
    try:
        return JudgeCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise JudgeError(
            f"The judge card {path} cannot be read ({error.strerror}); name a judge_card.json that vlm-judge qualify "
            "wrote."
        ) from error
    except pydantic.ValidationError as error:
        raise JudgeError(
            f"The judge card {path} cannot be used: {first_fault(error)}; qualify the judge again with vlm-judge "
            "qualify."
        ) from error
