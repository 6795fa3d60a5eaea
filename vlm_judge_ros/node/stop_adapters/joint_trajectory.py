"""Commands a joint trajectory controller to hold the joints where they are."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings, Answer
from vlm_judge_ros.node.stop_adapters.repeated import RepeatedCommand

_NEWEST = 64
_LONGEST_AGE_S = 1.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Where the joints are held.

    Attributes:
        joints: their names.
        positions: in rad or m; empty where they are not known, and only zero velocity is commanded.
    """

    joints: tuple[str, ...]
    positions: tuple[float, ...]


def hold_at(wanted: tuple[str, ...], positions: dict[str, float], topic: str) -> Hold:
    """Where to hold the wanted joints, or all that are known where none are named.

    Raises:
        JudgeError: nothing is known of any joint.
    """
    joints = wanted or tuple(sorted(positions))
    if not joints:
        raise JudgeError(f"No joint positions came on {topic} of late; name the joints, or see to that topic.")
    if all(joint in positions for joint in joints):
        return Hold(joints, tuple(positions[joint] for joint in joints))
    return Hold(joints, ())


class HoldJoints:
    """One point: the positions that the joints had when the stop was decided, with velocity zero."""

    def __init__(self, node: Node, settings: AdapterSettings) -> None:
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._settings = settings
        self._topic = node.resolve_topic_name(settings.joint_states)
        # Undecoded until they are needed: joint states come a thousand times a second, stops seldom.
        self._newest: deque[tuple[int, bytes]] = deque(maxlen=_NEWEST)
        quality = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        node.create_subscription(JointState, settings.joint_states, self._take, quality, raw=True)
        publisher = node.create_publisher(JointTrajectory, settings.target, 10)
        self._repeated = RepeatedCommand(node, publisher, settings.rate_hz, settings.repeat_s)

    def stop(self, answer: Answer) -> str:
        """Hold the joints where they are now.

        Raises:
            JudgeError: nothing is known of any joint.
        """
        hold = hold_at(self._settings.joints, self._positions(), self._topic)
        sent = self._repeated.start(lambda: self._trajectory(hold))
        if hold.positions:
            return f"Published the present positions of {len(hold.joints)} joints, {sent}"
        return f"Published zero velocities, since {self._topic} did not tell the positions of all joints, {sent}"

    def end(self) -> None:
        """Fall silent."""
        self._repeated.end()

    def release(self) -> None:
        """Do nothing: the controller holds until it is commanded."""

    def _take(self, message: bytes) -> None:
        self._newest.append((self._steady.now().nanoseconds, message))

    def _positions(self) -> dict[str, float]:
        oldest_ns = self._steady.now().nanoseconds - round(_LONGEST_AGE_S * 1e9)
        positions: dict[str, float] = {}
        for arrival_ns, data in reversed(self._newest):
            if arrival_ns < oldest_ns:
                break
            message = deserialize_message(data, JointState)
            for joint, position in zip(message.name, message.position, strict=False):
                if math.isfinite(position):
                    positions.setdefault(joint, position)
            if self._settings.joints and all(joint in positions for joint in self._settings.joints):
                break
        return positions

    def _trajectory(self, hold: Hold) -> JointTrajectory:
        point = JointTrajectoryPoint(positions=list(hold.positions), velocities=[0.0] * len(hold.joints))
        whole_s = int(self._settings.hold_after_s)
        point.time_from_start.sec = whole_s
        point.time_from_start.nanosec = round((self._settings.hold_after_s - whole_s) * 1e9)
        # A stamp of zero means: from now on.
        return JointTrajectory(joint_names=list(hold.joints), points=[point])


def make(node: Node, settings: AdapterSettings) -> HoldJoints:
    """Make the adapter."""
    return HoldJoints(node, settings)
