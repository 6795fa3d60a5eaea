"""Waits until a judge node in lockstep has judged what was played to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import QoSProfile

from vlm_judge_ros import msg
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.player import CLOCK_PERIOD_S, Player

PATIENCE_S = 180.0
"""Wall-clock seconds for one step; a judge that hangs is ended and started anew within them."""


class Handshake:
    """Listens to the heartbeats of one node, which tell its time and how many messages it has taken.

    Callbacks run in the executor of `node`; the other methods are called by the one thread that plays.

    Args:
        node: subscribes.
        judge: absolute name of the judge node.
        alive: called while waiting; raises where waiting has become pointless.
        patience_s: wall-clock seconds for one step.
    """

    def __init__(
        self, node: Node, judge: str, alive: Callable[[], None] = lambda: None, patience_s: float = PATIENCE_S
    ) -> None:
        self._judge = judge
        self._alive = alive
        self._patience_s = patience_s
        self._news = threading.Condition()
        self._stamp_ns = -1
        self._inputs = 0
        node.create_subscription(msg.Heartbeat, f"{judge}/heartbeat", self._on_heartbeat, QoSProfile(depth=1))

    def play(self, player: Player, stop: threading.Event, on_tick: Callable[[], None] = lambda: None) -> None:
        """Play a bag, each message only when the node has judged the one before; returns as `Player.play` does.

        Raises:
            JudgeError: the node does not tell that it has taken something.
        """
        self.await_time(player, stop)
        taken = self._inputs

        def before_message() -> None:
            self.await_time(player, stop)

        def after_message(count: int) -> None:
            nonlocal taken
            taken += count
            self._await(lambda: self._inputs >= taken, f"taken {taken} messages", stop)

        player.play(stop, on_tick, before_message, after_message)

    def await_time(self, player: Player, stop: threading.Event) -> None:
        """Wait until the node's clock shows the time of the player.

        Raises:
            JudgeError: it does not in time.
        """
        now_ns = player.now_ns
        # Nobody sends a message on /clock again that was lost.
        self._await(lambda: self._stamp_ns == now_ns, f"told that its clock shows {now_ns} ns", stop, player.tick)

    def _await(
        self, reached: Callable[[], bool], what: str, stop: threading.Event, again: Callable[[], None] | None = None
    ) -> None:
        end_s = time.monotonic() + self._patience_s
        with self._news:
            while not reached() and not stop.is_set():
                if self._news.wait(CLOCK_PERIOD_S):
                    continue
                self._alive()
                if again is not None:
                    again()
                if time.monotonic() > end_s:
                    raise JudgeError(
                        f"{self._judge} has not {what} within {self._patience_s:g} s, only {self._inputs}; run it with "
                        "lockstep and use_sim_time true, and give it no other publishers."
                    )

    def _on_heartbeat(self, message: msg.Heartbeat) -> None:
        with self._news:
            stamp = message.header.stamp
            self._stamp_ns = int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
            self._inputs = int(message.inputs)
            self._news.notify_all()
