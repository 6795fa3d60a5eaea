"""Calls a service that stops the robot, such as a pause or hold of its driver."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from std_srvs.srv import Trigger

from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings, Answer
from vlm_judge_ros.node.stop_adapters.service_call import ServiceCall
from vlm_judge_ros.node.stop_messages import clean


def read_success(response: Any) -> tuple[bool, str]:
    """What a response with `success` and `message` says."""
    said = f": {clean(response.message)}" if response.message else "."
    return response.success, f"{'Answered that it is done' if response.success else 'Refused'}{said}"


class TriggerService:
    """A `std_srvs/Trigger`, called without words."""

    def __init__(self, node: Node, settings: AdapterSettings) -> None:
        self._call = ServiceCall(node, Trigger, settings.target, read_success)

    def stop(self, answer: Answer) -> str:
        """Call it."""
        return self._call.call(Trigger.Request(), answer)

    def end(self) -> None:
        """Take no answer any more."""
        self._call.forget()

    def release(self) -> None:
        """Do nothing: a person resumes the robot where it was paused."""


def make(node: Node, settings: AdapterSettings) -> TriggerService:
    """Make the adapter."""
    return TriggerService(node, settings)
