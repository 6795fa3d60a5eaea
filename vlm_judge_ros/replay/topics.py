"""Which topics of a bag carry what a judge needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from vlm_judge_ros.replay.bag import BagError
from vlm_judge_ros.tasks.signals import SignalTopic

TRUE_EPISODE = "/ground_truth/episode"
TRUE_PROGRESS = "/ground_truth/progress"

TRANSPORTS: Mapping[str, Literal["raw", "compressed"]] = {
    "sensor_msgs/msg/Image": "raw",
    "sensor_msgs/msg/CompressedImage": "compressed",
}
"""How images of each type travel."""

STRING = "std_msgs/msg/String"
JOINT_STATE = "sensor_msgs/msg/JointState"
ACTION_CHUNK = "vlm_judge_ros/msg/ActionChunk"
_NOT_A_NAME = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class CameraTopic:
    """A camera, and the recorded topic that carries its images."""

    camera: str
    topic: str
    transport: Literal["raw", "compressed"]


@dataclass(frozen=True, slots=True)
class EpisodeTopics:
    """The recorded topics of one episode; None where a bag has none of the kind.

    Attributes:
        cameras: at least one, in order of name.
        joint_states: joint positions.
        chunk: action chunks that a policy announced.
        task: the instruction.
        true_episode: how the episode really went.
        true_progress: how far it really was.
    """

    cameras: tuple[CameraTopic, ...]
    joint_states: str | None
    chunk: str | None
    task: str | None
    true_episode: str | None
    true_progress: str | None


def find_topics(topics: Mapping[str, str], cameras: Mapping[str, str] | None = None) -> EpisodeTopics:
    """Choose topics by their types and names.

    Args:
        topics: type of each recorded topic, by its absolute name.
        cameras: name of a camera to its topic; None takes every topic with images, named after the topic.

    Raises:
        BagError: there is no camera, a named topic is not in the bag or holds no images, or two cameras share a name.
    """
    return EpisodeTopics(
        cameras=_all_cameras(topics) if not cameras else _named_cameras(topics, cameras),
        joint_states=_only(topics, JOINT_STATE, "joint_states"),
        chunk=_only(topics, ACTION_CHUNK, "chunk"),
        task=next((name for name in sorted(topics) if topics[name] == STRING and name.endswith("/task")), None),
        true_episode=TRUE_EPISODE if topics.get(TRUE_EPISODE) == STRING else None,
        true_progress=TRUE_PROGRESS if topics.get(TRUE_PROGRESS) == "std_msgs/msg/Float32" else None,
    )


def find_signals(
    topics: Mapping[str, str], found: EpisodeTopics, declared: Iterable[SignalTopic]
) -> dict[str, list[SignalTopic]]:
    """The recorded topics that carry declared signals, by absolute name.

    A relative name is that of the topic without a namespace, or of the only one in any namespace that has the type; the
    joint states and chunks of the episode are its `joint_states` and `chunk` however they were recorded. What was not
    recorded is left out: its signals are silent.

    Args:
        topics: type of each recorded topic, by its absolute name.
        found: the topics of the episode.
        declared: what tasks declare.
    """
    usual = {"joint_states": found.joint_states, "chunk": found.chunk}
    recorded: dict[str, list[SignalTopic]] = {}
    for signals in declared:
        topic = usual.get(signals.topic) or _recorded_as(topics, signals)
        if topic is not None and topics[topic] == signals.type:
            recorded.setdefault(topic, []).append(signals)
    return recorded


def _recorded_as(topics: Mapping[str, str], signals: SignalTopic) -> str | None:
    absolute = f"/{signals.topic.lstrip('/')}"
    if absolute in topics or signals.topic.startswith("/"):
        return absolute if absolute in topics else None
    ending = [name for name, kind in topics.items() if kind == signals.type and name.endswith(absolute)]
    return ending[0] if len(ending) == 1 else None


def _named_cameras(topics: Mapping[str, str], cameras: Mapping[str, str]) -> tuple[CameraTopic, ...]:
    chosen = []
    for camera, topic in cameras.items():
        if topics.get(topic) not in TRANSPORTS:
            found = topics.get(topic, "nothing")
            raise BagError(f"Topic {topic} of camera {camera} holds {found}, not images; {_found_text(topics)}")
        chosen.append(CameraTopic(camera, topic, TRANSPORTS[topics[topic]]))
    return tuple(chosen)


def _all_cameras(topics: Mapping[str, str]) -> tuple[CameraTopic, ...]:
    chosen: dict[str, CameraTopic] = {}
    for topic in sorted(topics):
        if topics[topic] not in TRANSPORTS:
            continue
        found = CameraTopic(_camera_name(topic), topic, TRANSPORTS[topics[topic]])
        known = chosen.get(found.camera)
        if known is None or (known.transport == "compressed" and found.transport == "raw"):
            chosen[found.camera] = found  # recorded raw as well as compressed: take what was not compressed
        elif known.transport == found.transport:
            raise BagError(
                f"Topics {known.topic} and {topic} would both be camera {found.camera}; name the cameras yourself."
            )
    if not chosen:
        raise BagError(f"No topic holds images; {_found_text(topics)}")
    return tuple(chosen.values())


def _camera_name(topic: str) -> str:
    """The part of a topic that tells cameras apart, for example "wrist" of "/wrist/image/compressed"."""
    parts = [part for part in topic.split("/") if part]
    while len(parts) > 1 and re.fullmatch(r"compressed|image(_\w+)?|color|rgb", parts[-1]):
        parts.pop()
    return _NOT_A_NAME.sub("_", parts[-1].lower()).lstrip("_0123456789") or "camera"


def _only(topics: Mapping[str, str], kind: str, usual: str) -> str | None:
    """The topic of this type; where there are several, the one that is named as usual, or none."""
    names = sorted(name for name, type_name in topics.items() if type_name == kind)
    if len(names) == 1:
        return names[0]
    return next((name for name in names if name.endswith(f"/{usual}")), None)


def _found_text(topics: Mapping[str, str]) -> str:
    if not topics:
        return "the bag has no topics."
    return "the bag has " + ", ".join(f"{name} ({topics[name]})" for name in sorted(topics)) + "."
