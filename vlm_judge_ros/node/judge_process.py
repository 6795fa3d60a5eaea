"""The judge node as a process of its own, started, brought up and ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from vlm_judge_ros.errors import JudgeError

_LOG_PREFIX = re.compile(r"^\[\w+\] \[[\d.]+\] \[[\w.]+\]: ")

# Killed without a chance to end it, the starting process takes the node with it all the same.
_PROGRAM = (
    "import signal, sys; from vlm_judge_ros.orphans import end_with_parent; "
    "end_with_parent(int(sys.argv.pop(1)), signal.SIGTERM) or sys.exit(1); "
    "from vlm_judge_ros.node.judge_node import main; sys.exit(main())"
)

END_TIMEOUT_S = 5.0
"""Wall-clock seconds that a node has to end after SIGINT before it is killed."""


class JudgeProcess:
    """Runs the judge node between `with JudgeProcess(...) as process:` and the end of the block; leaves nothing behind.

    Args:
        namespace: namespace of the node.
        name: name of the node.
        parameters: its parameters.
        environment: variables that differ from those of this process.
    """

    def __init__(
        self, namespace: str, name: str, parameters: Mapping[str, object], environment: Mapping[str, str]
    ) -> None:
        self._command = [sys.executable, "-c", _PROGRAM, str(os.getpid()), "--ros-args"]
        self._command += ["-r", f"__ns:={namespace}", "-r", f"__node:={name}"]
        for parameter, value in parameters.items():
            self._command += ["-p", f"{parameter}:={_as_yaml(value)}"]
        self._environment = {**os.environ, **environment}
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> JudgeProcess:
        # A session of its own: Ctrl-C reaches this process alone, which then ends the node and all that it started.
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        assert process is not None
        try:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_session(process.pid)
            process.wait()
            self._output.close()

    def check_alive(self) -> None:
        """Return while the node runs.

        Raises:
            JudgeError: it has ended; the message holds the last of what it said.
        """
        assert self._process is not None
        status = self._process.poll()
        if status is not None:
            raise JudgeError(f"The judge node ended with status {status}: {self.last_words()}")

    def last_words(self) -> str:
        """The end of what the node wrote, on one line."""
        self._output.flush()
        size = os.fstat(self._output.fileno()).st_size
        text = os.pread(self._output.fileno(), 4000, max(0, size - 4000)).decode(errors="replace")
        return _telling_line(text.splitlines())


def _telling_line(lines: Sequence[str]) -> str:
    told = [_LOG_PREFIX.sub("", line.strip()) for line in lines if line.strip()]
    return told[-1] if told else "it said nothing."


def _kill_session(leader: int) -> None:
    """End what is left of a process group, such as the worker of a node that had to be killed."""
    deadline_s = time.monotonic() + 1.0
    while time.monotonic() < deadline_s:
        try:
            os.killpg(leader, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.01)


def _as_yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_as_yaml, value)) + "]"
    return str(value)
