"""What a person sees in the terminal while an episode is judged."""

from __future__ import annotations

import math
import threading
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vlm_judge_ros.replay.trace import Answer, Ruling
from vlm_judge_ros.verdict.verdict import State

_STYLES = {
    State.UNKNOWN: "dim",
    State.PROGRESSING: "blue",
    State.STALLED: "yellow",
    State.REGRESSING: "magenta",
    State.FAILED: "bold red",
    State.SUCCEEDED: "bold green",
}
_BAR_WIDTH = 30


class Screen:
    """Live bars while an episode plays, and a line for each thing that happens; lines alone where nobody watches.

    Methods may be called from any thread.

    Args:
        console: where to; without a terminal there are no bars.
        duration_s: length of the episode.
    """

    def __init__(self, console: Console, duration_s: float) -> None:
        self._console = console
        self._duration_s = duration_s
        self._lock = threading.Lock()
        self._played_s = 0.0
        self._progress = math.nan
        self._success = math.nan
        self._failure = math.nan
        self._state: State | None = None
        self._waiting = "starting the judge node"
        self._live = Live(console=console, get_renderable=self._bars, refresh_per_second=10, transient=True)

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def ready(self, after_s: float) -> None:
        """The node is up, after so many wall-clock seconds."""
        with self._lock:
            self._waiting = "no verdict yet"
        self._console.print(f"  judge node ready after {after_s:.1f} s; playing", markup=False)

    def played(self, time_s: float) -> None:
        """Seconds of the episode that have been played."""
        with self._lock:
            self._played_s = time_s

    def show(self, news: Answer | Ruling) -> None:
        """Something was heard from the node."""
        if isinstance(news, Answer):
            with self._lock:
                self._progress = news.progress
                self._success = news.success_probability
                self._failure = news.failure_probability
            self._console.print(_answer_line(news), highlight=False)
            return
        with self._lock:
            before, self._state = self._state, news.state
        if before is not news.state:
            self._console.print(_ruling_lines(news), highlight=False)

    def _bars(self) -> Group:
        with self._lock:
            table = Table.grid(padding=(0, 1))
            table.add_row("  played", _bar(self._played_s, self._duration_s, "white"), self._seconds())
            table.add_row("  progress", _bar(self._progress, 1.0, "blue"), _percent(self._progress))
            table.add_row("  success", _bar(self._success, 1.0, "green"), _percent(self._success))
            table.add_row("  failure", _bar(self._failure, 1.0, "red"), _percent(self._failure))
            state, waiting = self._state, self._waiting
        name = Text("  state    ", style="") + (
            Text(state.name, style=_STYLES[state]) if state is not None else Text(waiting, style="dim")
        )
        return Group(Text(""), table, name)

    def _seconds(self) -> str:
        return f"{min(self._played_s, self._duration_s):4.1f} of {self._duration_s:.1f} s"


def _bar(value: float, total: float, style: str) -> ProgressBar:
    return ProgressBar(
        total=total,
        completed=value if math.isfinite(value) else 0.0,
        width=_BAR_WIDTH,
        complete_style=style,
        finished_style=style,
    )


def _answer_line(answer: Answer) -> Text:
    line = Text(f"{answer.time_s:7.1f} s  judge    progress {_percent(answer.progress)}")
    line.append(f", success {_percent(answer.success_probability)}, failure {_percent(answer.failure_probability)}")
    if math.isnan(answer.progress) and answer.reason:
        line.append(f"; {answer.reason}", style="dim")
    return line


def _ruling_lines(ruling: Ruling) -> Text:
    text = Text(f"{ruling.known_s:7.1f} s  verdict  ")
    text.append(ruling.state.name, style=_STYLES[ruling.state])
    text.append(f": {ruling.reason}")
    for finding in ruling.further_findings:
        text.append(f"\n{'':11}{finding.layer.name.lower()}: {finding.text}", style="dim")
    return text


def _percent(value: float) -> str:
    return f"{value * 100:3.0f} %" if math.isfinite(value) else "  ? %"
