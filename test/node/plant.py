"""A robot whose every topic can be cut, delayed, thinned out, shuffled, repeated and spoilt."""

from __future__ import annotations

import array
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from bench import Bench
from geometry_msgs.msg import WrenchStamped
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState

PERIOD_S = 0.05
_SHUFFLED = 3


class Wire:
    """What lies between a publisher and those who listen to it.

    Attributes:
        cut: nothing comes through.
        delay_s: how long a message is on its way.
        lost: share of the messages that are lost.
        copies: how often each message comes.
        shuffled: of every three messages the last comes first.
        spoil: changes a message on its way.
    """

    def __init__(self, bench: Bench, kind: Any, topic: str, quality: QoSProfile | int = 10) -> None:
        self.publisher = bench.node.create_publisher(kind, topic, quality)
        self._chance = random.Random(5)
        self._on_its_way: deque[tuple[float, Any]] = deque()
        self._held: list[Any] = []
        self._lock = threading.Lock()
        self.mend()

    def mend(self) -> None:
        """Let everything through again."""
        self.cut = False
        self.delay_s = 0.0
        self.lost = 0.0
        self.copies = 1
        self.shuffled = False
        self.spoil: Callable[[Any], None] = lambda message: None

    def send(self, message: Any) -> None:
        self.spoil(message)
        if self.cut or self._chance.random() < self.lost:
            return
        with self._lock:
            self._held += [message] * self.copies
            if self.shuffled and len(self._held) < _SHUFFLED:
                return
            ready = reversed(self._held) if self.shuffled else iter(self._held)
            due_s = time.monotonic() + self.delay_s
            self._on_its_way += [(due_s, item) for item in ready]
            self._held = []
        self.deliver()

    def deliver(self) -> None:
        """Deliver what is due."""
        with self._lock:
            while self._on_its_way and self._on_its_way[0][0] <= time.monotonic():
                self.publisher.publish(self._on_its_way.popleft()[1])


def stamp(message: Any, stamp_ns: int) -> None:
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)


def picture(turn: int, stamp_ns: int) -> Image:
    """An edge that goes to and fro, as bright as ever: it moves, and no progress is lost."""
    edge = 16 + abs(turn % 16 - 8)
    message = Image(height=48, width=64, encoding="rgb8", step=192)
    row = (bytes([90] * 3) * edge + bytes([170] * 3) * (32 - edge)) * 2
    message.data = array.array("B", row * 48)
    stamp(message, stamp_ns)
    return message


class Plant:
    """Two cameras, a joint, a force sensor and a clock, which go on at 20 Hz in a thread of their own until closed.

    Attributes:
        wires: by the name of what is at their beginning; those of others may be added, and are delivered too.
        force_n: what the sensor measures.
        rests: the joint stands still.
        rested: number of messages since it has.
        clock_offset_s: how far all stamps and the published clock are from the clock of this machine.
        frozen: the cameras whose picture stands still.
    """

    def __init__(self, bench: Bench, namespace: str) -> None:
        kinds = {
            "front": (Image, "front/image"),
            "wrist": (Image, "wrist/image"),
            "joints": (JointState, "joint_states"),
            "force": (WrenchStamped, "wrench"),
        }
        self.wires = {name: Wire(bench, kind, f"/{namespace}/{topic}") for name, (kind, topic) in kinds.items()}
        self.sensors = tuple(self.wires.values())
        self._clock = bench.node.create_publisher(Clock, "/clock", 10)
        self.mend()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def mend(self) -> None:
        """Let everything work again."""
        for wire in self.wires.values():
            wire.mend()
        self.force_n = 5.0
        self.rests, self.rested = False, 0
        self.clock_offset_s = 0.0
        self.frozen: frozenset[str] = frozenset()

    def _run(self) -> None:
        bend = 0
        standing = {"front": 0, "wrist": 0}
        while not self._ended.wait(PERIOD_S):
            now_ns = time.time_ns() + round(self.clock_offset_s * 1e9)
            clock = Clock()
            clock.clock.sec, clock.clock.nanosec = divmod(now_ns, 10**9)
            self._clock.publish(clock)
            for camera in standing:
                standing[camera] += camera not in self.frozen
                self.wires[camera].send(picture(standing[camera], now_ns))
            bend += not self.rests
            self.rested = self.rested + 1 if self.rests else 0
            joints = JointState(name=["elbow"], position=[bend * 0.02])
            stamp(joints, now_ns)
            self.wires["joints"].send(joints)
            force = WrenchStamped()
            force.wrench.force.z = self.force_n
            stamp(force, now_ns)
            self.wires["force"].send(force)
            for wire in [*self.wires.values()]:
                wire.deliver()
