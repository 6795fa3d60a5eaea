"""How failures look, in words."""

from __future__ import annotations

from pathlib import Path

import pydantic

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.failure_code import NAMED, FailureCode
from vlm_judge_ros.judges.named_file import NAME, load

SHIPPED_FOLDER = Path(__file__).parent / "failure_cues"

_WITHOUT_CUES = (FailureMode.NONE, FailureMode.UNKNOWN)


class CueList(pydantic.BaseModel):
    """Signs of failure by mode; one YAML file.

    Attributes:
        name: name and version of the list. Shipped lists never change under the same name.
        cues: for each mode what is to be seen, one clause each.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str = pydantic.Field(pattern=NAME)
    cues: dict[FailureCode, tuple[str, ...]]

    @pydantic.field_validator("cues")
    @classmethod
    def _cues_are_of_failures(cls, cues: dict[FailureMode, tuple[str, ...]]) -> dict[FailureMode, tuple[str, ...]]:
        for mode in _WITHOUT_CUES:
            if mode in cues:
                raise ValueError(f"{mode.name} has cues; it stands for no kind of failure")
        return cues

    @property
    def sentences(self) -> tuple[str, ...]:
        """The cues of all modes, with the mode in words."""
        return tuple(
            f"{mode.name.lower().replace('_', ' ')}: {cue}" for mode in NAMED for cue in self.cues.get(mode, ())
        )

    @property
    def by_code(self) -> str:
        """A line for each mode that is a kind of failure: its code, and its cues as far as there are any."""
        lines = []
        for mode in NAMED:
            if mode not in _WITHOUT_CUES:
                cues = "; ".join(self.cues.get(mode, ()))
                lines.append(f"{mode.name}: {cues}" if cues else mode.name)
        return "\n".join(lines)


def load_cues(name: str) -> CueList:
    """Read a list of failure cues.

    Args:
        name: name of a shipped one, or path of a file of your own, which ends in .yaml.

    Raises:
        JudgeError: there is none, or it cannot be used.
    """
    return load(CueList, "list of failure cues", name, SHIPPED_FOLDER)
