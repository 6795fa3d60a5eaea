"""A judge node in a process of its own, started through its executable."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import LATCHED, Bench
from diagnostic_msgs.msg import DiagnosticStatus
from node_process import NodeProcess

from vlm_judge_ros import msg, srv

FOLDER = Path(__file__).parent


class JudgeProcess(NodeProcess):
    """Starts a judge node in a namespace, and listens to it; parameters as for any node process."""

    def __init__(
        self,
        bench: Bench,
        namespace: str,
        log: Path,
        arguments: Sequence[str],
        parameters: dict[str, object],
        variables: dict[str, str] | None = None,
    ) -> None:
        self.name = f"{namespace}/judge_node"
        for stale in [key for key in bench.statuses if key.startswith(f"{self.name}: ")]:
            del bench.statuses[stale]
        self.progress = bench.listen(msg.Progress, f"/{self.name}/progress")
        self.reviews = bench.listen(msg.Progress, f"/{self.name}/review")
        self.failures = bench.listen(msg.Failure, f"/{self.name}/failure")
        self.verdicts = bench.listen(msg.Verdict, f"/{self.name}/verdict", LATCHED)
        paths = [str(FOLDER), os.environ.get("PYTHONPATH", "")]
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), **(variables or {})}
        given = {"judge": "scripted_judge:create", **parameters}
        super().__init__(bench, "judge_node", namespace, log, given, environment, arguments)

    def circumstances(self) -> str:
        return "\n".join(f"{name}: {self.values(name)}" for name in ("episode", "judge", "camera front"))

    # What it says of itself

    def status(self, name: str) -> DiagnosticStatus | None:
        return self.bench.statuses.get(f"{self.name}: {name}")

    def values(self, name: str) -> dict[str, str]:
        status = self.status(name)
        return {entry.key: entry.value for entry in status.values} if status is not None else {}

    def await_value(self, name: str, key: str) -> str:
        return str(self.until(lambda: self.values(name).get(key), f"{key} of {name}"))

    def count(self, name: str, key: str) -> int:
        return int(self.values(name).get(key, 0) or 0)

    def kill_model(self, name: str = "judge") -> int:
        """Kill the process of the judge's or the review's model, as soon as it is known which that is; return which.

        A number that is not known reads 0, and to kill that would kill everything that runs the tests.
        """
        process = int(self.until(lambda: self.count(name, "process"), f"the process of {name}"))
        os.kill(process, signal.SIGKILL)
        return process

    def await_count(self, name: str, key: str, at_least: int = 1) -> None:
        self.until(lambda: self.count(name, key) >= at_least, f"{key} of {name} to reach {at_least}")

    def await_status(self, name: str, level: bytes, words: str = "") -> DiagnosticStatus:
        def found() -> DiagnosticStatus | None:
            status = self.status(name)
            return status if status and status.level == level and words in status.message else None

        return self.until(found, f"{name} to be {level!r} with {words!r}; it is {self.status(name)}")

    def await_state(self, state: str) -> None:
        self.until(lambda: self.values("episode").get("lifecycle state") == state, f"the lifecycle state {state}")

    # Verdicts

    def await_verdict(self, state: int, words: str = "", since: int = 0) -> Any:
        """The first verdict with this state and these words in its reason, not counting the first `since` ones."""

        def found() -> Any:
            return next((it for it in self.verdicts[since:] if it.state == state and words in it.reason), None)

        seen = [(it.state, it.reason) for it in self.verdicts[since:]]
        return self.until(found, f"a verdict {state} with {words!r}; until now: {seen}")

    def await_progress(self, more: int = 1) -> list[Any]:
        """The next answers of the judge."""
        before = len(self.progress)
        self.until(lambda: len(self.progress) >= before + more, f"{more} answers")
        return self.progress[before:]

    # Requests

    def start_episode(self, task: str, episode_id: str = "") -> Any:
        return self.bench.call(srv.StartEpisode, f"/{self.name}/start_episode", task=task, episode_id=episode_id)

    def end_episode(self, episode_id: str = "") -> Any:
        return self.bench.call(srv.EndEpisode, f"/{self.name}/end_episode", episode_id=episode_id)

    def begin(self, task: str) -> int:
        """Start an episode that has to be accepted; returns the number of verdicts heard before."""
        before = len(self.verdicts)
        response = self.start_episode(task)
        assert response.success, response.message
        return before
