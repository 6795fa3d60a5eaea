"""What a model has to answer when it is shown moments in random order."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import pydantic

# No number is bent into its range and no text into a number: an answer fits, or the model is asked again.
_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class MomentAnswer(pydantic.BaseModel):
    """What it sees in one moment, and how much of the task is done in it. The description comes first on purpose."""

    model_config = _STRICT

    moment: int
    description: str
    percent: Annotated[float, pydantic.Field(ge=0.0, le=100.0)]


class OrderingAnswer(pydantic.BaseModel):
    """One entry for every moment but the given first one, in any order. Checked with the context `{"count": ...}`."""

    model_config = _STRICT

    moments: list[MomentAnswer]

    @pydantic.model_validator(mode="after")
    def _every_moment_once(self, info: pydantic.ValidationInfo) -> OrderingAnswer:
        count = info.context["count"] if info.context else len(self.moments)
        entries = Counter(entry.moment for entry in self.moments)
        for number in range(1, count + 1):
            if entries[number] != 1:
                times = "is missing" if not entries[number] else f"is there {entries[number]} times"
                raise ValueError(f"moment {number} {times}; give exactly one entry for each of 1 to {count}")
        for number in entries:
            if not 1 <= number <= count:
                raise ValueError(f"moment {number} was not asked for; give one entry for each of 1 to {count}")
        return self

    @property
    def by_moment(self) -> list[MomentAnswer]:
        """The entries by number."""
        return sorted(self.moments, key=lambda entry: entry.moment)
