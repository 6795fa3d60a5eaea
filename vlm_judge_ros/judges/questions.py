"""Questions on their way to a judge: the newest one wins, and each has a deadline."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass

from vlm_judge_ros.episode.evidence import Evidence


@dataclass(slots=True)
class Counts:
    """What happened to the questions; each ends in exactly one of these, unless it was forgotten.

    Attributes:
        answered: in time.
        failed: the judge said that it cannot.
        late: the deadline passed first.
        replaced: a newer question came before the judge was free.
        lost: the judge's process ended, or was not there.
    """

    answered: int = 0
    failed: int = 0
    late: int = 0
    replaced: int = 0
    lost: int = 0


@dataclass(slots=True)
class Question:
    """One question, and how it stands. Moments are those of a clock that never goes back, in seconds.

    Attributes:
        number: its number.
        evidence: what is to be judged.
        asked_s: when it was asked.
        deadline_s: seconds from then after which the answer is no longer wanted.
        sent_s: when it went to the judge.
        expired: nobody waits for the answer any more.
        cancelled: the judge was told so.
    """

    number: int
    evidence: Evidence
    asked_s: float
    deadline_s: float
    sent_s: float = 0.0
    expired: bool = False
    cancelled: bool = False

    @property
    def due_s(self) -> float:
        """When the deadline is."""
        return self.asked_s + self.deadline_s


class Questions:
    """At most one question that the judge is busy with, and one that waits. Safe for use from several threads."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: Question | None = None
        self._in_flight: Question | None = None

    @property
    def pending(self) -> int:
        """Questions whose answer is still wanted, 0 to 2."""
        with self._lock:
            return len(self._wanted())

    @property
    def busy_since_s(self) -> float | None:
        """When the question that the judge is busy with was sent; None where it is free."""
        in_flight = self._in_flight
        return in_flight.sent_s if in_flight is not None else None

    def put(self, evidence: Evidence, deadline_s: float, now_s: float) -> None:
        """Ask a question, in the place of one that waits."""
        with self._lock:
            if self._waiting is not None:
                self.counts.replaced += 1
            self._waiting = Question(next(self._numbers), evidence, now_s, deadline_s)

    def send_next(self, now_s: float) -> Question | None:
        """Hand out the question that waits, if there is one and the judge is free."""
        with self._lock:
            if self._in_flight is not None or self._waiting is None:
                return None
            self._in_flight, self._waiting = self._waiting, None
            self._in_flight.sent_s = now_s
            return self._in_flight

    def cancel_next(self) -> int | None:
        """Number of the question that the judge works on in vain, once; None where there is none.

        A newer question alone is no reason: a judge that is slower than the questions come would never answer.
        """
        with self._lock:
            in_flight = self._in_flight
            if in_flight is None or not in_flight.expired or in_flight.cancelled:
                return None
            in_flight.cancelled = True
            return in_flight.number

    def take_back(self, number: int, answered: bool) -> Question | None:
        """The judge is done with a question. Returns it, or None where the answer is no longer wanted."""
        with self._lock:
            question, self._in_flight = self._in_flight, None
            if question is None or question.expired or question.number != number:
                return None
            if answered:
                self.counts.answered += 1
            else:
                self.counts.failed += 1
            return question

    def expire(self, now_s: float) -> list[Question]:
        """Give up and return the questions whose deadline has passed."""
        with self._lock:
            late = [question for question in self._wanted() if now_s >= question.due_s]
            self._give_up(late)
            self.counts.late += len(late)
            return late

    def abandon(self) -> list[Question]:
        """Give up and return all questions, because there is no judge."""
        with self._lock:
            lost = self._wanted()
            self._waiting = self._in_flight = None
            self.counts.lost += len(lost)
            return lost

    def forget(self) -> None:
        """Give up all questions, because nobody wants to know any more."""
        with self._lock:
            self._give_up(self._wanted())

    def next_due_s(self) -> float | None:
        """When the next deadline is; None where there is none."""
        with self._lock:
            return min((question.due_s for question in self._wanted()), default=None)

    def _wanted(self) -> list[Question]:
        return [entry for entry in (self._in_flight, self._waiting) if entry is not None and not entry.expired]

    def _give_up(self, questions: list[Question]) -> None:
        for question in questions:
            # The judge still works on the one that was sent; it is free only when that comes back.
            question.expired = True
            if question is self._waiting:
                self._waiting = None
