from __future__ import annotations

import math

import pytest
from geometry_msgs.msg import Vector3, WrenchStamped
from sensor_msgs.msg import JointState

from vlm_judge_ros.episode.fault import BrokenStamp
from vlm_judge_ros.episode.field_syntax import FieldError
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.tasks.signals import SignalTopic, signal_topics
from vlm_judge_ros.tasks.task import Signal, Task

JOINTS = "sensor_msgs/msg/JointState"
WRENCH = "geometry_msgs/msg/WrenchStamped"
ARRIVED_NS = 5_000_000_000


def topics(**signals: tuple[str, str, str]) -> tuple[SignalTopic, ...]:
    declared = {name: Signal(topic=topic, type=kind, field=field) for name, (topic, kind, field) in signals.items()}
    return signal_topics(Task(name="push", instruction="push the button", signals=declared))


def test_each_topic_is_listened_to_once() -> None:
    found = topics(
        force=("wrench", WRENCH, "norm(wrench.force)"),
        elbow=("joint_states", JOINTS, "position[elbow]"),
        torque=("wrench", WRENCH, "wrench.torque.z"),
    )
    assert [(topic.topic, topic.type, tuple(topic.fields)) for topic in found] == [
        ("wrench", WRENCH, ("force", "torque")),
        ("joint_states", JOINTS, ("elbow",)),
    ]


def test_one_message_gives_all_signals_of_its_topic_with_its_own_stamp() -> None:
    (wrench,) = topics(force=("wrench", WRENCH, "norm(wrench.force)"), torque=("wrench", WRENCH, "wrench.torque.z"))
    message = WrenchStamped()
    message.wrench.force.x, message.wrench.torque.z = -3.0, math.nan
    message.header.stamp.sec, message.header.stamp.nanosec = 4, 7
    sample = wrench.sample_of(message, ARRIVED_NS)
    assert (sample.stamp_ns, sample.values["force"]) == (4_000_000_007, 3.0)
    assert math.isnan(sample.values["torque"])


def test_a_message_without_stamp_has_that_of_its_arrival() -> None:
    (wrench,) = topics(force=("wrench", WRENCH, "wrench.force.z"))
    (vector,) = topics(force=("force", "geometry_msgs/msg/Vector3", "z"))
    assert wrench.sample_of(WrenchStamped(), ARRIVED_NS).stamp_ns == ARRIVED_NS
    assert vector.sample_of(Vector3(z=2.0), ARRIVED_NS) == SignalSample(ARRIVED_NS, {"force": 2.0})


def test_a_stamp_that_is_no_time_is_a_fault() -> None:
    (wrench,) = topics(force=("wrench", WRENCH, "wrench.force.z"))
    message = WrenchStamped()
    message.header.stamp.sec = -1
    with pytest.raises(BrokenStamp):
        wrench.sample_of(message, ARRIVED_NS)


def test_two_drivers_may_share_a_topic() -> None:
    (states,) = topics(elbow=("joint_states", JOINTS, "position[elbow]"), jaw=("joint_states", JOINTS, "position[jaw]"))
    assert states.sample_of(JointState(name=["elbow"], position=[1.0]), ARRIVED_NS).values == {"elbow": 1.0}
    assert states.sample_of(JointState(name=["jaw"], position=[0.04]), ARRIVED_NS).values == {"jaw": 0.04}


def test_a_field_that_is_not_there_is_told_with_its_signal() -> None:
    (wrench,) = topics(force=("wrench", WRENCH, "wrench.forse.z"))
    with pytest.raises(FieldError, match=r"The signal force of topic wrench is not there\. .*wrench has no forse"):
        wrench.sample_of(WrenchStamped(), ARRIVED_NS)
