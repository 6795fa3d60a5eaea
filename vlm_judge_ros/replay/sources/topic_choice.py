"""Which topics of a bag carry what: by what a person said, and by type and name for the rest."""

from __future__ import annotations

from dataclasses import replace

from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.sources.camera_choice import guess_cameras, listed
from vlm_judge_ros.replay.sources.topics_file import RobotTopics
from vlm_judge_ros.replay.topics import ACTION_CHUNK, JOINT_STATE, STRING, TRANSPORTS, EpisodeTopics, find_topics


def choose_topics(bag: Bag, told: RobotTopics) -> EpisodeTopics:
    """The topics of a robot in a bag.

    Args:
        bag: open for reading.
        told: what a person said.

    Raises:
        BagError: the bag is empty, a topic that was named is not there or carries something else, or it takes a person
            to say which topics are the cameras; the sentence lists what there is.
    """
    _ = bag.span_ns  # an empty bag is told as that, and not as one without cameras
    cameras = {name: _absolute(topic) for name, topic in told.cameras.items()}
    if not cameras:
        cameras = guess_cameras(bag.path, bag.topics, bag.counts)
    for name, topic in cameras.items():
        _require(bag, f"camera {name}", topic, *TRANSPORTS)
    found = find_topics(bag.topics, cameras)
    joint_states = _told(bag, "joint_states", told.joint_states, JOINT_STATE)
    chunk = _told(bag, "chunk", told.chunk, ACTION_CHUNK)
    task = _told(bag, "task", told.task, STRING)
    return replace(
        found,
        joint_states=joint_states or found.joint_states,
        chunk=chunk or found.chunk,
        task=task or found.task,
    )


def has_cameras_of(bag: Bag, told: RobotTopics) -> bool:
    """Whether a bag holds any camera of a robot."""
    return any(_absolute(topic) in bag.topics for topic in told.cameras.values())


def _told(bag: Bag, what: str, topic: str | None, kind: str) -> str | None:
    if topic is None:
        return None
    topic = _absolute(topic)
    _require(bag, what, topic, kind)
    return topic


def _require(bag: Bag, what: str, topic: str, *kinds: str) -> None:
    kind = bag.topics.get(topic)
    if kind is None:
        raise BagError(f"{bag.path} has no topic {topic} for {what}; it has {listed(bag.topics, bag.counts)}.")
    if kind not in kinds:
        raise BagError(
            f"Topic {topic} of {bag.path} holds {kind}, and {what} needs {' or '.join(kinds)}; name another."
        )


def _absolute(topic: str) -> str:
    return topic if topic.startswith("/") else f"/{topic}"
