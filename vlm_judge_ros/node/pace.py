"""When judging is told that time passes and that answers came: as it happens, or in lockstep with what is played."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.parameters.parameter import Value
from vlm_judge_ros.session.judging import Judging
from vlm_judge_ros.session.lockstep import Lockstep
from vlm_judge_ros.verdict.verdict import Verdict


class Pace(Protocol):
    """What the node tells whenever something happens.

    Attributes:
        inputs: messages taken since activation.
    """

    inputs: int

    def begin(self) -> None:
        """The node has become active."""

    def close(self) -> None:
        """The node is not active any more."""

    def before(self) -> None:
        """An input or a request is about to be taken."""

    def settle(self) -> None:
        """One thing was taken out of a message."""

    def taken(self) -> None:
        """All of a message was taken."""

    def tick(self) -> None:
        """The steady timer has fired."""

    def take_news(self) -> None:
        """A judge's process has sent something."""

    def end_episode(self, episode_id: str) -> Verdict:
        """End the running episode; see `Judging.end_episode`."""


class AsItHappens:
    """The pace on a robot: nothing waits for anything; see `Pace`.

    Args:
        judging: is told.
        now_ns: the node clock.
    """

    def __init__(self, judging: Judging, now_ns: Callable[[], int]) -> None:
        self.inputs = 0
        self._judging = judging
        self._now_ns = now_ns

    def begin(self) -> None:
        """Count from here."""
        self.inputs = 0

    def close(self) -> None:
        """Nothing."""

    def before(self) -> None:
        """Nothing."""

    def settle(self) -> None:
        """Weigh at once where a stop must not wait for the next tick."""
        if self._judging.engine.urgent:
            self._judging.weigh(self._now_ns())

    def taken(self) -> None:
        """Count."""
        self.inputs += 1

    def tick(self) -> None:
        """Let time pass."""
        self._judging.tick(self._now_ns())

    def take_news(self) -> None:
        """Take them."""
        self._judging.take_news(self._now_ns())

    def end_episode(self, episode_id: str) -> Verdict:
        """End it now."""
        return self._judging.end_episode(episode_id, self._now_ns())


class InLockstep:
    """The pace of a recording that is played: time passes as the stamps say, and every answer is awaited; see `Pace`.

    Args:
        node: its clock is the time of the recording.
        judging: is told.
        now_ns: the node clock.
        beat: sends a heartbeat, by which a player sees that time and inputs have been taken.
    """

    def __init__(self, node: Node, judging: Judging, now_ns: Callable[[], int], beat: Callable[[], None]) -> None:
        self.inputs = 0
        self._judging = judging
        self._lockstep = Lockstep(judging)
        self._now_ns = now_ns
        self._beat = beat
        # What the clock calls back while it is set must be short, so the work is left to the executor.
        self._clock_moved = node.create_guard_condition(self._on_clock)
        any_step = JumpThreshold(
            min_forward=Duration(nanoseconds=1), min_backward=Duration(nanoseconds=-1), on_clock_change=False
        )
        self._steps = node.get_clock().create_jump_callback(
            any_step, post_callback=lambda _: self._clock_moved.trigger()
        )
        self._node = node

    def begin(self) -> None:
        """Count from here."""
        self.inputs = 0
        self._lockstep.begin(self._now_ns())

    def close(self) -> None:
        """Cease to follow the clock."""
        self._steps.unregister()
        self._node.destroy_guard_condition(self._clock_moved)

    def before(self) -> None:
        """Let time pass up to now."""
        self._lockstep.advance(self._now_ns())

    def settle(self) -> None:
        """Weigh where something is urgent, and await what was asked."""
        now_ns = self._now_ns()
        if self._judging.engine.urgent:
            self._judging.weigh(now_ns)
        self._lockstep.settle(now_ns)

    def taken(self) -> None:
        """Count, and tell the player."""
        self.inputs += 1
        self._beat()

    def tick(self) -> None:
        """Let time pass up to now; between two messages of the clock it stands still."""
        self.before()

    def take_news(self) -> None:
        """Nothing: answers are taken where they are awaited."""

    def end_episode(self, episode_id: str) -> Verdict:
        """Ask a last time, then end it."""
        return self._lockstep.end_episode(episode_id, self._now_ns())

    def _on_clock(self) -> None:
        if self._judging.active:
            self.before()
            self._beat()


def is_in_lockstep(node: Node, values: Mapping[str, Value]) -> bool:
    """Whether parameters ask for lockstep.

    Raises:
        JudgeError: they do, and the node's clock is not that of a recording.
    """
    if values["lockstep"] and not node.get_parameter("use_sim_time").value:
        raise JudgeError(
            "Parameter lockstep is true and use_sim_time is false; set use_sim_time to true and play a recording with "
            "its clock, or set lockstep to false."
        )
    return bool(values["lockstep"])


def pace_of(node: Node, judging: Judging, now_ns: Callable[[], int], beat: Callable[[], None], lockstep: bool) -> Pace:
    """The pace that parameters ask for; arguments as for the two."""
    if not lockstep:
        return AsItHappens(judging, now_ns)
    node.get_logger().warning(
        "Parameter lockstep is true: nothing goes on before the judge has answered. This is for recordings, never for "
        "a robot."
    )
    return InLockstep(node, judging, now_ns, beat)
