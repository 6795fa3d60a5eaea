"""The other side of the node: plays cameras and joints, calls services, and waits for what the node says."""

from __future__ import annotations

import array
import math
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image, JointState

from vlm_judge_ros.node.spin_thread import SpinThread

PATIENCE_S = 90.0
"""How long anything may take before a test gives up; no test depends on how long it really takes."""

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
T = TypeVar("T")


class Bench:
    """A node in this process, spun by a thread."""

    def __init__(self) -> None:
        # Without those handlers: tests of other rooms raise signals in this process.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node("bench")
        self.news = threading.Condition()
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.reports = 0
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 100)
        executor = SingleThreadedExecutor()
        executor.add_node(self.node)
        self._spinning = SpinThread(executor)

    def close(self) -> None:
        self._spinning.close()
        self.node.destroy_node()
        rclpy.try_shutdown()

    def listen(self, kind: Any, topic: str, quality: QoSProfile | int = 1000) -> list[Any]:
        """A list to which every message on a topic is added."""
        heard: list[Any] = []

        def add(message: Any) -> None:
            with self.news:
                heard.append(message)
                self.news.notify_all()

        self.node.create_subscription(kind, topic, add, quality)
        return heard

    def until(self, condition: Callable[[], T], what: str) -> T:
        """Wait until a condition yields something, and return that."""
        end_s = time.monotonic() + PATIENCE_S
        with self.news:
            while not (found := condition()):
                left_s = end_s - time.monotonic()
                assert left_s > 0, f"waited {PATIENCE_S:.0f} s in vain for {what}"
                # Conditions may look at what no message tells, such as a process that ends.
                self.news.wait(min(left_s, 0.2))
            return found

    def call(self, kind: Any, name: str, **request: Any) -> Any:
        client = self.node.create_client(kind, name)
        try:
            return self.answer(self.ask(client, kind.Request(**request)))
        finally:
            self.node.destroy_client(client)

    def ask(self, client: Any, request: Any) -> Any:
        """The future of an answer."""
        assert client.wait_for_service(PATIENCE_S), f"there is no service {client.srv_name}"
        future = client.call_async(request)
        future.add_done_callback(self._wake)
        return future

    def answer(self, future: Any) -> Any:
        """Wait for an answer, and return it."""
        self.until(future.done, "an answer")
        return future.result()

    def _wake(self, _: object) -> None:
        with self.news:
            self.news.notify_all()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        with self.news:
            for status in message.status:
                self.statuses[status.name] = status
            self.reports += 1
            self.news.notify_all()


class Camera:
    """Messages of one camera. What is broken about them is up to the test."""

    def __init__(self, bench: Bench, topic: str, compressed: bool = False, depth: int = 10) -> None:
        self.compressed = compressed
        self.running = True
        self.size = (64, 48)
        self.encoding = "rgb8"
        self.spoil: Callable[[Any], None] = lambda message: None
        self.stamps_ns: list[int] = []
        self.publisher = bench.node.create_publisher(CompressedImage if compressed else Image, topic, depth)

    def publish(self, stamp_ns: int, brightness: int) -> None:
        width, height = self.size
        channels = {"rgb8": 3, "bgr8": 3, "mono8": 1}[self.encoding]
        # One edge, so that no camera counts as blocked; the mean is the brightness.
        row = bytes([brightness - 20] * (width // 2 * channels) + [brightness + 20] * ((width - width // 2) * channels))
        if self.compressed:
            pixels = np.repeat(np.frombuffer(row, np.uint8)[np.newaxis], height, axis=0).reshape(height, width, 3)
            message = CompressedImage(format="jpeg", data=cv2.imencode(".jpg", pixels)[1].tobytes())
        else:
            message = Image(height=height, width=width, encoding=self.encoding, step=width * channels)
            message.data = array.array("B", row * height)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        self.spoil(message)
        self.stamps_ns.append(stamp_ns)
        self.publisher.publish(message)


class Robot:
    """Two cameras and a joint, which go on at 20 Hz in a thread of their own until closed."""

    def __init__(self, bench: Bench, namespace: str, compressed_wrist: bool = False) -> None:
        suffix = "/compressed" if compressed_wrist else ""
        self.front = Camera(bench, f"/{namespace}/front/image")
        self.wrist = Camera(bench, f"/{namespace}/wrist/image{suffix}", compressed_wrist)
        self.moves = True
        self._joints = bench.node.create_publisher(JointState, f"/{namespace}/joint_states", 10)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        turn = 0
        while not self._ended.wait(0.05):
            turn += self.moves
            stamp_ns = time.time_ns()
            # Enough to be motion and progress; too little to be progress that was lost.
            brightness = round(128 + 15 * math.sin(turn / 20))
            for camera in (self.front, self.wrist):
                if camera.running:
                    camera.publish(stamp_ns, brightness)
            joints = JointState(name=["elbow"], position=[turn * 0.02])
            joints.header.stamp.sec, joints.header.stamp.nanosec = divmod(stamp_ns, 10**9)
            self._joints.publish(joints)
