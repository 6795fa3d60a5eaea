"""What one person says of one recorded episode."""

from __future__ import annotations

import math
import re
from typing import Any

import pydantic

from vlm_judge_ros.episode.failure_mode import FailureMode

TIE = "tie:"
LONGEST_KEY = 160
LONGEST_RATER = 80
LONGEST_NOTE = 2000
_KEY = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{LONGEST_KEY - 1}}}")
_DECIMAL_COMMA = re.compile(r"\d*,\d+")


class Label(pydantic.BaseModel):
    """A judgement of an episode, a preference of it over another one, or both. None and empty: not said.

    Attributes:
        episode: key of the episode.
        score: how far the task came, 0 to 1.
        success: whether the task was done at the end.
        failure_mode: the way in which it failed; NONE only where it did not.
        onset_s: seconds from the start of the episode to the start of the failure.
        preferred_over: key of an episode of the same task that is worse than this one; with `tie:` before it, of one
            that is as good.
        rater: who says so.
        note: anything else, on one line.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    episode: str
    score: float | None = None
    success: bool | None = None
    failure_mode: FailureMode | None = None
    onset_s: float | None = None
    preferred_over: str = ""
    rater: str = ""
    note: str = ""

    @property
    def judges(self) -> bool:
        """Whether it says something of the episode alone."""
        return any(value is not None for value in (self.score, self.success, self.failure_mode, self.onset_s))

    @property
    def compared_with(self) -> str:
        """Key of the episode that it is compared with; empty where it is not."""
        return self.preferred_over.removeprefix(TIE)

    @property
    def is_tie(self) -> bool:
        """Whether it is as good as the episode that it is compared with."""
        return self.preferred_over.startswith(TIE)

    @property
    def pair(self) -> frozenset[str]:
        """The keys of the two episodes that are compared; empty where none are."""
        return frozenset((self.episode, self.compared_with)) if self.preferred_over else frozenset()

    @pydantic.field_validator("episode")
    @classmethod
    def _is_a_key(cls, key: str) -> str:
        key = key.strip()
        if not key:
            raise ValueError("it is empty; write the key of the episode, which is the name of its folder")
        if not _KEY.fullmatch(key):
            raise ValueError("it is no key of an episode; keys have letters, digits, `.`, `_` and `-`")
        return key

    @pydantic.field_validator("score", "onset_s", mode="before")
    @classmethod
    def _is_a_number(cls, value: Any) -> float | None:
        if isinstance(value, str):
            value = value.strip()
            if not value:
                return None
            if _DECIMAL_COMMA.fullmatch(value):
                raise ValueError(f"it has a decimal comma; write {value.replace(',', '.')}")
            try:
                value = float(value)
            except ValueError:
                raise ValueError("it is no number; write one such as 0.8, or nothing") from None
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError("it is no number; write one such as 0.8, or nothing")
        return float(value)

    @pydantic.field_validator("score")
    @classmethod
    def _is_a_share(cls, score: float | None) -> float | None:
        if score is not None and not 0.0 <= score <= 1.0:
            remedy = f"write {score / 100:g} for {score:g} %" if 1.0 < score <= 100.0 else "0 is nothing, 1 is all"
            raise ValueError(f"it lies outside 0 to 1; {remedy}")
        return score

    @pydantic.field_validator("success", mode="before")
    @classmethod
    def _is_yes_or_no(cls, value: Any) -> bool | None:
        if value is None or isinstance(value, bool):
            return value
        text = value.strip().lower() if isinstance(value, str) else None
        if text not in ("yes", "no", ""):
            raise ValueError("it is neither yes nor no; write one of them, or nothing")
        return {"yes": True, "no": False}.get(text)

    @pydantic.field_validator("failure_mode", mode="before")
    @classmethod
    def _is_a_mode(cls, value: Any) -> FailureMode | None:
        if value is None or isinstance(value, FailureMode):
            return value
        name = value.strip().upper() if isinstance(value, str) else "?"
        if not name:
            return None
        if name not in FailureMode.__members__:
            raise ValueError(f"it is no failure mode; write one of {', '.join(FailureMode.__members__)}, or nothing")
        return FailureMode[name]

    @pydantic.field_validator("failure_mode")
    @classmethod
    def _mode_goes_with_success(cls, mode: FailureMode | None, others: pydantic.ValidationInfo) -> FailureMode | None:
        if others.data.get("success") is True and mode not in (None, FailureMode.NONE):
            raise ValueError("it does not go with success yes; write no, or leave the mode out")
        if others.data.get("success") is False and mode is FailureMode.NONE:
            raise ValueError("it does not go with success no; write UNKNOWN where no other mode fits, or nothing")
        return mode

    @pydantic.field_validator("onset_s")
    @classmethod
    def _onset_goes_with_a_failure(cls, onset_s: float | None, others: pydantic.ValidationInfo) -> float | None:
        if onset_s is None:
            return None
        if onset_s < 0.0:
            raise ValueError("it lies before the episode; write seconds from its start")
        if others.data.get("success") is True or others.data.get("failure_mode") is FailureMode.NONE:
            raise ValueError("no failure began in an episode without a failure; leave it out, or write success no")
        return onset_s

    @pydantic.field_validator("preferred_over")
    @classmethod
    def _is_another_episode(cls, text: str, others: pydantic.ValidationInfo) -> str:
        text = text.strip()
        other = text.removeprefix(TIE)
        if text and not _KEY.fullmatch(other):
            raise ValueError(f"it is no key of an episode; write a key, or `{TIE}` and a key where both are as good")
        if text and other == others.data.get("episode"):
            raise ValueError("it is the episode itself; write the key of the one that is worse")
        return text

    @pydantic.field_validator("rater", "note")
    @classmethod
    def _is_one_line(cls, text: str, field: pydantic.ValidationInfo) -> str:
        line = " ".join(text.split())
        longest = LONGEST_RATER if field.field_name == "rater" else LONGEST_NOTE
        if len(line) > longest:
            raise ValueError(f"it has {len(line)} characters; write at most {longest}")
        if not all(character.isprintable() or character == "\u00ad" for character in line):
            raise ValueError("it has characters that cannot be printed; leave them out")
        return line
