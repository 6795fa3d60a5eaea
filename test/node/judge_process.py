"""A judge node in a process of its own, started through its executable."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import LATCHED, PATIENCE_S, Bench
from diagnostic_msgs.msg import DiagnosticStatus

import vlm_judge_ros
from vlm_judge_ros import msg, srv

FOLDER = Path(__file__).parent


def executable() -> Path:
    """The program that `ros2 run vlm_judge_ros judge_node` starts."""
    for folder in Path(vlm_judge_ros.__file__).parents:
        program = folder / "lib" / "vlm_judge_ros" / "judge_node"
        if program.is_file():
            return program
    raise AssertionError("the package is not installed")


class JudgeProcess:
    """Starts a node in a namespace, and listens to it.

    Parameters in which a dot is needed are written with two underscores.
    """

    def __init__(
        self,
        bench: Bench,
        namespace: str,
        log: Path,
        arguments: Sequence[str],
        parameters: dict[str, object],
        variables: dict[str, str] | None = None,
    ) -> None:
        self.bench = bench
        self.name = f"{namespace}/judge_node"
        self.log = log
        for stale in [key for key in bench.statuses if key.startswith(f"{self.name}: ")]:
            del bench.statuses[stale]
        self.progress = bench.listen(msg.Progress, f"/{self.name}/progress")
        self.reviews = bench.listen(msg.Progress, f"/{self.name}/review")
        self.failures = bench.listen(msg.Failure, f"/{self.name}/failure")
        self.verdicts = bench.listen(msg.Verdict, f"/{self.name}/verdict", LATCHED)
        given = {
            "judge": "scripted_judge:create",
            **{key.replace("__", "."): value for key, value in parameters.items()},
        }
        command = [str(executable()), "--ros-args", "-r", f"__ns:=/{namespace}", *arguments]
        for key, value in given.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ["-p", f"{key}:={text}"]
        paths = [str(FOLDER), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **(variables or {})}
        environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
        with log.open("w") as output:
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def said(self) -> str:
        return self.log.read_text()

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        def unless_it_ended() -> Any:
            assert self.process.poll() is None, f"the node ended:\n{self.said()}"
            return condition()

        try:
            return self.bench.until(unless_it_ended, what)
        except AssertionError as error:
            statuses = "\n".join(f"{name}: {self.values(name)}" for name in ("episode", "judge", "camera front"))
            raise AssertionError(f"{error}\n{self.said()}\n{statuses}") from None

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
