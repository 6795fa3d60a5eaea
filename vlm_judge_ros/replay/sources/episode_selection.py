"""Which episodes of a dataset are wanted, as a person writes it: `0:10,17`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError

_PART = re.compile(r"\s*(?:(?P<one>\d+)|(?P<first>\d*):(?P<end>\d*))\s*")


@dataclass(frozen=True, slots=True)
class EpisodeSelection:
    """Numbers of episodes; empty for all.

    Attributes:
        ranges: first number, and the number after the last one; None where it goes to the end.
        text: as it was written.
    """

    ranges: tuple[tuple[int, int | None], ...] = ()
    text: str = ""

    @staticmethod
    def parse(text: str) -> EpisodeSelection:
        """Read numbers and ranges, separated by commas; as in Python a range leaves out its end.

        Raises:
            JudgeError: it is not written so, or a range is empty.
        """
        if not text.strip():
            return EpisodeSelection()
        ranges: list[tuple[int, int | None]] = []
        for part in text.split(","):
            found = _PART.fullmatch(part)
            if found is None:
                raise JudgeError(f"Episodes {text!r} cannot be read at {part!r}; write for example 0:10,17.")
            if found["one"] is not None:
                ranges.append((int(found["one"]), int(found["one"]) + 1))
                continue
            first, end = int(found["first"] or 0), int(found["end"]) if found["end"] else None
            if end is not None and end <= first:
                raise JudgeError(f"Episodes {part.strip()!r} names none; the end of a range has to be above its start.")
            ranges.append((first, end))
        return EpisodeSelection(tuple(ranges), text)

    def __contains__(self, number: int) -> bool:
        return not self.ranges or any(first <= number and (end is None or number < end) for first, end in self.ranges)

    def missing(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """The episodes that are named one by one and are not among these."""
        there = set(numbers)
        return tuple(first for first, end in self.ranges if end == first + 1 and first not in there)
