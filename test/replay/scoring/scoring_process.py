"""Runs `vlm-judge score` as a process of its own, to be ended at a chosen moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

JUDGE = ("--judge", "replay.scoring.halting_judge:create")
_TESTS = Path(__file__).parents[2]
_PATIENCE_S = 120.0


class ScoringProcess:
    """A run in a process."""

    def __init__(self, out: Path, words: Sequence[str | Path]) -> None:
        self._out = out
        path = os.pathsep.join([str(_TESTS.parent), str(_TESTS), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vlm_judge_ros.cli", "score", *map(str, words), "--out", str(out), *JUDGE],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def await_episode(self, name: str) -> None:
        """Wait until an episode has been begun, or, without the prefix of unfinished ones, is there."""
        until_s = time.monotonic() + _PATIENCE_S
        while not (self._out / name).exists():
            assert self._process.poll() is None, self._process.communicate()[0]
            assert time.monotonic() < until_s, f"{name} never came"
            time.sleep(0.02)

    def worker(self) -> int:
        """Process id of what scores an episode."""
        number = self._process.pid
        for child in Path(f"/proc/{number}/task/{number}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        raise AssertionError("nothing scores an episode")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def await_end(self) -> tuple[int, str]:
        """Exit status and what was printed."""
        text, _ = self._process.communicate(timeout=_PATIENCE_S)
        return self._process.returncode, text
