"""Which of K candidates to execute, asked while the node goes on: one request at a time, each answered once."""

from __future__ import annotations

import math
import queue
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.worker_events import Scored, ScoringEnded, ScoringEvent
from vlm_judge_ros.session.asked_judge import AskedJudge
from vlm_judge_ros.steering.bounds import RequestBounds, check_pictures
from vlm_judge_ros.steering.choice import Choice
from vlm_judge_ros.steering.hearing import NOT_ASKED, Heard, heard_of, is_enough
from vlm_judge_ros.steering.questions import Prepared, SteeringSettings, conclude, prepare
from vlm_judge_ros.steering.request import CandidateAnswer, ScoringAnswer, ScoringRequest
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.steering.signal_veto import SignalVetoes

Done: TypeAlias = Callable[["ScoringAnswer | JudgeError"], None]
"""Called once with the answer, or with why there is none."""

LONGEST_DEADLINE_S = 600.0
_RECENT_ANSWERS = 300


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """How requests are answered.

    Attributes:
        settings: how candidates are scored and chosen.
        bounds: the largest request.
        earliest_s: how far the moment from which candidates continue may lie before the newest frame.
        latest_s: how far it may lie ahead of the node clock.
        seed: of the draw, where the settings have a temperature.
    """

    settings: SteeringSettings = field(default_factory=SteeringSettings)
    bounds: RequestBounds = field(default_factory=RequestBounds)
    earliest_s: float = 0.5
    latest_s: float = 1.0
    seed: int = 0


@dataclass(slots=True)
class ScoringCounts:
    """What became of requests that were taken; each ends in `answered`, `replaced` or `given_up`.

    Attributes:
        taken: all of them.
        answered: those that came to an answer, and of these
        abstained: those in which nobody was chosen,
        late: those whose deadline came before the judge had spoken on all that was asked,
        stopped: those that a stop cut short.
        replaced: those that a newer one replaced.
        given_up: those whose episode ended first.
    """

    taken: int = 0
    answered: int = 0
    abstained: int = 0
    late: int = 0
    stopped: int = 0
    replaced: int = 0
    given_up: int = 0


@dataclass(slots=True, eq=False)
class _Running:
    request: ScoringRequest
    done: Done
    began_s: float
    prepared: Prepared | None = None
    heard: list[Heard] = field(default_factory=list)
    number: int = 0

    @property
    def due_s(self) -> float:
        return self.began_s + self.request.deadline_s


