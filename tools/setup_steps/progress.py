"""A progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

BAR_WIDTH = 20
REDRAW_S = 0.1


class Progress:
    """Shows which step of how many runs, how far it is, and the seconds it has taken.

    Args:
        steps: Number of steps that will be announced.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._index = 0
        self._name = ""
        self._expected_s = 1.0
        self._fraction = 0.0
        self._detail = ""
        self._begin_s = 0.0
        self._drawn_s = 0.0
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._finish_step()
        elif self._terminal and self._index:
            print(file=sys.stderr)

    def step(self, name: str, seconds: float) -> None:
        """Begin the next step, which usually takes this many seconds."""
        self._finish_step()
        self._index += 1
        self._name, self._expected_s = name, seconds
        self._fraction, self._detail = 0.0, ""
        self._begin_s = time.monotonic()
        if self._terminal:
            self._draw()
        else:
            print(f"[{self._index}/{self._steps}] {name} ...", file=sys.stderr, flush=True)

    def update(self, fraction: float | None = None, detail: str | None = None) -> None:
        """Show how far the step is, 0 to 1, and what it does; without a fraction, go by the usual seconds."""
        if fraction is None:
            # Approaches the end and never reaches it, however slow the machine.
            elapsed = (time.monotonic() - self._begin_s) / self._expected_s
            fraction = elapsed / (1.0 + elapsed)
        self._fraction = max(self._fraction, min(fraction, 1.0))
        if detail is not None:
            self._detail = detail
        if self._terminal and time.monotonic() - self._drawn_s >= REDRAW_S:
            self._draw()

    def _finish_step(self) -> None:
        if not self._index:
            return
        elapsed_s = time.monotonic() - self._begin_s
        if self._terminal:
            self._fraction, self._detail = 1.0, "done"
            self._draw()
            print(file=sys.stderr)
        else:
            print(f"[{self._index}/{self._steps}] {self._name}: done in {elapsed_s:.0f} s", file=sys.stderr, flush=True)

    def _draw(self) -> None:
        self._drawn_s = time.monotonic()
        elapsed_s = int(self._drawn_s - self._begin_s)
        filled = round(self._fraction * BAR_WIDTH)
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        counter = f"[{self._index}/{self._steps}]"
        line = f"{counter} {self._name:<20} [{bar}] {self._fraction:4.0%} {elapsed_s:3d} s  {self._detail}"
        columns = shutil.get_terminal_size().columns
        print(f"\r{line[: columns - 1]}\x1b[K", end="", file=sys.stderr, flush=True)
