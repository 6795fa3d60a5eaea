"""Publishes what a bag holds, as it was recorded, at its own pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from itertools import chain
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.message_class import message_class
from vlm_judge_ros.replay.bag import Bag, BagError, RecordedMessage, Undecodable

FASTEST = 100.0
"""Highest rate: seconds of the recording per second."""

CLOCK_PERIOD_S = 0.02
"""Wall-clock seconds between two messages on `/clock`."""

HISTORY = 256
"""Messages per topic that wait for a subscriber which the machine leaves no time for the moment."""


class Player:
    """Plays a bag to other nodes: serialised messages unchanged, simulated time on `/clock` beside them.

    Publishing happens in the thread that calls `play`; the node needs no executor for it.

    Args:
        node: publishes the messages; its namespace and remaps apply.
        bag: open for reading.
        topics: recorded topic to the name, or names, under which it is published.
        latched: the recorded topics whose newest message late subscribers shall have too.
        rate: seconds of the recording per second, > 0.

    Raises:
        JudgeError: the rate is not positive, a topic is not in the bag, or the type of a topic is not installed.
    """

    def __init__(
        self,
        node: Node,
        bag: Bag,
        topics: Mapping[str, str | tuple[str, ...]],
        latched: Collection[str] = (),
        rate: float = 1.0,
    ) -> None:
        if not 0.0 < rate <= FASTEST:
            raise JudgeError(f"A bag cannot be played at rate {rate:g}; choose one above 0 and at most {FASTEST:g}.")
        self._node = node
        self._bag = bag
        self._rate = rate
        self._now_ns = bag.started_ns
        # Where simulated and wall-clock time began to run together: one point for all, so that nothing drifts.
        self._anchor: tuple[int, float] | None = None
        self._clock = node.create_publisher(Clock, "/clock", QoSProfile(depth=1))
        self._publishers: dict[str, list[Publisher[Any]]] = {}
        self.published: dict[str, int] = dict.fromkeys(topics, 0)
        for recorded, names in topics.items():
            if recorded not in bag.topics:
                raise JudgeError(f"{bag.path} has no topic {recorded}; it has {', '.join(sorted(bag.topics))}.")
            durability = DurabilityPolicy.TRANSIENT_LOCAL if recorded in latched else DurabilityPolicy.VOLATILE
            depth = 1 if recorded in latched else HISTORY
            profile = QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability)
            kind = message_class(bag.topics[recorded])
            self._publishers[recorded] = [
                node.create_publisher(kind, name, profile) for name in ((names,) if isinstance(names, str) else names)
            ]

    @property
    def now_ns(self) -> int:
        """Simulated time as last published."""
        return self._now_ns

    def await_subscribers(self, timeout_s: float, alive: Callable[[], None]) -> None:
        """Wait until every topic, and the clock, has a subscriber.

        Args:
            timeout_s: wall-clock seconds to wait at most.
            alive: called while waiting; raises where waiting has become pointless.

        Raises:
            JudgeError: nobody subscribed in time; the message names the topics.
        """
        end_s = time.monotonic() + timeout_s
        while missing := self._without_subscriber():
            alive()
            if time.monotonic() > end_s:
                raise JudgeError(
                    f"Nobody subscribed to {', '.join(missing)} within {timeout_s:g} s; check topic names."
                )
            self.tick()
            time.sleep(CLOCK_PERIOD_S)

    def tick(self) -> None:
        """Publish the simulated time without letting it advance."""
        self._publish_clock(self._now_ns)

    def play(
        self,
        stop: threading.Event,
        on_tick: Callable[[], None] = lambda: None,
        before_message: Callable[[], None] = lambda: None,
        after_message: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Publish the whole bag; returns after the last message, or soon after `stop` is set.

        A message never goes out before its time, and simulated time is published before it. One that cannot be decoded
        does not go out: no middleware would hand it to a node.

        Args:
            stop: ends the replay.
            on_tick: called about every `CLOCK_PERIOD_S`.
            before_message: called when simulated time has reached a message, before that goes out.
            after_message: called with the number of topics on which it has gone out.
        """
        for message in self._bag.messages(self._publishers.keys()):
            if not self._decodes(message):
                continue
            self.advance(message.time_ns, stop, on_tick)
            if stop.is_set():
                return
            before_message()
            if stop.is_set():
                return
            publishers = self._publishers[message.topic]
            for publisher in publishers:
                publisher.publish(message.cdr)
            self.published[message.topic] += 1
            after_message(len(publishers))

    def _decodes(self, message: RecordedMessage) -> bool:
        try:
            self._bag.decode(message)
        except Undecodable:
            return False
        except BagError:  # the bag lacks a definition that the machine has
            return True
        return True

    def advance(self, until_ns: int, stop: threading.Event, on_tick: Callable[[], None] = lambda: None) -> None:
        """Let simulated time pass at the rate of the replay until `until_ns`, or until `stop` is set."""
        begin_ns, begin_s = self._anchor = self._anchor or (self._now_ns, time.monotonic())
        while not stop.is_set():
            passed_ns = round((time.monotonic() - begin_s) * self._rate * 1e9)
            self._publish_clock(max(self._now_ns, min(begin_ns + passed_ns, until_ns)))
            on_tick()
            left_s = (until_ns - self._now_ns) * 1e-9 / self._rate
            if left_s <= 0:
                return
            stop.wait(min(left_s, CLOCK_PERIOD_S))

    def _without_subscriber(self) -> list[str]:
        publishers = [self._clock, *chain.from_iterable(self._publishers.values())]
        return [publisher.topic_name for publisher in publishers if publisher.get_subscription_count() == 0]

    def _publish_clock(self, now_ns: int) -> None:
        self._now_ns = now_ns
        clock = Clock()
        clock.clock.sec, clock.clock.nanosec = divmod(now_ns, 1_000_000_000)
        self._clock.publish(clock)
