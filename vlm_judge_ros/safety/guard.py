"""Decides when the robot stops, and holds that until a person resets it."""

from __future__ import annotations

from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.safety.cause import Cause, Moment, Reason
from vlm_judge_ros.safety.failures import Failures
from vlm_judge_ros.safety.heartbeat import FailureNews, Heartbeat
from vlm_judge_ros.safety.judge_watch import JudgeWatch
from vlm_judge_ros.safety.settings import WatchSettings
from vlm_judge_ros.safety.sources import Sources


class ResetRefused(JudgeError):
    """The cause of the stop persists."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop that was decided.

    Attributes:
        number: number of the stop since the start, from 1.
        reasons: what caused it, the first one first; never empty.
        moment: when it was decided.
    """

    number: int
    reasons: tuple[Reason, ...]
    moment: Moment

    @property
    def text(self) -> str:
        """All causes, a sentence each."""
        return " ".join(reason.text for reason in self.reasons)


class Guard:
    """Takes what is heard, and decides. Depends on its inputs and the moments given with them only.

    Every method that may lead to a stop returns it when it is decided in that call, else None. It holds until `reset`.

    Args:
        settings: what is watched.
        start: when the node started.
    """

    def __init__(self, settings: WatchSettings, start: Moment) -> None:
        self._settings = settings
        self._judge = JudgeWatch(settings, start.steady_ns)
        self._failures = Failures(settings.stop_severity)
        self._sources = Sources(settings, start.steady_ns)
        self._stop: Stop | None = None
        self._stops = 0

    @property
    def stop(self) -> Stop | None:
        """The stop that holds; None where the robot is not stopped."""
        return self._stop

    @property
    def stops(self) -> int:
        """Number of stops since the start."""
        return self._stops

    @property
    def judge_was_heard(self) -> bool:
        """Whether the judge node was ever heard."""
        return self._judge.heard

    def add_heartbeat(self, beat: Heartbeat, now: Moment) -> Stop | None:
        """Take a heartbeat of the judge node."""
        if self._judge.overtaken(beat):
            return self._weigh(now)
        restart = self._judge.add(beat, now.steady_ns)
        self._failures.add_heartbeat(beat)
        return self._weigh(now, () if restart is None else (restart,))

    def add_failure(self, news: FailureNews, now: Moment) -> Stop | None:
        """Take a failure event of the judge node."""
        self._failures.add(news)
        return self._weigh(now)

    def add_source(self, topic: str, now: Moment) -> Stop | None:
        """Take notice of a message of a named source. What else is due is found in `check`."""
        self._sources.add(topic, now.steady_ns)
        return None

    def request(self, source: str, text: str, now: Moment) -> Stop | None:
        """Stop because somebody asks for it."""
        return self._weigh(now, (Reason(Cause.REQUEST, source, text),))

    def check(self, now: Moment) -> Stop | None:
        """Let time pass, which is how silence is noticed."""
        return self._weigh(now)

    def standing(self, now: Moment) -> tuple[Reason, ...]:
        """Everything that would stop the robot at this moment."""
        return (
            *self._failures.standing(),
            *self._judge.standing(now.steady_ns),
            *self._sources.standing(now.steady_ns),
        )

    def reset(self, now: Moment) -> Stop | None:
        """Let the robot go; returns the stop that held, None where none did. `check` is to be called before.

        Raises:
            ResetRefused: what caused a stop persists; the robot stays stopped.
        """
        standing = self.standing(now)
        if standing:
            causes = " ".join(reason.text for reason in standing)
            raise ResetRefused(f"The robot stays stopped, because a cause persists; mend it and reset again. {causes}")
        stop, self._stop = self._stop, None
        return stop

    def _weigh(self, now: Moment, more: tuple[Reason, ...] = ()) -> Stop | None:
        if self._stop is not None:
            return None
        reasons = more + self.standing(now)
        if not reasons:
            return None
        self._stops += 1
        self._stop = Stop(self._stops, reasons, now)
        return self._stop
