"""What `vlm-judge doctor` finds, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    """How something is; the values are printed."""

    WELL = "ok"
    ABSENT = "absent"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Observation:
    """One line of what was found."""

    health: Health
    subject: str
    text: str
