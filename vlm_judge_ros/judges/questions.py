"""Questions on their way to a judge: single ones, of which the newest wins, and scorings, which are many at once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from vlm_judge_ros.episode.evidence import Evidence


@dataclass(slots=True)
class Counts:
    """What happened to single questions; each ends in exactly one of these, unless it was forgotten.

    Attributes:
        answered: in time.
        failed: the judge said that it cannot.
        late: the deadline passed first.
        replaced: a newer question came before the judge was free.
        lost: the judge's process ended, or was not there.
        scored: answers to the questions of scorings, which count in none of the others.
    """

    answered: int = 0
    failed: int = 0
    late: int = 0
    replaced: int = 0
    lost: int = 0
    scored: int = 0


@dataclass(slots=True)
class Question:
    """One question, and how it stands. Moments are those of a clock that never goes back, in seconds.

    Attributes:
        evidence: what is to be judged.
        asked_s: when it was asked.
        deadline_s: seconds from then after which the answer is no longer wanted.
        scoring: number of the scoring that it belongs to; 0 for a single question.
        index: its place in that scoring.
        number: its number among all that went to the judge; 0 before.
        sent_s: when it went to the judge.
        expired: nobody waits for the answer any more.
        cancelled: the judge was told so.
    """

    evidence: Evidence
    asked_s: float
    deadline_s: float
    scoring: int = 0
    index: int = 0
    number: int = 0
    sent_s: float = 0.0
    expired: bool = False
    cancelled: bool = False

    @property
    def due_s(self) -> float:
        """When the deadline is."""
        return self.asked_s + self.deadline_s


@dataclass(slots=True)
class Scoring:
    """Several questions of which each answer counts as soon as it is there; moments as for `Question`.

    Attributes:
        number: its number.
        left: questions that have not gone to the judge, in their order.
        due_s: when the deadline of all of them is.
        deadline_s: the same in seconds from when they were asked.
        begun: one of them has gone to the judge.
    """

    number: int
    left: list[Question]
    due_s: float
    deadline_s: float
    begun: bool = False


class Questions:
    """At most one question that the judge is busy with, a single one and a scoring that wait. Safe for several threads.

    A scoring goes before a single question that waits, because a policy stands still for it. Between two scorings a
    single question gets its turn, or scorings without a pause would leave the verdict without an answer for ever.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._scoring_numbers = itertools.count(1)
        self._waiting: Question | None = None
        self._in_flight: Question | None = None
        self._scoring: Scoring | None = None
        self._single_is_next = False

    @property
    def pending(self) -> int:
        """Single questions whose answer is still wanted, 0 to 2."""
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
            self._waiting = Question(evidence, now_s, deadline_s)

    def put_scoring(self, evidences: Sequence[Evidence], deadline_s: float, now_s: float) -> int:
        """Ask several questions with one deadline, in the place of a scoring before; returns the number of this one."""
        with self._lock:
            self._drop_scoring()
            number = next(self._scoring_numbers)
            left = [Question(evidence, now_s, deadline_s, number, index) for index, evidence in enumerate(evidences)]
            self._scoring = Scoring(number, left, now_s + deadline_s, deadline_s)
            return number

    def send_next(self, now_s: float) -> Question | None:
        """Hand out the question whose turn it is, if there is one and the judge is free."""
        with self._lock:
            if self._in_flight is not None:
                return None
            question = self._pick()
            if question is not None:
                # Numbers rise in the order of sending, because the judge's process gives up all before a cancelled one.
                question.number, question.sent_s = next(self._numbers), now_s
                self._in_flight = question
            return question

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
            if question.scoring:
                self.counts.scored += answered
                if self._scoring is not None and not self._scoring.left:
                    self._scoring = None
            elif answered:
                self.counts.answered += 1
            else:
                self.counts.failed += 1
            return question

    def expire(self, now_s: float) -> list[Question]:
        """Give up and return the single questions whose deadline has passed."""
        with self._lock:
            late = [question for question in self._wanted() if now_s >= question.due_s]
            self._give_up(late)
            self.counts.late += len(late)
            return late

    def expire_scoring(self, now_s: float) -> Scoring | None:
        """Give up and return the scoring whose deadline has passed."""
        with self._lock:
            if self._scoring is None or now_s < self._scoring.due_s:
                return None
            return self._drop_scoring()

    def abandon(self) -> list[Question]:
        """Give up and return all single questions, because there is no judge."""
        with self._lock:
            lost = self._wanted()
            self._waiting = self._in_flight = None
            self.counts.lost += len(lost)
            return lost

    def abandon_scoring(self) -> Scoring | None:
        """Give up and return the scoring, because there is no judge."""
        with self._lock:
            return self._drop_scoring()

    def forget(self) -> None:
        """Give up all single questions, because nobody wants to know any more."""
        with self._lock:
            self._give_up(self._wanted())

    def forget_scoring(self) -> None:
        """Give up the scoring, because nobody wants to know any more."""
        with self._lock:
            self._drop_scoring()

    def next_due_s(self) -> float | None:
        """When the next deadline is; None where there is none."""
        with self._lock:
            moments = [question.due_s for question in self._wanted()]
            if self._scoring is not None:
                moments.append(self._scoring.due_s)
            return min(moments, default=None)

    def _pick(self) -> Question | None:
        scoring, single = self._scoring, self._waiting
        if scoring is not None and scoring.left and (scoring.begun or single is None or not self._single_is_next):
            scoring.begun = self._single_is_next = True
            return scoring.left.pop(0)
        self._waiting, self._single_is_next = None, False
        return single

    def _drop_scoring(self) -> Scoring | None:
        dropped, self._scoring = self._scoring, None
        if self._in_flight is not None and self._in_flight.scoring:
            # The judge still works on it; it is free only when that comes back.
            self._in_flight.expired = True
        return dropped

    def _wanted(self) -> list[Question]:
        singles = (entry for entry in (self._in_flight, self._waiting) if entry is not None and not entry.scoring)
        return [entry for entry in singles if not entry.expired]

    def _give_up(self, questions: list[Question]) -> None:
        for question in questions:
            # The judge still works on the one that was sent; it is free only when that comes back.
            question.expired = True
            if question is self._waiting:
                self._waiting = None
