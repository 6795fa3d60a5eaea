"""In which unit a dataset keeps the positions of joints; none of the formats says it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

from vlm_judge_ros.errors import JudgeError

LARGEST_RAD = 4.0 * math.pi
"""No joint of a robot arm turns as far; larger numbers are degrees, percent or pixels."""


class JointUnit(Enum):
    """Unit of the positions of joints; the values are how a person writes it."""

    RAD = "rad"
    DEGREE = "degree"
    NONE = "none"
    """They are no positions of joints, and are not used."""

    @staticmethod
    def parse(text: str) -> JointUnit:
        """Read what a person wrote.

        Raises:
            JudgeError: it is none of them.
        """
        for unit in JointUnit:
            if unit.value == text:
                return unit
        raise JudgeError(
            f"The unit {text!r} of joints is not known; write {', '.join(unit.value for unit in JointUnit)}."
        )

    def in_rad(self, number: float) -> float:
        """A position in rad; m for prismatic joints, which are kept as they are only where the unit is rad."""
        return math.radians(number) if self is JointUnit.DEGREE else number

    def check(self, numbers: Sequence[float], what: str) -> None:
        """Refuse numbers that cannot be in this unit.

        Raises:
            JudgeError: they are too large.
        """
        largest = max((abs(number) for number in numbers if math.isfinite(number)), default=0.0)
        if self is JointUnit.RAD and largest > LARGEST_RAD:
            raise JudgeError(
                f"{what} reaches {largest:g}, which is no position of a joint in rad; say --joint-unit degree, or "
                "--joint-unit none where it is something else."
            )
