"""How far scoring is, on the standard error stream: a bar on a terminal, else a line for each episode."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription


class Progress:
    """Counts episodes and the seconds of them that have been judged; the time left follows from the seconds.

    Args:
        episodes: those that will be scored.
        console: where to write; None for the standard error stream.
    """

    def __init__(self, episodes: Iterable[EpisodeDescription], console: Console | None = None) -> None:
        self._durations_s = {episode.key: episode.duration_s for episode in episodes}
        self._console = console or Console(stderr=True, highlight=False)
        self._judged_s: dict[str, float] = {}
        self._ended = 0
        self._began_s = 0.0
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[ended]} of {task.fields[episodes]} episodes"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(
            "scoring", total=sum(self._durations_s.values()) or 1.0, ended=0, episodes=len(self._durations_s)
        )

    def __enter__(self) -> Progress:
        self._began_s = time.monotonic()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, episode: EpisodeDescription) -> None:
        """An episode has been begun."""
        self._judged_s[episode.key] = 0.0

    def advance(self, key: str, time_s: float) -> None:
        """So many seconds of an episode have been judged."""
        self._judged_s[key] = min(time_s, self._durations_s[key])
        self._show()

    def end(self, key: str, result: str) -> None:
        """An episode is over."""
        self._ended += 1
        self._judged_s[key] = self._durations_s[key]
        left = "" if self._console.is_terminal else self._left()
        self._console.print(
            f"{self._ended}/{len(self._durations_s)} {key}: {result}{left}", markup=False, soft_wrap=True
        )
        self._show()

    def _show(self) -> None:
        self._bar.update(self._task, completed=sum(self._judged_s.values()), ended=self._ended)

    def _left(self) -> str:
        judged_s, all_s = sum(self._judged_s.values()), sum(self._durations_s.values())
        if self._ended == len(self._durations_s) or judged_s <= 0.0:
            return ""
        left_s = (time.monotonic() - self._began_s) * (all_s - judged_s) / judged_s
        minutes, seconds = divmod(round(left_s), 60)
        hours, minutes = divmod(minutes, 60)
        return f" ({hours:d}:{minutes:02d}:{seconds:02d} left)"
