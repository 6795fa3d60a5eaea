"""Calls a service that switches something on or off, such as a pause or the motors."""

from __future__ import annotations

import contextlib

from rclpy.node import Node
from std_srvs.srv import SetBool

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.stop_adapters.adapter import AdapterSettings, Answer
from vlm_judge_ros.node.stop_adapters.service_call import ServiceCall
from vlm_judge_ros.node.stop_adapters.trigger import read_success


class SetBoolService:
    """A `std_srvs/SetBool`, called with the value that stops the robot."""

    def __init__(self, node: Node, settings: AdapterSettings) -> None:
        self._data = settings.data
        self._release_on_reset = settings.release_on_reset
        self._logger = node.get_logger()
        self._call = ServiceCall(node, SetBool, settings.target, read_success)

    def stop(self, answer: Answer) -> str:
        """Call it with the value that stops."""
        return self._call.call(SetBool.Request(data=self._data), answer)

    def end(self) -> None:
        """Take no answer any more."""
        self._call.forget()

    def release(self) -> None:
        """Call it with the opposite, where that is wanted."""
        if self._release_on_reset:
            with contextlib.suppress(JudgeError):  # The robot stays stopped where nobody offers it.
                self._call.call(SetBool.Request(data=not self._data), self._tell)

    def _tell(self, good: bool, text: str) -> None:
        self._logger.info(f"{self._call.name} was called with {str(not self._data).lower()}. {text}")


def make(node: Node, settings: AdapterSettings) -> SetBoolService:
    """Make the adapter."""
    return SetBoolService(node, settings)
