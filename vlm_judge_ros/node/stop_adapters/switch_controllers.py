"""Deactivates controllers of ros2_control."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings, Answer
from vlm_judge_ros.node.stop_adapters.service_call import ServiceCall


def switch_controller_type() -> Any:
    """The service's type.

    Raises:
        JudgeError: it is not installed.
    """
    try:
        from controller_manager_msgs.srv import SwitchController
    except ImportError as error:
        raise JudgeError(
            "An adapter of kind switch_controllers needs the package controller_manager_msgs, which is not installed "
            f"({error}); install ros-$ROS_DISTRO-controller-manager-msgs, or take another kind."
        ) from error
    return SwitchController


def _read(response: Any) -> tuple[bool, str]:
    return response.ok, "The controllers are inactive." if response.ok else "Refused to deactivate the controllers."


class SwitchControllers:
    """`switch_controller` of a controller manager. What is named and inactive already does no harm."""

    def __init__(self, node: Node, settings: AdapterSettings) -> None:
        self._kind = switch_controller_type()
        self._controllers = list(settings.controllers)
        self._call = ServiceCall(node, self._kind, settings.target, _read)

    def stop(self, answer: Answer) -> str:
        """Call it."""
        request = self._kind.Request(deactivate_controllers=self._controllers)
        # Strict, it would deactivate none where one of them is inactive already.
        request.strictness = self._kind.Request.BEST_EFFORT
        request.activate_asap = True
        return self._call.call(request, answer)

    def end(self) -> None:
        """Take no answer any more."""
        self._call.forget()

    def release(self) -> None:
        """Do nothing: a person activates controllers again."""


def make(node: Node, settings: AdapterSettings) -> SwitchControllers:
    """Make the adapter.

    Raises:
        JudgeError: the messages of ros2_control are not installed.
    """
    return SwitchControllers(node, settings)
