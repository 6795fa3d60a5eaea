"""Stretches of time, gathered from what is told moment by moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vlm_judge_ros.judges.opinion import SubtaskState
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.replay.trace import Alarm, Step


class Alarms:
    """Gathers for how long a layer spoke for a failure, or could not see."""

    def __init__(self) -> None:
        self._alarms: list[Alarm] = []
        self._open: dict[tuple[object, ...], int] = {}

    def look(self, findings: Iterable[Finding], now_s: float) -> None:
        """Take what all layers found when they were weighed."""
        still: dict[tuple[object, ...], int] = {}
        for finding in findings:
            if finding.effect not in (Effect.FAILURE, Effect.BLIND):
                continue
            key = (finding.layer, finding.name, finding.source, finding.effect, finding.mode)
            index = self._open.get(key)
            if index is None:
                index = len(self._alarms)
                self._alarms.append(Alarm(now_s, now_s, finding))
            else:
                self._alarms[index] = replace(self._alarms[index], end_s=now_s)
            still[key] = index
        self._open = still

    def found(self) -> tuple[Alarm, ...]:
        """All of them, in the order of their begin."""
        return tuple(self._alarms)


class Steps:
    """Gathers for how long a subtask was the one that was worked at."""

    def __init__(self) -> None:
        self._begins: list[tuple[float, str]] = []

    def look(self, subtasks: Iterable[tuple[str, SubtaskState]], time_s: float) -> None:
        """Take the subtasks as an answer of the judge has them; one that names none as active changes nothing."""
        active = next((name for name, state in subtasks if state is SubtaskState.ACTIVE), "")
        if active and (not self._begins or self._begins[-1][1] != active):
            self._begins.append((time_s, active))

    def found(self, end_s: float) -> tuple[Step, ...]:
        """All of them in order of time; the last one lasts until the end."""
        ends_s = [*(begin_s for begin_s, _ in self._begins), end_s][1:]
        return tuple(Step(name, begin_s, end_s) for (begin_s, name), end_s in zip(self._begins, ends_s, strict=False))
