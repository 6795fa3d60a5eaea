"""Runs a judge in a process of its own, so that a slow, hung or crashing model never holds up who asks."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pickle
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing.connection import Connection, wait

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.worker_process import Answered, Ask, Failed, Load, Loaded, NotLoaded

# The path is handed over instead of found again, so that the child imports exactly the code that the parent runs.
_CHILD_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
    "from vlm_judge_ros.judges.worker_process import serve; serve(int(sys.argv[1]), int(sys.argv[2]))"
)
_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SEND_TIMEOUT_S = 5


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


class WorkerState(Enum):
    """What the process is doing."""

    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    RESTARTING = "restarting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Ready:
    """The judge is loaded and has answered a first question, after this many seconds."""

    provenance: JudgeProvenance
    first_answer_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A question was answered in time, `latency_s` seconds after it was asked."""

    opinion: Opinion
    latency_s: float


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question got no answer in time, and why."""

    evidence: Evidence
    cause: str


@dataclass(frozen=True, slots=True)
class Down:
    """The process ended or could not be started, and why. It is started again after `retry_s` seconds."""

    cause: str
    retry_s: float


Event = Ready | Answer | Unanswered | Down


@dataclass(slots=True)
class WorkerCounts:
    """What happened to the questions since the worker was made; each question ends in exactly one of the first five.

    Attributes:
        answered: in time.
        failed: the judge said that it cannot.
        late: the deadline passed first.
        replaced: a newer question came before the judge was free.
        lost: the process ended, or was not there.
        restarts: how often the process was started again.
    """

    answered: int = 0
    failed: int = 0
    late: int = 0
    replaced: int = 0
    lost: int = 0
    restarts: int = 0


@dataclass(slots=True)
class _Question:
    number: int
    evidence: Evidence
    asked_s: float
    deadline_s: float
    sent_s: float = 0.0
    expired: bool = False

    @property
    def due_s(self) -> float:
        return self.asked_s + self.deadline_s


class Worker:
    """A judge in a process of its own. The newest question wins; each has a deadline.

    One thread owns the process: it starts it, talks to it and starts it again. `ask` only leaves the question there.

    Args:
        settings: how to run the judge.
        proof: a first question that the judge must answer before it counts as ready.
        notify: called from that thread whenever `events` holds something new. Must return at once.
    """

    def __init__(self, settings: WorkerSettings, proof: Evidence, notify: Callable[[], None] = lambda: None) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.counts = WorkerCounts()
        self.state = WorkerState.LOADING
        self._settings = settings
        self._proof = proof
        self._notify = notify
        self._lock = threading.Lock()
        self._waiting: _Question | None = None
        self._in_flight: _Question | None = None
        self._numbers = itertools.count(1)
        self._closing = False
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._process: subprocess.Popen[bytes] | None = None
        self._sent: dict[Frame, int] = {}
        # The child asks the kernel to be killed when the thread that started it ends, so this thread lives as long as
        # the worker does.
        self._thread = threading.Thread(target=self._run, name="judge worker", daemon=True)
        self._thread.start()

    @property
    def process_id(self) -> int | None:
        """Process id of the running child; None where there is none."""
        process = self._process
        return process.pid if process is not None else None

    @property
    def pending(self) -> int:
        """Questions that have no answer yet, 0 to 2."""
        with self._lock:
            unexpired = self._in_flight is not None and not self._in_flight.expired
            return int(unexpired) + int(self._waiting is not None)

    def ask(self, evidence: Evidence, deadline_s: float) -> None:
        """Ask a question. Never waits; the outcome comes as an event, unless a newer question replaces this one.

        Args:
            evidence: what to judge.
            deadline_s: seconds from now after which the answer is no longer wanted, > 0.
        """
        with self._lock:
            if self._waiting is not None:
                self.counts.replaced += 1
            self._waiting = _Question(next(self._numbers), evidence, time.monotonic(), deadline_s)
        self._wake()

    def forget(self) -> None:
        """Drop all questions: nothing that was asked before is answered after this returns."""
        with self._lock:
            self._waiting = None
            if self._in_flight is not None:
                self._in_flight.expired = True

    def close(self) -> None:
        """End the process at once, also in the middle of a question. Nothing is answered after this."""
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
            answered = self.counts.answered
            cause = self._run_process()
            if self._closing:
                return
            self.state = WorkerState.RESTARTING
            self.counts.restarts += 1
            if self.counts.answered > answered:
                backoff_s = self._settings.backoff_s
            self._abandon(cause)
            self._tell(Down(cause, backoff_s))
            self._refuse_until(time.monotonic() + backoff_s, cause)
            backoff_s = min(2 * backoff_s, self._settings.longest_backoff_s)

    def _run_process(self) -> str:
        """Start the process and talk to it until it ends; return why it ended."""
        ours, theirs = socket.socketpair()
        # A child that does not read is hung; this bounds how long a write to it can take.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT_S, 0))
        with contextlib.closing(theirs):
            process = self._start(theirs.fileno())
        self._process = process
        connection = Connection(ours.detach())
        self._sent = {}
        try:
            cause = self._talk(connection)
        except (EOFError, ConnectionResetError, BrokenPipeError):
            cause = ""
        except BlockingIOError:
            cause = f"The judge's process took no data for {_SEND_TIMEOUT_S} s and was ended."
        finally:
            connection.close()
            if self._closing or not _ended_by_itself(process):
                process.kill()
            code = process.wait()
            self._process = None
        return cause or f"The judge's process ended ({_describe_end(code)})."

    def _start(self, socket_number: int) -> subprocess.Popen[bytes]:
        settings = self._settings
        threads = str(settings.options.intra_op_threads)
        environment = {**os.environ, **dict.fromkeys(_THREAD_LIMITS, threads)}
        program = [sys.executable, "-c", _CHILD_PROGRAM, str(socket_number), str(os.getpid()), json.dumps(sys.path)]
        process = subprocess.Popen(program, pass_fds=(socket_number,), stdin=subprocess.DEVNULL, env=environment)
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, settings.niceness)
        return process

    def _talk(self, connection: Connection) -> str:
        settings = self._settings
        self._send(connection, Load(settings.judge, settings.options, self._proof))
        loaded = self._wait_for_judge(connection)
        if not isinstance(loaded, Loaded):
            return loaded
        self.state = WorkerState.READY
        self._tell(Ready(loaded.provenance, loaded.first_answer_s))
        while not self._closing:
            self._expire()
            self._send_next(connection)
            in_flight = self._in_flight
            if in_flight is not None and time.monotonic() - in_flight.sent_s > settings.hang_timeout_s:
                return f"The judge was busy with one question for {settings.hang_timeout_s:g} s and was ended."
            for ready in wait([connection, self._wake_reader], self._patience_s()):
                if ready is connection:
                    self._receive(pickle.loads(connection.recv_bytes()), loaded.provenance)
                else:
                    os.read(self._wake_reader, 4096)
        return ""

    def _wait_for_judge(self, connection: Connection) -> Loaded | str:
        limit_s = time.monotonic() + self._settings.load_timeout_s
        while not self._closing and time.monotonic() < limit_s:
            self._expire()
            for ready in wait([connection, self._wake_reader], min(self._patience_s(), limit_s - time.monotonic())):
                if ready is connection:
                    reply = pickle.loads(connection.recv_bytes())
                    return reply.cause if isinstance(reply, NotLoaded) else reply
                os.read(self._wake_reader, 4096)
        return f"The judge was not ready after {self._settings.load_timeout_s:g} s and was ended."

    def _patience_s(self) -> float:
        """Seconds until something has to be looked at without anybody's asking."""
        now_s = time.monotonic()
        with self._lock:
            moments = [question.due_s for question in (self._waiting, self._in_flight) if question and not question.expired]
        if self._in_flight is not None:
            moments.append(self._in_flight.sent_s + self._settings.hang_timeout_s)
        return max(0.0, min(moments, default=now_s + 60.0) - now_s)

    def _expire(self) -> None:
        now_s = time.monotonic()
        late: list[_Question] = []
        with self._lock:
            if self._in_flight is not None and not self._in_flight.expired and now_s >= self._in_flight.due_s:
                self._in_flight.expired = True
                late.append(self._in_flight)
            if self._waiting is not None and now_s >= self._waiting.due_s:
                late.append(self._waiting)
                self._waiting = None
            self.counts.late += len(late)
        for question in late:
            self._tell(Unanswered(question.evidence, f"The judge did not answer within {question.deadline_s:g} s."))

    def _send_next(self, connection: Connection) -> None:
        with self._lock:
            if self._in_flight is not None or self._waiting is None:
                return
            question, self._waiting = self._waiting, None
            question.sent_s = time.monotonic()
            self._in_flight = question
            self.state = WorkerState.BUSY
        evidence = question.evidence
        frames = [keyframe.frame for shown in evidence.keyframes.values() for keyframe in shown]
        new_frames = {number: frame for frame, number in self._number(frames).items()}
        self._send(
            connection,
            Ask(
                question.number,
                new_frames,
                {
                    camera: tuple((self._sent[keyframe.frame], keyframe.role) for keyframe in shown)
                    for camera, shown in evidence.keyframes.items()
                },
                {
                    "episode_id": evidence.episode_id,
                    "task": evidence.task,
                    "started_ns": evidence.started_ns,
                    "now_ns": evidence.now_ns,
                    "chunk_id": evidence.chunk_id,
                },
            ),
        )

    def _number(self, frames: list[Frame]) -> Mapping[Frame, int]:
        """Give numbers to frames that have none, forget those not among `frames`, and return the new ones."""
        new_frames = {frame: next(self._numbers) for frame in frames if frame not in self._sent}
        self._sent = {frame: self._sent.get(frame) or new_frames[frame] for frame in frames}
        return new_frames

    def _send(self, connection: Connection, message: Load | Ask) -> None:
        connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))

    def _receive(self, reply: Answered | Failed, provenance: JudgeProvenance) -> None:
        with self._lock:
            question, self._in_flight = self._in_flight, None
            self.state = WorkerState.READY
            if question is None or question.expired or question.number != reply.number:
                return
            if isinstance(reply, Answered):
                self.counts.answered += 1
            else:
                self.counts.failed += 1
        if isinstance(reply, Answered):
            opinion = Opinion(evidence=question.evidence, **reply.opinion)
            self._tell(Answer(opinion, time.monotonic() - question.asked_s))
        else:
            self._tell(Unanswered(question.evidence, reply.cause))

    def _abandon(self, cause: str) -> None:
        with self._lock:
            questions = [question for question in (self._in_flight, self._waiting) if question and not question.expired]
            self._in_flight = self._waiting = None
            self.counts.lost += len(questions)
        for question in questions:
            self._tell(Unanswered(question.evidence, cause))

    def _refuse_until(self, moment_s: float, cause: str) -> None:
        while not self._closing and (left_s := moment_s - time.monotonic()) > 0:
            if wait([self._wake_reader], left_s):
                os.read(self._wake_reader, 4096)
            self._abandon(cause)


def _ended_by_itself(process: subprocess.Popen[bytes]) -> bool:
    # The socket closes a moment before the process is gone; without the pause its own exit code would be lost.
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        return False
    return True


def _describe_end(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
