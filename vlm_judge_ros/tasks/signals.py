"""The signals of a task, taken from messages; the live node and the replay of bags both do it by these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlm_judge_ros.episode.field_path import FieldPath
from vlm_judge_ros.episode.field_syntax import FieldError
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import stamp_from_parts
from vlm_judge_ros.tasks.task import Task


@dataclass(frozen=True, slots=True)
class SignalTopic:
    """One topic, and the signals that its messages carry.

    Attributes:
        topic: relative or absolute name, as the task file has it.
        type: for example geometry_msgs/msg/WrenchStamped.
        fields: where in a message each signal is, by the name of the signal.
        latched: names of the signals that hold until the next message, also when it came before the episode.
        reliable: every message is to arrive.
    """

    topic: str
    type: str
    fields: Mapping[str, FieldPath]
    latched: frozenset[str] = frozenset()
    reliable: bool = False

    def sample_of(self, message: Any, arrived_ns: int) -> SignalSample:
        """Take all signals out of a message.

        Args:
            message: of rclpy, or as rosbags deserialises it.
            arrived_ns: when it arrived on the node clock, or was recorded: its stamp where it carries none.

        Returns:
            The signals that it carries. Without those of a joint that it does not tell of, because another publisher of
            the topic may.

        Raises:
            FieldError: messages of this type have no such field.
            BrokenStamp: the stamp of the header is not a time.
        """
        values: dict[str, float] = {}
        for name, field in self.fields.items():
            try:
                value = field.read(message)
            except FieldError as error:
                raise FieldError(f"The signal {name} of topic {self.topic} is not there. {error}") from error
            if value is not None:
                values[name] = value
        return SignalSample(_stamp_ns(message, arrived_ns), values)


def signal_topics(task: Task) -> tuple[SignalTopic, ...]:
    """The topics to listen to for a task, each once.

    Raises:
        FieldError: the field of a signal is not written as one.
    """
    fields: dict[tuple[str, str], dict[str, FieldPath]] = {}
    for name, signal in task.signals.items():
        fields.setdefault((signal.topic, signal.type), {})[name] = FieldPath(signal.field)
    found = []
    for (topic, kind), paths in fields.items():
        declared = {name: task.signals[name] for name in paths}
        latched = frozenset(name for name, signal in declared.items() if signal.latched)
        reliable = bool(latched) or any(signal.reliable for signal in declared.values())
        found.append(SignalTopic(topic, kind, paths, latched, reliable))
    return tuple(found)


def _stamp_ns(message: Any, arrived_ns: int) -> int:
    header = getattr(message, "header", None)
    stamp = getattr(header, "stamp", None)
    if stamp is None or (stamp.sec == 0 and stamp.nanosec == 0):
        return arrived_ns
    return stamp_from_parts(stamp.sec, stamp.nanosec)
