"""Starts the process in which a judge runs, and says how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

# The path is handed over instead of found again, so that the child imports exactly the code that the parent runs.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
    "from vlm_judge_ros.judges.worker_process import serve; serve(int(sys.argv[1]), int(sys.argv[2]))"
)
_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start_child(socket_number: int, threads: int, niceness: int) -> subprocess.Popen[bytes]:
    """Start the process.

    Args:
        socket_number: file descriptor of the connected socket that it talks on.
        threads: that one inference may use.
        niceness: how far it steps back behind others, 0 to 19.

    Raises:
        OSError: it cannot be started.
    """
    environment = {**os.environ, **dict.fromkeys(_THREAD_LIMITS, str(threads))}
    program = [sys.executable, "-c", _PROGRAM, str(socket_number), str(os.getpid()), json.dumps(sys.path)]
    process = subprocess.Popen(program, pass_fds=(socket_number,), stdin=subprocess.DEVNULL, env=environment)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
    return process


def describe_end(code: int) -> str:
    """What an exit code says, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
