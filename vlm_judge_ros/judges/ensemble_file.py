"""Who belongs to an ensemble, and how much they have to agree."""

from __future__ import annotations

from pathlib import Path

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.named_file import NAME, Hashed, load

_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True)


class Member(pydantic.BaseModel):
    """One judge of an ensemble. What is left out is as the parameters of the node say.

    Attributes:
        name: how reasons call it; empty for the name of its judge.
        judge: name of a judge, or its import path.
        weight: how much it counts, compared with the others; above 0.
        cameras: names of the cameras that it is shown; empty for all.
        prompts: name or path of its prompts; empty for those of the judge.
        calibration: name or path of its calibration; empty for that of the judge.
        model: as the parameter `model`; an empty text for the model that belongs to the judge.
        server: as the parameter `server`; an empty text for a model on board.
        samples: as the parameter `samples`.
        seed: as the parameter `seed`.
        images_per_camera: images of each camera in one question.
        examples: as the parameter `examples`.
        checklist: as the parameter `checklist`.
        goal_image: as the parameter `goal_image`.
        start_image: as the parameter `start_image`.
    """

    model_config = _STRICT

    name: str = pydantic.Field(default="", pattern=f"{NAME}|^$")
    judge: str = pydantic.Field(min_length=1)
    weight: pydantic.FiniteFloat = pydantic.Field(default=1.0, gt=0.0)
    cameras: tuple[str, ...] = ()
    prompts: str = ""
    calibration: str = ""
    model: str | None = None
    server: str | None = None
    samples: int | None = pydantic.Field(default=None, ge=1)
    seed: int | None = pydantic.Field(default=None, ge=0)
    images_per_camera: int | None = pydantic.Field(default=None, ge=1)
    examples: str | None = None
    checklist: str | None = None
    goal_image: str | None = None
    start_image: str | None = None

    @property
    def title(self) -> str:
        """How reasons call it."""
        return self.name or self.judge


class Rules(pydantic.BaseModel):
    """How much the members have to agree.

    Attributes:
        quorum: share of the weight of all members that has to answer, and of those that answer to speak of success.
        max_spread: largest standard deviation of their progress, 0 to 0.5; above it the ensemble cannot say.
        min_confidence: a vote for or against counts from this probability on, 0.5 to 1; less is no vote.
        min_agreement: share of the weight of the votes that has to be on one side, 0.5 to 1; below it the ensemble
            cannot say. The same share decides on a failure mode.
    """

    model_config = _STRICT

    quorum: float = pydantic.Field(default=0.6, gt=0.0, le=1.0)
    max_spread: float = pydantic.Field(default=0.2, ge=0.0, le=0.5)
    min_confidence: float = pydantic.Field(default=0.6, ge=0.5, le=1.0)
    min_agreement: float = pydantic.Field(default=0.6, ge=0.5, le=1.0)


class EnsembleFile(Hashed):
    """One YAML file.

    Attributes:
        name: name and version.
        members: who is asked, at least 2.
        rules: how much they have to agree.
    """

    model_config = _STRICT

    name: str = pydantic.Field(pattern=NAME)
    members: tuple[Member, ...] = pydantic.Field(min_length=2, max_length=16)
    rules: Rules = Rules()

    @pydantic.field_validator("members")
    @classmethod
    def _titles_differ(cls, members: tuple[Member, ...]) -> tuple[Member, ...]:
        titles = [member.title for member in members]
        for title in titles:
            if titles.count(title) > 1:
                raise ValueError(f'two members are called "{title}"; give each a name')
        for member in members:
            if member.judge == "ensemble":
                raise ValueError(f'the member "{member.title}" is an ensemble; list its members instead')
        return members


def load_ensemble(path: str) -> EnsembleFile:
    """Read an ensemble.

    Args:
        path: path of the file, which ends in .yaml, .yml or .json.

    Raises:
        JudgeError: there is none, or it cannot be used.
    """
    if not path:
        raise JudgeError(
            "The judge ensemble has no members; set the parameter ensemble to a file that lists them, see "
            "docs/methods.md."
        )
    file = Path(path).expanduser()
    return load(EnsembleFile, "ensemble", str(file), file.parent)
