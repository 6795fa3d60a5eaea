"""Runs a judge in a process of its own, so that a slow, hung or crashing model never holds up who asks."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.questions import Counts, Questions
from vlm_judge_ros.judges.sent_frames import SentFrames
from vlm_judge_ros.judges.worker_child import describe_end, start_child
from vlm_judge_ros.judges.worker_events import (
    Answer,
    Down,
    Event,
    Ready,
    Scored,
    ScoringEnded,
    Unanswered,
    Unscored,
    WorkerState,
)
from vlm_judge_ros.judges.worker_process import Answered, Ask, Cancel, Failed, Load, Loaded, NotLoaded

_SEND_TIMEOUT_S = 5
_END_S = 0.5


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How to run a judge.

    Attributes:
        judge: name or import path, see `factory.resolve`.
        options: what the judge is told when it is made.
        niceness: how far the process steps back behind others, 0 to 19.
        load_timeout_s: a judge that has not answered its first question by then is given up.
        hang_timeout_s: a judge that has been busy with one question for so long is killed.
        backoff_s: pause before the first restart after a crash; it doubles with every crash that follows.
        longest_backoff_s: the pause never grows beyond this.
    """

    judge: str = "embedded"
    options: JudgeOptions = field(default_factory=JudgeOptions)
    niceness: int = 5
    load_timeout_s: float = 60.0
    hang_timeout_s: float = 30.0
    backoff_s: float = 0.5
    longest_backoff_s: float = 30.0


