"""Cancels all goals of an action, whoever sent them."""

from __future__ import annotations

from typing import Any

from action_msgs.msg import GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from rclpy.node import Node

from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings, Answer
from vlm_judge_ros.node.stop_adapters.latched import LATCHED
from vlm_judge_ros.node.stop_adapters.service_call import ServiceCall

_RUNS = (GoalStatus.STATUS_ACCEPTED, GoalStatus.STATUS_EXECUTING)
_NOTHING_RUNS = (CancelGoal.Response.ERROR_UNKNOWN_GOAL_ID, CancelGoal.Response.ERROR_GOAL_TERMINATED)


def read_cancellation(response: Any, running: int) -> tuple[bool, str]:
    """What an action server says to a cancellation of all goals, of which so many were running."""
    count = len(response.goals_canceling)
    if response.return_code == CancelGoal.Response.ERROR_NONE and not count and running:
        # Servers written with rclpy say so when they reject the cancellation.
        return False, f"Cancels none of {running} running goal{'' if running == 1 else 's'}."
    if response.return_code == CancelGoal.Response.ERROR_NONE:
        return True, f"Cancels {count} goal{'' if count == 1 else 's'}." if count else "No goal runs."
    if response.return_code in _NOTHING_RUNS:
        return True, "No goal runs."
    return False, f"Refused to cancel its goals (return code {response.return_code})."


class CancelGoals:
    """The cancel service that every action server has. It works for actions of any type."""

    def __init__(self, node: Node, settings: AdapterSettings) -> None:
        self._running = 0
        self._call = ServiceCall(node, CancelGoal, f"{settings.target}/_action/cancel_goal", self._read)
        node.create_subscription(GoalStatusArray, f"{settings.target}/_action/status", self._take, LATCHED)

    def stop(self, answer: Answer) -> str:
        """Ask for the end of all goals, which an id and a stamp of zero stand for."""
        return self._call.call(CancelGoal.Request(), answer)

    def end(self) -> None:
        """Take no answer any more."""
        self._call.forget()

    def release(self) -> None:
        """Do nothing: a goal that was cancelled is sent anew by who wants it."""

    def _take(self, message: GoalStatusArray) -> None:
        self._running = sum(goal.status in _RUNS for goal in message.status_list)

    def _read(self, response: Any) -> tuple[bool, str]:
        return read_cancellation(response, self._running)


def make(node: Node, settings: AdapterSettings) -> CancelGoals:
    """Make the adapter."""
    return CancelGoals(node, settings)
