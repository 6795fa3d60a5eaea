"""Runs the commands of a step: output to a log, lines to whoever reads the progress off them."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from setup_steps.progress import Progress

# Of a sourced ROS 2, another virtual environment, or a pip set to other folders: they would leak into ours.
FOREIGN_VARIABLES = (
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "PIP_PREFIX",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)
UNREACHABLE = (
    "The package index cannot be reached: check the network, or pip's proxy settings, and run the command again."
)
CAUSES = (
    ("No space left on device", "The disk is full: free some space and run the command again."),
    ("Disk quota exceeded", "Your disk quota is used up: free some space and run the command again."),
    ("Temporary failure in name resolution", UNREACHABLE),
    ("Failed to establish a new connection", UNREACHABLE),
)
TICK_S = 0.2
SHOWN_LINES = 25


class StepFailedError(Exception):
    """A command of the set-up failed; the message ends with what to do."""


class Commands:
    """Runs commands, one after another, with all their output in one log file.

    Args:
        log: File for the output; begun anew.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")

    def run(
        self,
        command: Sequence[str],
        progress: Progress,
        on_line: Callable[[str], None] | None = None,
        on_tick: Callable[[], None] | None = None,
    ) -> None:
        """Run one command to its end.

        Args:
            command: Program and arguments.
            progress: Moved on while it runs.
            on_line: Gets each line of output; without it the progress goes by time.
            on_tick: Called a few times per second.

        Raises:
            StepFailedError: It ended with an error.
        """
        environment = {key: value for key, value in os.environ.items() if key not in FOREIGN_VARIABLES}
        environment["PYTHONUNBUFFERED"] = "1"  # else pip's lines come in blocks, and the progress with them
        if "AMENT_PREFIX_PATH" in os.environ:
            environment.pop("LD_LIBRARY_PATH", None)
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            with self._log.open("a") as log:
                log.write(f"$ {' '.join(command)}\n")
                self._follow(lines, log.write, progress, on_line, on_tick)
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if code:
            raise StepFailedError(self._explain(command))

    def _follow(
        self,
        lines: queue.Queue[str | None],
        write: Callable[[str], object],
        progress: Progress,
        on_line: Callable[[str], None] | None,
        on_tick: Callable[[], None] | None,
    ) -> None:
        while True:
            try:
                line = lines.get(timeout=TICK_S)
            except queue.Empty:
                line = ""
            if line is None:
                return
            if line:
                write(line)
                if on_line is not None:
                    on_line(line.strip())
            if on_tick is not None:
                on_tick()
            elif on_line is None:
                progress.update()

    def _explain(self, command: Sequence[str]) -> str:
        output = self._log.read_text(errors="replace")
        for sign, cause in CAUSES:
            if sign in output:
                return cause
        tail = "\n".join(output.splitlines()[-SHOWN_LINES:])
        shown = " ".join([Path(command[0]).name, *command[1:6]])
        return f"{tail}\nSet-up failed at `{shown} ...`; its whole output is in {self._log}."


def _read(stream: object, lines: queue.Queue[str | None]) -> None:
    for line in stream:  # type: ignore[attr-defined]
        lines.put(line)
    lines.put(None)
