"""The services of the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from std_srvs.srv import SetBool

from vlm_judge_ros import srv
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.conversion import verdict_message
from vlm_judge_ros.node.pace import Pace
from vlm_judge_ros.node.refusals import Refusals
from vlm_judge_ros.session.judging import Judging


class Services:
    """Tasks and episodes on request. Each answers at once; what is refused is refused with one sentence."""

    def __init__(self, node: Node, judging: Judging, pace: Pace, refusals: Refusals, now_ns: Callable[[], int]) -> None:
        self._node = node
        self._pace = pace
        self._judging = judging
        self._refusals = refusals
        self._now_ns = now_ns
        self._services = [
            node.create_service(srv.SetTask, "~/set_task", self._set_task),
            node.create_service(srv.StartEpisode, "~/start_episode", self._start_episode),
            node.create_service(srv.EndEpisode, "~/end_episode", self._end_episode),
            node.create_service(SetBool, "~/enable", self._enable),
        ]

    def close(self) -> None:
        """Destroy the services."""
        for service in self._services:
            self._node.destroy_service(service)

    def _set_task(self, request: Any, response: Any) -> Any:
        def act() -> str:
            self._judging.set_task(request.task, request.restart, self._now_ns())
            return f"The task is: {self._judging.task}"

        return self._answer("~/set_task", response, act)

    def _start_episode(self, request: Any, response: Any) -> Any:
        def act() -> str:
            response.episode_id = self._judging.start_episode(request.episode_id, request.task, self._now_ns())
            return f"Episode {response.episode_id} runs."

        return self._answer("~/start_episode", response, act)

    def _end_episode(self, request: Any, response: Any) -> Any:
        def act() -> str:
            verdict = self._pace.end_episode(request.episode_id)
            response.verdict = verdict_message(verdict)
            return f"Episode {verdict.episode_id} has ended."

        return self._answer("~/end_episode", response, act)

    def _enable(self, request: Any, response: Any) -> Any:
        def act() -> str:
            self._judging.enable(request.data, self._now_ns())
            return f"Judging is switched {'on' if request.data else 'off'}."

        return self._answer("~/enable", response, act)

    def _answer(self, service: str, response: Any, act: Callable[[], str]) -> Any:
        try:
            self._pace.before()
            response.message = act()
            self._pace.settle()
            response.success = True
        except JudgeError as error:
            response.message, response.success = str(error), False
            self._refusals.add(f"service {service}", str(error))
        return response
