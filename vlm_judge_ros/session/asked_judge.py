"""One judge in its process, and what became of the questions that it was asked."""

from __future__ import annotations

import math
import queue
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError, JudgeLost
from vlm_judge_ros.judges.card import JudgeCard, QualifiedJudge
from vlm_judge_ros.judges.opinion import JudgeProvenance
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.judges.worker import Worker, WorkerSettings
from vlm_judge_ros.judges.worker_events import Answer, Down, Event, Ready, Unanswered

_RECENT_ANSWERS = 300


class AskedJudge:
    """The judge that is always on, or the review.

    Args:
        settings: which judge, and how to run it.
        cameras: names of the cameras that it will be shown.
        wake: called from another thread when there are news.
        card: what it is said to be worth; None where nobody says. Its label goes into the provenance of all answers.

    Attributes:
        worker: its process.
        card: the same.
        provenance: which instrument it is; None until it is ready.
        first_answer_s: what its first answer took, in wall-clock seconds; NaN until it is ready.
        status: how it runs, in words.
        latencies_s: wall-clock seconds that its last answers took.
        last_fault: why the newest question got no answer; empty where it got one.
        declined: answers in which it could not say.
        unparsable: answers that could not be read.
        waiting: the newest question has neither an answer nor been given up.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        cameras: tuple[str, ...],
        wake: Callable[[], None],
        card: JudgeCard | None = None,
    ) -> None:
        self.worker = Worker(settings, proof(cameras), wake)
        self.card = card
        self.provenance: JudgeProvenance | None = None
        self.first_answer_s = math.nan
        self.status = ""
        self.latencies_s: deque[float] = deque(maxlen=_RECENT_ANSWERS)
        self.last_fault = ""
        self.declined = 0
        self.unparsable = 0
        self.waiting = False
        self._question: tuple[Evidence, float] | None = None

    @property
    def card_warning(self) -> str:
        """Why its card does not hold for it, one sentence; empty where it does, or where there is none."""
        if self.card is None or self.provenance is None:
            return ""
        differences = self.card.judge.differences(QualifiedJudge.of(self.provenance))
        if not differences:
            return ""
        return (
            f"The judge card {self.card.name} is of another judge: {', '.join(differences)} differ"
            f"{'s' if len(differences) == 1 else ''}; qualify this one with vlm-judge qualify."
        )

    def wait_until_ready(self, keep_waiting: Callable[[], bool]) -> None:
        """Wait until it has answered its first question.

        Raises:
            JudgeError: it cannot be used, or `keep_waiting` has become false.
        """
        while keep_waiting():
            try:
                event = self.worker.events.get(timeout=0.1)
            except queue.Empty:
                continue
            self._note(event)
            if isinstance(event, Ready):
                return
            if isinstance(event, Down):
                raise JudgeError(event.cause)
        raise JudgeError("The node was asked to end before the judge was ready.")

    def ask(self, evidence: Evidence, deadline_s: float) -> None:
        """Ask a question; see `Worker.ask`."""
        self.waiting = True
        self._question = evidence, deadline_s
        self.worker.ask(evidence, deadline_s)

    def forget(self) -> None:
        """Give up all questions."""
        self.waiting = False
        self.worker.forget()

    def news(self) -> Iterator[Event]:
        """What has happened since the last call, oldest first."""
        while True:
            try:
                event = self.worker.events.get_nowait()
            except queue.Empty:
                return
            yield self._note(event)

    def await_answer(self, limit_s: float, tries: int = 0) -> Iterator[Event]:
        """What happens until the newest question has an answer or is given up, oldest first.

        Args:
            limit_s: wall-clock seconds without any news after which no more is expected.
            tries: how often the question is asked where the process ends over it, each time when the next process is
                ready; of that nothing is told. 0 takes such an end for the end of the question.

        Raises:
            JudgeLost: the process has ended as often as that.
            JudgeError: nothing came for so long.
        """
        ended, again = 0, False
        while self.waiting:
            try:
                event = self.worker.events.get(timeout=limit_s)
            except queue.Empty:
                raise JudgeError(f"The judge gave no sign for {limit_s:g} s; this is a bug.") from None
            if tries and isinstance(event, Down):
                ended += 1
                if ended >= tries:
                    raise self._lost(ended, event.cause)
            elif tries and isinstance(event, Unanswered) and event.lost:
                again = True
            else:
                told = self._note(event)
                if again and isinstance(event, Ready) and self._question is not None:
                    again = False
                    self.worker.ask(*self._question)
                yield told

    def _lost(self, tries: int, cause: str) -> JudgeLost:
        self.forget()
        where = f" at {self._question[0].elapsed_s:.1f} s of the episode" if self._question is not None else ""
        return JudgeLost(
            f"The question{where} was asked {tries} times and the judge's process never lived to answer it; see "
            f"whether memory ran out, or raise hang_timeout_s. The last time: {cause}"
        )

    def _note(self, event: Event) -> Event:
        """Remember what happened; returns the same with the label of the card in it."""
        event = self._labelled(event)
        if isinstance(event, (Answer, Unanswered, Down)):
            self.waiting = False
        if isinstance(event, Ready):
            self.provenance, self.first_answer_s, self.status = event.provenance, event.first_answer_s, event.status
        elif isinstance(event, Answer):
            self.latencies_s.append(event.latency_s)
            self.last_fault = ""
            self.unparsable += event.opinion.unparsable
            self.declined += event.opinion.declined and not event.opinion.unparsable
        elif isinstance(event, (Unanswered, Down)):
            self.last_fault = event.cause
        return event

    def _labelled(self, event: Event) -> Event:
        if self.card is None:
            return event
        if isinstance(event, Ready):
            return replace(event, provenance=replace(event.provenance, judge_card=self.card.label))
        if isinstance(event, Answer):
            opinion = event.opinion
            provenance = replace(opinion.provenance, judge_card=self.card.label)
            return replace(event, opinion=replace(opinion, provenance=provenance))
        return event
