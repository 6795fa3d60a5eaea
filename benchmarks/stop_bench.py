"""The other side of the two nodes in `time_to_stop`: makes faults, and notes when they led to a stop."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vlm_judge_ros import msg, srv

JOINTS_HZ, WRENCH_HZ = 1000.0, 500.0
FORCE_N, FAULT_N = 5.0, 80.0
MISSED_S = 5.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(frozen=True, slots=True)
class Times:
    """What came of one fault, in seconds from when it was published.

    Attributes:
        failure_s: until the judge node's failure event was heard; NaN for never.
        stop_s: until `~/stop` was heard; NaN for never.
        other_stops: how often something else had stopped the robot before.
    """

    failure_s: float
    stop_s: float
    other_stops: int


def paced(rate_hz: float, ended: threading.Event, send: Callable[[float], None]) -> None:
    """Call `send` with the seconds since the beginning, so many times a second; what is missed is not made up for."""
    began_s = next_s = time.monotonic()
    while not ended.is_set():
        now_s = time.monotonic()
        send(now_s - began_s)
        next_s = max(next_s + 1.0 / rate_hz, now_s)
        time.sleep(max(0.0, next_s - time.monotonic()))


def play_joints() -> None:
    """Play joint states until standard input closes: seven joints of an arm that swing, and a finger that is open."""
    rclpy.init()
    node = rclpy.create_node("joints")
    publisher = node.create_publisher(JointState, "/joint_states", 100)
    message = JointState(name=[f"joint_{number}" for number in range(1, 9)])
    message.effort = [1.0] * 8

    def send(at_s: float) -> None:
        phases = [at_s * 0.3 * number for number in range(1, 8)]
        message.position = [*(0.4 * math.sin(phase) for phase in phases), 0.0]
        message.velocity = [*(0.12 * number * math.cos(phase) for number, phase in enumerate(phases, 1)), 0.0]
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
        publisher.publish(message)

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    paced(JOINTS_HZ, ended, send)
    rclpy.shutdown()


class StopBench:
    """Publishes the wrench, calls the services of both nodes, and listens.

    Args:
        start_s: seconds that the nodes may take to come up.
        stops: whether there is a safety stop node, and a wrench.
    """

    def __init__(self, start_s: float, stops: bool = True) -> None:
        # What is measured is not to wait for the interpreter of this process.
        sys.setswitchinterval(5e-4)
        rclpy.init()
        self._node = rclpy.create_node("stop_bench")
        self._news = threading.Condition()
        self._failure_s = self._stop_s = self._fault_s = math.nan
        self._fault_wanted = False
        self._stopped = False
        self._state: Any = None
        self._count: int | None = None
        self._wrench = WrenchStamped()
        self._publisher = self._node.create_publisher(WrenchStamped, "/wrench", 100)
        self._node.create_subscription(Bool, "/safety_stop_node/stop", self._on_stop, LATCHED)
        self._node.create_subscription(msg.Failure, "/judge_node/failure", self._on_failure, 100)
        self._node.create_subscription(msg.StopState, "/safety_stop_node/state", self._on_state, LATCHED)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._executor.spin, daemon=True)]
        if stops:
            self._threads.append(threading.Thread(target=paced, args=(WRENCH_HZ, self._ended, self._send), daemon=True))
        for thread in self._threads:
            thread.start()
        self._await_service(srv.StartEpisode, "/judge_node/start_episode", start_s)
        if stops:
            self._until(lambda: self._state is not None and "not heard" not in self._state.text, start_s)

    def close(self) -> None:
        """Leave ROS."""
        self._ended.set()
        for thread in self._threads[1:]:
            thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()

    def start_episode(self, task: str) -> None:
        """Start an episode; the node may still have to be activated."""
        end_s = time.monotonic() + 60.0
        while True:
            answer = self._call(srv.StartEpisode, "/judge_node/start_episode", task=task)
            if answer.success:
                return
            if time.monotonic() > end_s:
                raise SystemExit(answer.message)
            time.sleep(0.2)

    def await_count(self) -> int:
        """The number of joint states that the judge node has taken, as its next report says."""
        with self._news:
            self._count = None
        if not self._until(lambda: self._count is not None, 30.0):
            raise SystemExit("The judge node does not report.")
        assert self._count is not None
        return self._count

    def fault(self, task: str, after_s: float) -> Times:
        """Start an episode, publish one message above the limit after so many seconds, and bring all back to rest."""
        self.start_episode(task)
        other_stops, end_s = 0, time.monotonic() + after_s
        while time.monotonic() < end_s:
            time.sleep(0.01)
            if self._stopped:
                other_stops += 1
                print(f"\n{self._state.text}", file=sys.stderr)
                self._bring_to_rest()
                self.start_episode(task)
        with self._news:
            self._failure_s = self._stop_s = self._fault_s = math.nan
            self._fault_wanted = True
        self._until(lambda: not math.isnan(self._stop_s + self._failure_s), MISSED_S)
        with self._news:
            found = Times(self._failure_s - self._fault_s, self._stop_s - self._fault_s, other_stops)
        self._bring_to_rest()
        return found

    def _bring_to_rest(self) -> None:
        self._call(srv.EndEpisode, "/judge_node/end_episode")
        end_s = time.monotonic() + 30.0
        while not self._call(Trigger, "/safety_stop_node/reset").success:
            if time.monotonic() > end_s:
                raise SystemExit("The stop could not be reset.")
            time.sleep(0.05)
        self._until(lambda: not self._stopped, 10.0)

    def _send(self, at_s: float) -> None:
        del at_s
        message = self._wrench
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
        fault = self._fault_wanted
        message.wrench.force.z = FAULT_N if fault else FORCE_N
        if fault:
            self._fault_wanted = False
            self._fault_s = time.monotonic()
        self._publisher.publish(message)

    def _on_stop(self, message: Bool) -> None:
        now_s = time.monotonic()
        with self._news:
            self._stopped = message.data
            if message.data:
                self._stop_s = now_s
            self._news.notify_all()

    def _on_failure(self, message: msg.Failure) -> None:
        now_s = time.monotonic()
        with self._news:
            if message.status == msg.Failure.STATUS_CONFIRMED and message.code == "COLLISION":
                self._failure_s = now_s
            self._news.notify_all()

    def _on_state(self, message: msg.StopState) -> None:
        with self._news:
            self._state = message
            self._news.notify_all()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        with self._news:
            for status in message.status:
                counts = {entry.key: entry.value for entry in status.values}
                if "messages on /joint_states" in counts:
                    self._count = int(counts["messages on /joint_states"])
            self._news.notify_all()

    def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        with self._news:
            return self._news.wait_for(condition, timeout_s)

    def _await_service(self, kind: Any, name: str, timeout_s: float) -> None:
        client = self._node.create_client(kind, name)
        if not client.wait_for_service(timeout_s):
            raise SystemExit(f"{name} did not come up; start the node by hand to see why.")
        self._node.destroy_client(client)

    def _call(self, kind: Any, name: str, **request: Any) -> Any:
        client = self._node.create_client(kind, name)
        try:
            client.wait_for_service(10.0)
            answered = threading.Event()
            future = client.call_async(kind.Request(**request))
            future.add_done_callback(lambda _: answered.set())
            if not answered.wait(30.0):
                raise SystemExit(f"{name} does not answer.")
            return future.result()
        finally:
            self._node.destroy_client(client)
