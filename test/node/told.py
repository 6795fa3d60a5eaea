"""Messages as plain values that can be compared; what the clock of the wall says is left out."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from rclpy.serialization import deserialize_message, serialize_message

from vlm_judge_ros.node.conversion import failure_message, progress_message, verdict_message
from vlm_judge_ros.replay.outputs.output import Silent
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import Verdict

M = TypeVar("M")
_OF_THE_WALL = "latency_s"


def sent(message: M) -> M:
    """A message as it arrives: its numbers as precise as its fields."""
    return deserialize_message(serialize_message(message), type(message))


def told(value: Any) -> Any:
    """What a message says, all fields by name."""
    if hasattr(value, "get_fields_and_field_types"):
        names = [name for name in value.get_fields_and_field_types() if name != _OF_THE_WALL]
        return {name: told(getattr(value, name)) for name in names}
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value
    if isinstance(value, (str, bytes, int, bool)):
        return value
    return [told(entry) for entry in value]


class Told(Silent):
    """Keeps what scoring says, as the messages of a live node."""

    def __init__(self) -> None:
        self.verdicts: list[Any] = []
        self.answers: list[Any] = []
        self.reviews: list[Any] = []
        self.failures: list[Any] = []

    def verdict(self, verdict: Verdict, time_ns: int) -> None:
        self.verdicts.append(told(sent(verdict_message(verdict))))

    def progress(self, update: ProgressUpdate, time_ns: int) -> None:
        self.answers.append(told(sent(progress_message(update))))

    def review(self, update: ProgressUpdate, time_ns: int) -> None:
        self.reviews.append(told(sent(progress_message(update))))

    def failure(self, event: FailureEvent, time_ns: int) -> None:
        self.failures.append(told(sent(failure_message(event))))
