"""A node in a process of its own, started through its executable."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import PATIENCE_S, Bench

import vlm_judge_ros


def executable(name: str) -> Path:
    """The program that `ros2 run vlm_judge_ros NAME` starts."""
    for folder in Path(vlm_judge_ros.__file__).parents:
        program = folder / "lib" / "vlm_judge_ros" / name
        if program.is_file():
            return program
    raise AssertionError("the package is not installed")


class NodeProcess:
    """Starts a node in a namespace.

    Parameters in which a dot is needed are written with two underscores.
    """

    def __init__(
        self,
        bench: Bench,
        program: str,
        namespace: str,
        log: Path,
        parameters: Mapping[str, object],
        variables: Mapping[str, str],
        arguments: Sequence[str] = (),
    ) -> None:
        self.bench = bench
        self.log = log
        command = [str(executable(program)), "--ros-args", "-r", f"__ns:=/{namespace}", *arguments]
        for key, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ["-p", f"{key.replace('__', '.')}:={text}"]
        environment = {**os.environ, **variables}
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

    def circumstances(self) -> str:
        """What helps to understand that something did not come."""
        return ""

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        def unless_it_ended() -> Any:
            assert self.process.poll() is None, f"the node ended:\n{self.said()}"
            return condition()

        try:
            return self.bench.until(unless_it_ended, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}\n{self.circumstances()}") from None
