"""What every stop adapter is: how it is set up, and how it is called."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rclpy.node import Node

from vlm_judge_ros.node.stop_adapters.kinds import KINDS, Kind

Answer = Callable[[bool, str], None]
"""Takes whether the robot is told to have been stopped, and one sentence about it."""


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """How one adapter is set up; the parameters of the same names say what each means."""

    name: str
    kind: str
    target: str
    deadline_s: float
    attempts: int
    parallel: bool
    data: bool
    release_on_reset: bool
    rate_hz: float
    repeat_s: float
    frame_id: str
    joints: tuple[str, ...]
    joint_states: str
    hold_after_s: float
    controllers: tuple[str, ...]

    @property
    def of_kind(self) -> Kind:
        """What is known of its kind."""
        return KINDS[self.kind]


class StopAdapter(Protocol):
    """Commands one thing to stop. No method waits for anything."""

    def stop(self, answer: Answer) -> str:
        """Send the command once more; returns one sentence on what was sent.

        Args:
            answer: called later, in the thread of the node, by an adapter whose kind answers.

        Raises:
            JudgeError: it could not be sent. Whatever else is raised counts as the same.
        """

    def end(self) -> None:
        """Leave the robot alone from now on: the stop is over, or the node ends."""

    def release(self) -> None:
        """Say that the robot may move again, where the adapter has a way of saying so."""


def make_adapter(node: Node, settings: AdapterSettings) -> StopAdapter:
    """Make an adapter of a node.

    Raises:
        JudgeError: it cannot be used here; one sentence says why.
    """
    module = importlib.import_module(f"vlm_judge_ros.node.stop_adapters.{settings.of_kind.module}")
    adapter: StopAdapter = module.make(node, settings)
    return adapter
