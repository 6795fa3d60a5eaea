"""The topics of a judge node as they stand in a bag, written without ROS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

from vlm_judge_ros.clips.message_types import MessageTypes
from vlm_judge_ros.replay.bag import RecordedTopic
from vlm_judge_ros.verdict.messages import TYPES, Messages

VERDICT = "/judge_node/verdict"
PROGRESS = "/judge_node/progress"
REVIEW = "/judge_node/review"
FAILURE = "/judge_node/failure"
FINDINGS = "/judge_node/findings"
ANNOTATED = "/judge_node/annotated/compressed"

IMAGE = "sensor_msgs/msg/CompressedImage"
_FOR_EVER = QosTime(9223372036, 854775807)


def quality(depth: int, latched: bool = False) -> Qos:
    """A reliable publisher.

    Args:
        depth: messages that it keeps.
        latched: late subscribers get them too.
    """
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _FOR_EVER,
        _FOR_EVER,
        QosLiveliness.AUTOMATIC,
        _FOR_EVER,
        False,
    )


@dataclass(frozen=True, slots=True)
class JudgeTopic:
    """A topic of a judge node: type, and what its publisher offers."""

    type: str
    quality: Qos


JUDGE_TOPICS: Mapping[str, JudgeTopic] = {
    VERDICT: JudgeTopic("vlm_judge_ros/msg/Verdict", quality(1, latched=True)),
    PROGRESS: JudgeTopic("vlm_judge_ros/msg/Progress", quality(10)),
    REVIEW: JudgeTopic("vlm_judge_ros/msg/Progress", quality(10)),
    FAILURE: JudgeTopic("vlm_judge_ros/msg/Failure", quality(100)),
    FINDINGS: JudgeTopic("vlm_judge_ros/msg/Findings", quality(10)),
    ANNOTATED: JudgeTopic(IMAGE, quality(2)),
}
"""What the node publishes, by topic."""


def constants_beside_fields(definition: str) -> str:
    """A definition of the same type in which constants such as STATE_FAILED stand right before their field `state`.

    Viewers show names in the place of numbers only for a field that follows its constants.
    """
    sections = definition.split(_SECTION)
    return _SECTION.join("\n".join(_sorted_lines(section.split("\n"))) for section in sections)


_SECTION = "=" * 80 + "\n"
_CONSTANT = re.compile(r"(\w+) ([A-Z]+)_\w+=")


def _sorted_lines(lines: list[str]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for line in lines:
        if constant := _CONSTANT.match(line):
            groups.setdefault(f"{constant[1]} {constant[2].lower()}", []).append(line)
    for line in lines:
        if constant := _CONSTANT.match(line):
            field = f"{constant[1]} {constant[2].lower()}"
            if field in lines:
                continue  # it comes with its field
        yield from groups.get(line, ())
        yield line


class BagMessages:
    """Makes and serialises messages, and describes their topics.

    Raises:
        JudgeError: a definition is not installed.
    """

    def __init__(self) -> None:
        self._known = MessageTypes()
        for package, names in TYPES.items():
            for name in names:
                self._known.learn(f"{package}/msg/{name}")
        classes = self._known.store.types
        types = {name: classes[f"{package}/msg/{name}"] for package, names in TYPES.items() for name in names}
        self.make = Messages(types, lambda layers: np.array(layers, dtype=np.uint8))

    def serialized(self, message: Any) -> bytes:
        """The bytes of a message."""
        return bytes(self._known.store.serialize_cdr(message, message.__msgtype__))

    def image(self, stamp_ns: int, camera: str, jpeg: bytes) -> Any:
        """A JPEG of a camera."""
        return self._known.store.types[IMAGE](
            header=self.make.header(stamp_ns, camera), format="jpeg", data=np.frombuffer(jpeg, np.uint8)
        )

    def joint_states(self, stamp_ns: int, fields: Mapping[str, Any]) -> Any:
        """Joint states from the other fields of their message."""
        return self._known.store.types["sensor_msgs/msg/JointState"](header=self.make.header(stamp_ns), **fields)

    def text(self, text: str) -> Any:
        """A plain text."""
        return self._known.store.types["std_msgs/msg/String"](data=text)

    def topic(self, name: str, kind: str, offered: Qos) -> RecordedTopic:
        """Describe a topic with all that a reader needs."""
        definition, _ = self._known.store.generate_msgdef(kind, ros_version=2)
        text = constants_beside_fields(definition)
        return RecordedTopic(0, name, kind, text, "ros2msg", self._known.store.hash_rihs01(kind), (offered,))

    def completed(self, topic: RecordedTopic) -> RecordedTopic:
        """A recorded topic with its definition, where the bag has none and the type is one of the usual ones.

        A type whose hash says that it was another one at the time of the recording stays without.
        """
        if topic.language or topic.type not in self._known.store.fielddefs:
            return topic
        known = self.topic(topic.topic, topic.type, quality(1))
        if topic.type_hash not in ("", known.type_hash):
            return topic
        return RecordedTopic(
            topic.id, topic.topic, topic.type, known.definition, known.language, known.type_hash, topic.qos
        )
