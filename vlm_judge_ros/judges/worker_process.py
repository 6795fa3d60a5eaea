"""The process in which a judge runs: receives questions on a socket, answers them one at a time.

No ROS in here, and no state beyond the frames that the last question named.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.judges.checked_opinion import checked_fields
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Cancellable, Judge, JudgeProvenance, Reporting
from vlm_judge_ros.models.cost import billed
from vlm_judge_ros.orphans import end_with_parent

_CANCEL_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """To the process: make the judge, and prove it with one inference on `proof`."""

    judge: str
    options: JudgeOptions
    proof: Evidence


@dataclass(frozen=True, slots=True)
class Ask:
    """To the process: judge this. Frames that were sent before are named by their number only.

    Attributes:
        number: number of the question.
        new_frames: frames that the process has not seen, by number.
        keyframes: per camera, number and role of each frame. What is not named here is forgotten.
        about: the fields of `Evidence` other than the frames.
    """

    number: int
    new_frames: Mapping[int, Frame]
    keyframes: Mapping[str, tuple[tuple[int, FrameRole], ...]]
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the process: nobody waits for the answer to this question any more. It is answered with `Failed`, soon."""

    number: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """From the process: the judge answered its first question, after this many seconds; and how it runs, in words."""

    provenance: JudgeProvenance
    first_answer_s: float
    status: str


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """From the process: the judge cannot be used. It ends after this."""

    cause: str


@dataclass(frozen=True, slots=True)
class Answered:
    """From the process: the fields of an opinion other than the evidence, and the seconds that the model took."""

    number: int
    opinion: Mapping[str, Any]
    model_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """From the process: the question has no answer, and why."""

    number: int
    cause: str


def serve(socket_number: int, parent: int) -> None:
    """Answer questions until the other end of the socket closes.

    Args:
        socket_number: file descriptor of a connected stream socket.
        parent: process id of the asking process; when it dies, this process dies.
    """
    # Ctrl-C reaches the whole process group; the parent decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not end_with_parent(parent):
        return
    connection = Connection(socket_number)
    work = _Work()
    threading.Thread(target=_receive, args=(connection, work), daemon=True).start()
    # The parent went away while an answer was on its way: there is nobody left to tell.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        _answer(connection, work)


class _Work:
    """What the thread that receives and the thread that judges share.

    Attributes:
        messages: what is to be done, oldest first.
    """

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[Load | Ask] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._judge: Judge | None = None
        self._number = 0
        self._cancelled = 0

    @contextlib.contextmanager
    def question(self, judge: Judge, number: int) -> Iterator[None]:
        """Let a question be cancelled while the block runs.

        Raises:
            Cancelled: it was, before it began.
        """
        with self._lock:
            if self._cancelled >= number:
                raise Cancelled("The question was cancelled before the judge began with it.")
            self._judge, self._number = judge, number
        try:
            yield
        finally:
            with self._lock:
                self._judge = None

    def cancel(self, number: int) -> None:
        """Give up a question that came, and those before it."""
        self._cancelled = max(self._cancelled, number)

    def stop_cancelled(self) -> bool:
        """Tell the judge to stop where its question was cancelled; False where there is nothing to stop."""
        with self._lock:
            judge = self._judge
            if self._number > self._cancelled or not isinstance(judge, Cancellable):
                return False
            try:
                judge.cancel()
            except Exception:  # of whoever wrote the judge; the thread that receives has to go on
                traceback.print_exc()
                return False
            return True


def _receive(connection: Connection, work: _Work) -> None:
    # A thread of its own, so that a cancellation and the end of the parent are noticed during a model call.
    try:
        while True:
            # Told again until the judge has stopped: the first time it may not have begun with its model yet.
            while work.stop_cancelled() and not connection.poll(_CANCEL_AGAIN_S):
                pass
            message = pickle.loads(connection.recv_bytes())
            if isinstance(message, Cancel):
                work.cancel(message.number)
            else:
                work.messages.put(message)
    except (EOFError, OSError):
        os._exit(0)


def _answer(connection: Connection, work: _Work) -> None:
    load = work.messages.get()
    assert isinstance(load, Load)
    try:
        judge = resolve(load.judge)(load.options)
        began = time.perf_counter()
        judge.ask(load.proof)
        first_answer_s = time.perf_counter() - began
        status = judge.status if isinstance(judge, Reporting) else ""
        reply: Loaded | NotLoaded = Loaded(judge.provenance, first_answer_s, status)
    except JudgeError as error:
        reply = NotLoaded(str(error))
    except Exception as error:
        traceback.print_exc()
        reply = NotLoaded(f"The judge {load.judge!r} failed while it was being made ({type(error).__name__}: {error}).")
    _send(connection, reply)
    if isinstance(reply, NotLoaded):
        return
    frames: dict[int, Frame] = {}
    while True:
        ask = work.messages.get()
        assert isinstance(ask, Ask)
        frames = _frames_of(ask, frames)
        _send(connection, _ask(judge, ask, frames, work))


def _frames_of(ask: Ask, known: Mapping[int, Frame]) -> dict[int, Frame]:
    available = {**known, **ask.new_frames}
    return {number: available[number] for shown in ask.keyframes.values() for number, _ in shown}


def _ask(judge: Judge, ask: Ask, frames: Mapping[int, Frame], work: _Work) -> Answered | Failed:
    keyframes = {
        camera: tuple(Keyframe(frames[number], role) for number, role in shown)
        for camera, shown in ask.keyframes.items()
    }
    began = time.perf_counter()
    try:
        with work.question(judge, ask.number), billed() as bill:
            opinion = judge.ask(Evidence(keyframes=keyframes, **ask.about))
        fields = checked_fields(replace(opinion, cost=bill.total))
        return Answered(ask.number, fields, time.perf_counter() - began)
    except JudgeError as error:
        return Failed(ask.number, str(error))
    except MemoryError:
        return Failed(ask.number, "The judge ran out of memory; show it fewer images, or take a smaller model.")
    except Exception as error:
        traceback.print_exc()
        return Failed(ask.number, f"The judge failed ({type(error).__name__}: {error}).")


def _send(connection: Connection, reply: Loaded | NotLoaded | Answered | Failed) -> None:
    connection.send_bytes(pickle.dumps(reply, protocol=pickle.HIGHEST_PROTOCOL))