class CandidateScoring:
    """Has candidates looked through in a thread, and the judge's process asked about what is left.

    All calls come from one thread, and none of them waits for anything.

    Args:
        judge: who is asked.
        wake: called from another thread when `take_news` is to be called.
        options: how requests are answered.

    Attributes:
        options: the same.
        counts: what became of the requests.
        latencies_s: wall-clock seconds from request to answer of the last ones.
    """

    def __init__(self, judge: AskedJudge, wake: Callable[[], None], options: ScoringOptions) -> None:
        self.options = options
        self.counts = ScoringCounts()
        self.latencies_s: deque[float] = deque(maxlen=_RECENT_ANSWERS)
        self._judge = judge
        self._wake = wake
        # Pictures are decoded and drawn in there, for which no frame and no heartbeat is to wait.
        self._preparing = ThreadPoolExecutor(1, "candidates")
        self._prepared: queue.SimpleQueue[tuple[_Running, Future[Prepared]]] = queue.SimpleQueue()
        self._pending: Future[Prepared] | None = None
        self._running: _Running | None = None
        self._random = np.random.default_rng(options.seed)

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer."""
        return self._running is not None

    def begin(
        self,
        request: ScoringRequest,
        evidence: Evidence | None,
        halt: str,
        done: Done,
        vetoes: SignalVetoes | None = None,
    ) -> None:
        """Take a request in the place of one that still waits, whose caller is told so.

        Args:
            request: checked, in all that can be told from it and the evidence.
            evidence: what really happened until now; None only where the robot is not to go on.
            halt: why it is not, one sentence; then the answer comes at once. Empty for nothing.
            done: gets the answer.
            vetoes: limits and formulas of the episode that predicted signals may not break.
        """
        if self._running is not None:
            self.counts.replaced += 1
            self._refuse("A newer request took the place of this one.")
        running = self._running = _Running(request, done, time.monotonic())
        self.counts.taken += 1
        if evidence is None or halt:
            self.halt(halt)
            return
        if self._pending is not None:
            self._pending.cancel()
        self._pending = self._preparing.submit(_looked_through, request, evidence, self.options.settings, vetoes)
        self._pending.add_done_callback(lambda prepared: self._hand_over(running, prepared))

    def halt(self, reason: str) -> None:
        """Answer at once that nothing is to be executed, and why; nothing where no request waits."""
        if self._running is not None:
            self.counts.stopped += 1
            reason = f"The robot is not to go on: {reason}"
            self._fill(self._running, reason)
            self._answer(reason, stopped=True)

    def give_up(self, reason: str) -> None:
        """Refuse the request that waits, if there is one, for a reason of one sentence."""
        if self._running is not None:
            self.counts.given_up += 1
            self._refuse(reason)

    def take_news(self) -> None:
        """Take what the thread has prepared."""
        while True:
            try:
                running, prepared = self._prepared.get_nowait()
            except queue.Empty:
                return
            if running is self._running:
                self._ask(running, prepared)

    def take(self, event: ScoringEvent) -> None:
        """Take what the judge's process has sent; what is about an earlier request is passed over."""
        running = self._running
        if running is None or running.prepared is None or event.scoring != running.number:
            return
        if isinstance(event, ScoringEnded):
            self._end(running, event.cause if event.lost else "")
            return
        running.heard[event.index] = heard_of(event.opinion) if isinstance(event, Scored) else event.cause
        if all(each is not None for each in running.heard):
            self._answer()
        elif is_enough(running.prepared, running.heard, self.options.settings.rules):
            self._fill(running, NOT_ASKED)
            self._answer()

    def tick(self) -> None:
        """Let time pass: whatever holds a request up, its answer is due at its deadline."""
        running = self._running
        if running is not None and time.monotonic() >= running.due_s:
            self._end(running)

    def close(self) -> None:
        """Refuse what waits, and take no more."""
        self.give_up("The node ceased to judge.")
        self._preparing.shutdown(wait=False, cancel_futures=True)

    def _hand_over(self, running: _Running, prepared: Future[Prepared]) -> None:
        if not prepared.cancelled():
            self._prepared.put((running, prepared))
            self._wake()

    def _ask(self, running: _Running, future: Future[Prepared]) -> None:
        try:
            prepared = running.prepared = future.result()
        except JudgeError as error:
            self.give_up(str(error))
            return
        except Exception as error:  # whatever a stranger sends, the node has to go on
            traceback.print_exc()
            self.give_up(f"The candidates cannot be looked through ({type(error).__name__}: {error}); this is a bug.")
            return
        running.heard = [None] * len(prepared.questions)
        left_s = running.due_s - time.monotonic()
        if not prepared.questions:
            self._answer()
        elif left_s > 0.0:
            running.number = self._judge.worker.score([question.evidence for question in prepared.questions], left_s)
        else:
            self.tick()

    def _end(self, running: _Running, lost: str = "") -> None:
        """Answer with what is known, because the judge's process was lost over it or, for no cause, at the deadline."""
        self.counts.late += not lost
        cause = lost or f"The deadline of {running.request.deadline_s:.3g} s came first."
        self._fill(running, cause)
        self._answer("" if running.prepared is not None else cause, cause)

    def _fill(self, running: _Running, cause: str) -> None:
        running.heard = [cause if each is None else each for each in running.heard]

    def _answer(self, instead: str = "", cause: str = "", stopped: bool = False) -> None:
        """Answer with what is known.

        Args:
            instead: why nobody is chosen, where that is not left to the scores.
            cause: why not all is known.
            stopped: the robot is not to go on.
        """
        running = self._release()
        provenance = self._judge.provenance
        assert provenance is not None  # a judge that has not answered a first question takes no requests
        prepared = running.prepared
        if prepared is None:
            states = [CandidateAnswer(i, CandidateState.NOT_SCORED, math.nan, math.nan, instead) for i in _of(running)]
            answer = ScoringAnswer(tuple(states), Choice(None, instead), provenance)
        else:
            answer = conclude(prepared, running.heard, self.options.settings, provenance, self._random)
            reason = f"{answer.choice.reason} {cause}".rstrip()
            answer = replace(answer, choice=Choice(None, instead) if instead else replace(answer.choice, reason=reason))
        latency_s = time.monotonic() - running.began_s
        self.latencies_s.append(latency_s)
        self.counts.answered += 1
        self.counts.abstained += answer.choice.abstained
        running.done(replace(answer, latency_s=latency_s, stopped=stopped))

    def _refuse(self, reason: str) -> None:
        self._release().done(JudgeError(reason))

    def _release(self) -> _Running:
        running, self._running = self._running, None
        assert running is not None
        if running.number:
            self._judge.worker.forget_scoring()
        return running


def placed_in_time(request: ScoringRequest, newest_ns: int, now_ns: int, options: ScoringOptions) -> ScoringRequest:
    """The request with its candidates after the newest frame: one that came while they were made changes nothing.

    Args:
        request: what is asked.
        newest_ns: stamp of the newest frame.
        now_ns: the node clock.
        options: how far its moment may lie from both.

    Raises:
        JudgeError: it lies further, or the deadline is no time that anybody waits.
    """
    if not 0.0 < request.deadline_s <= LONGEST_DEADLINE_S:
        raise JudgeError(
            f"The deadline is {request.deadline_s:g} s; give the seconds that you can wait, above 0 and at most "
            f"{LONGEST_DEADLINE_S:g}."
        )
    early_s, ahead_s = (newest_ns - request.from_ns) * 1e-9, (request.from_ns - now_ns) * 1e-9
    if early_s > options.earliest_s:
        raise JudgeError(
            f"The candidates continue from {early_s:.3f} s before the newest frame, at most {options.earliest_s:g} s "
            "are taken; sample them anew from what is seen now."
        )
    if ahead_s > options.latest_s:
        raise JudgeError(
            f"The candidates continue from {ahead_s:.3f} s ahead of the node clock, at most {options.latest_s:g} s are "
            "taken; ask shortly before they are executed."
        )
    return replace(request, from_ns=max(request.from_ns, newest_ns))


def _looked_through(
    request: ScoringRequest, evidence: Evidence, settings: SteeringSettings, vetoes: SignalVetoes | None
) -> Prepared:
    check_pictures(request.candidates)
    return prepare(request, evidence, settings, vetoes)


def _of(running: _Running) -> range:
    return range(len(running.request.candidates))