class Worker:
    """A judge in a process of its own.

    One thread owns the process: it starts it, talks to it and starts it again. `ask` only leaves the question there.

    Args:
        settings: how to run the judge.
        proof: a first question that the judge must answer before it counts as ready.
        notify: called from that thread whenever `events` holds something new. Must return at once.

    Attributes:
        events: what happened, oldest first.
        restarts: how often the process was started again.
        state: what the process is doing.
    """

    def __init__(self, settings: WorkerSettings, proof: Evidence, notify: Callable[[], None] = lambda: None) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.restarts = 0
        self.state = WorkerState.LOADING
        self._settings = settings
        self._proof = proof
        self._notify = notify
        self._questions = Questions()
        self._sent = SentFrames()
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        # The child asks the kernel to be killed when the thread that started it ends, so this thread lives as long as
        # the worker does.
        self._thread = threading.Thread(target=self._run, name="judge worker", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> Counts:
        """What happened to the questions."""
        return self._questions.counts

    @property
    def pending(self) -> int:
        """Single questions whose answer is still wanted, 0 to 2."""
        return self._questions.pending

    @property
    def process_id(self) -> int | None:
        """Process id of the running child; None where there is none."""
        process = self._process
        return process.pid if process is not None else None

    def ask(self, evidence: Evidence, deadline_s: float) -> None:
        """Ask a question. Never waits; the outcome comes as an event, unless a newer question replaces this one.

        Args:
            evidence: what to judge.
            deadline_s: seconds from now after which the answer is no longer wanted, > 0.
        """
        self._questions.put(evidence, deadline_s, time.monotonic())
        self._wake()

    def score(self, evidences: Sequence[Evidence], deadline_s: float) -> int:
        """Ask several questions, in the place of those of a scoring before, of which nothing more is told.

        Each answer is an event of its own, and where some do not come, one event says why. Never waits.

        Args:
            evidences: what to judge, at least one, in the order in which it is asked about.
            deadline_s: seconds from now after which no answer is wanted any more, > 0.

        Returns:
            The number that its events carry.
        """
        number = self._questions.put_scoring(evidences, deadline_s, time.monotonic())
        self._wake()
        return number

    def forget(self) -> None:
        """Give up all single questions: the judge is told to stop, and what comes back for them is dropped."""
        self._questions.forget()
        if not self._closing:
            self._wake()

    def forget_scoring(self) -> None:
        """Give up the scoring, as `forget` does single questions."""
        self._questions.forget_scoring()
        if not self._closing:
            self._wake()

    def close(self) -> None:
        """End the process at once, also in the middle of a question. Nothing is answered after this."""
        if self.state is WorkerState.CLOSED:
            return
        self._closing = True
        process = self._process
        if process is not None:
            process.kill()
        self._wake()
        self._thread.join()
        os.close(self._wake_reader)
        os.close(self._wake_writer)
        self.state = WorkerState.CLOSED

    def _wake(self) -> None:
        # A full pipe means that the thread will wake up anyway.
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_writer, b"\0")

    def _tell(self, event: Event) -> None:
        self.events.put(event)
        self._notify()

    def _run(self) -> None:
        backoff_s = self._settings.backoff_s
        while not self._closing:
            self.state = WorkerState.LOADING
            answered = self._answers
            try:
                cause = self._run_process()
            except OSError as error:
                cause = f"The judge's process cannot be started ({error})."
            if self._closing:
                return
            self.state = WorkerState.RESTARTING
            self.restarts += 1
            if self._answers > answered:
                backoff_s = self._settings.backoff_s
            self._tell(Down(cause, backoff_s))
            self._refuse_until(time.monotonic() + backoff_s, cause)
            backoff_s = min(2 * backoff_s, self._settings.longest_backoff_s)

    @property
    def _answers(self) -> int:
        return self.counts.answered + self.counts.scored

    def _run_process(self) -> str:
        """Start the process and talk to it until it ends; return why it ended."""
        ours, theirs = socket.socketpair()
        # A child that does not read is hung; this bounds how long a write to it can take.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT_S, 0))
        with contextlib.closing(theirs):
            process = start_child(theirs.fileno(), self._settings.options.intra_op_threads, self._settings.niceness)
        self._process = process
        self._sent = SentFrames()
        cause = ""
        with Connection(ours.detach()) as connection:
            try:
                cause = self._talk(connection)
            except BlockingIOError:
                cause = f"The judge's process took no data for {_SEND_TIMEOUT_S} s and was ended."
            except (EOFError, OSError):
                pass  # it ended by itself; its exit code says how
        # The socket closes a moment before the process is gone; without the pause its exit code would be lost.
        if not self._closing:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
        process.kill()
        code = process.wait()
        self._process = None
        return cause or f"The judge's process ended ({describe_end(code)})."

    def _talk(self, connection: Connection) -> str:
        """Load the judge and pass on questions and answers; return why the process is to be ended."""
        settings = self._settings
        _send(connection, Load(settings.judge, settings.options, self._proof))
        loading_until_s: float | None = time.monotonic() + settings.load_timeout_s
        provenance: JudgeProvenance | None = None
        while not self._closing:
            now_s = time.monotonic()
            self._tell_of_the_late(now_s)
            if loading_until_s is not None and now_s >= loading_until_s:
                return f"The judge was not ready after {settings.load_timeout_s:g} s and was ended."
            cancelled = self._questions.cancel_next()
            if cancelled is not None:
                _send(connection, Cancel(cancelled))
            if provenance is not None:
                self._send_next(connection)
            busy_since_s = self._questions.busy_since_s
            hung_s = busy_since_s + settings.hang_timeout_s if busy_since_s is not None else None
            if hung_s is not None and now_s >= hung_s:
                return f"The judge was busy with one question for {settings.hang_timeout_s:g} s and was ended."
            moments = [
                moment for moment in (loading_until_s, hung_s, self._questions.next_due_s()) if moment is not None
            ]
            patience_s = max(0.0, min(moments) - now_s) if moments else None
            for ready in wait([connection, self._wake_reader], patience_s):
                if ready is not connection:
                    os.read(self._wake_reader, 4096)
                    continue
                reply = pickle.loads(connection.recv_bytes())
                if isinstance(reply, NotLoaded):
                    return reply.cause
                if isinstance(reply, Loaded):
                    provenance, loading_until_s = reply.provenance, None
                    self.state = WorkerState.READY
                    self._tell(Ready(reply.provenance, reply.first_answer_s, reply.status))
                else:
                    self._receive(reply)
        return ""

    def _tell_of_the_late(self, now_s: float) -> None:
        for question in self._questions.expire(now_s):
            self._tell(Unanswered(question.evidence, f"The judge did not answer within {question.deadline_s:g} s."))
        scoring = self._questions.expire_scoring(now_s)
        if scoring is not None:
            self._tell(ScoringEnded(scoring.number, f"The deadline of {scoring.deadline_s:.3g} s came first."))

    def _send_next(self, connection: Connection) -> None:
        question = self._questions.send_next(time.monotonic())
        if question is None:
            return
        self.state = WorkerState.BUSY
        _send(connection, self._sent.ask(question))

    def _receive(self, reply: Answered | Failed) -> None:
        self.state = WorkerState.READY
        question = self._questions.take_back(reply.number, isinstance(reply, Answered))
        if question is None:
            return
        if isinstance(reply, Failed):
            if question.scoring:
                self._tell(Unscored(question.scoring, question.index, reply.cause))
            else:
                self._tell(Unanswered(question.evidence, reply.cause))
            return
        opinion = Opinion(evidence=question.evidence, **reply.opinion)
        if question.scoring:
            self._tell(Scored(question.scoring, question.index, opinion))
        else:
            self._tell(Answer(opinion, time.monotonic() - question.asked_s))

    def _refuse_until(self, moment_s: float, cause: str) -> None:
        while not self._closing:
            for question in self._questions.abandon():
                self._tell(Unanswered(question.evidence, cause, lost=True))
            scoring = self._questions.abandon_scoring()
            if scoring is not None:
                self._tell(ScoringEnded(scoring.number, cause, lost=True))
            left_s = moment_s - time.monotonic()
            if left_s <= 0:
                return
            if wait([self._wake_reader], left_s):
                os.read(self._wake_reader, 4096)


def _send(connection: Connection, message: Load | Ask | Cancel) -> None:
    connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))
