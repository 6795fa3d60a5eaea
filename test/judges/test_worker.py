"""A judge in a process of its own, without ROS."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.judges.factory import JUDGES, JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.judges.questions import Questions
from vlm_judge_ros.judges.sent_frames import SentFrames
from vlm_judge_ros.judges.worker import Worker, WorkerSettings
from vlm_judge_ros.judges.worker_events import Answer, Down, Event, Ready, Unanswered, WorkerState

PATIENCE_S = 90.0


class CountingJudge:
    """Answers with the number of distinct frames that it has ever been given, and what its process is like."""

    def __init__(self, options: JudgeOptions) -> None:
        from vlm_judge_ros.judges.opinion import JudgeProvenance

        self.provenance = JudgeProvenance("counting", "", "cpu", "counting")
        self._seen: dict[int, Frame] = {}

    def ask(self, evidence: Evidence) -> Opinion:
        import sys

        shown = [keyframe.frame for keyframes in evidence.keyframes.values() for keyframe in keyframes]
        self._seen.update({id(frame): frame for frame in shown})
        if evidence.task == "exit":
            os._exit(3)
        if evidence.task == "wait":
            signal.pause()
        if evidence.task == "exhaust":
            raise MemoryError
        facts = [len(self._seen), os.nice(0), os.environ["OMP_NUM_THREADS"], "rclpy" in sys.modules]
        return Opinion(evidence, self.provenance, reason=repr(facts))


def create(options: JudgeOptions) -> CountingJudge:
    return CountingJudge(options)


class LongJudge(CountingJudge):
    """Works on the task "long" until it is cancelled."""

    def __init__(self, options: JudgeOptions) -> None:
        super().__init__(options)
        self._stopped = threading.Event()

    def cancel(self) -> None:
        self._stopped.set()

    def ask(self, evidence: Evidence) -> Opinion:
        if evidence.task == "long":
            self._stopped.clear()
            assert self._stopped.wait(PATIENCE_S)
            raise Cancelled("The question was cancelled.")
        return Opinion(evidence, self.provenance)


def create_long(options: JudgeOptions) -> LongJudge:
    return LongJudge(options)


def frame(stamp_ns: int) -> Frame:
    image = RawImage(np.full(32 * 24 * 3, stamp_ns % 256, np.uint8), 32, 24, "rgb8", 96)
    return Frame("front", stamp_ns, image, image.thumbnail())


def question(task: str, *frames: Frame) -> Evidence:
    return Evidence("episode", task, 0, 9, {"front": tuple(Keyframe(shown, FrameRole.SPREAD) for shown in frames)})


def next_of(worker: Worker, kind: type[Event]) -> Event:
    while True:
        event = worker.events.get(timeout=PATIENCE_S)
        if isinstance(event, kind):
            return event


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    settings = WorkerSettings("test_worker:create", JudgeOptions(intra_op_threads=2), niceness=7, hang_timeout_s=1.0)
    worker = Worker(settings, proof(("front",)))
    yield worker
    worker.close()


def test_each_frame_is_sent_once_and_stays_the_same_object(worker: Worker) -> None:
    next_of(worker, Ready)
    a, b, c = frame(1), frame(2), frame(3)
    reasons = []
    for frames in ((a, b), (a, b, c), (a, c), (a, b)):
        worker.ask(question("count", *frames), 60.0)
        answer = next_of(worker, Answer)
        assert isinstance(answer, Answer)
        assert answer.opinion.evidence.keyframes["front"][0].frame is a
        reasons.append(answer.opinion.reason)
    # Two frames of the proof; a frame that was no longer shown (b) is sent anew when it is shown again.
    assert [int(reason[1:].split(",")[0]) for reason in reasons] == [4, 5, 5, 6]
    assert reasons[0].endswith(", 7, '2', False]")


def test_a_process_that_ends_is_told_and_started_again(worker: Worker) -> None:
    next_of(worker, Ready)
    worker.ask(question("exit", frame(1)), 60.0)
    down = next_of(worker, Down)
    assert isinstance(down, Down)
    assert "exit code 3" in down.cause
    lost = next_of(worker, Unanswered)
    assert isinstance(lost, Unanswered)
    assert "exit code 3" in lost.cause
    next_of(worker, Ready)
    worker.ask(question("count", frame(1)), 60.0)
    next_of(worker, Answer)
    assert (worker.counts.lost, worker.counts.answered, worker.restarts) == (1, 1, 1)


def test_a_hung_judge_is_ended(worker: Worker) -> None:
    next_of(worker, Ready)
    worker.ask(question("wait", frame(1)), 60.0)
    down = next_of(worker, Down)
    assert isinstance(down, Down)
    assert "busy with one question for 1 s" in down.cause


def test_a_judge_out_of_memory_says_so_and_answers_the_next_question(worker: Worker) -> None:
    next_of(worker, Ready)
    worker.ask(question("exhaust", frame(1)), 60.0)
    unanswered = next_of(worker, Unanswered)
    assert isinstance(unanswered, Unanswered)
    assert "ran out of memory" in unanswered.cause
    worker.ask(question("count", frame(1)), 60.0)
    next_of(worker, Answer)
    assert (worker.counts.failed, worker.counts.answered, worker.restarts) == (1, 1, 0)


@pytest.fixture
def long_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    worker = Worker(WorkerSettings("test_worker:create_long", hang_timeout_s=PATIENCE_S), proof(("front",)))
    yield worker
    worker.close()


def test_a_question_whose_deadline_has_passed_is_cancelled_and_the_next_is_answered(long_worker: Worker) -> None:
    next_of(long_worker, Ready)
    long_worker.ask(question("long", frame(1)), 0.2)
    unanswered = next_of(long_worker, Unanswered)
    assert isinstance(unanswered, Unanswered)
    assert unanswered.cause == "The judge did not answer within 0.2 s."
    long_worker.ask(question("short", frame(2)), 60.0)
    next_of(long_worker, Answer)
    counts = long_worker.counts
    assert (counts.late, counts.failed, counts.answered, long_worker.restarts) == (1, 0, 1, 0)


def test_a_question_that_nobody_wants_any_more_is_cancelled(long_worker: Worker) -> None:
    next_of(long_worker, Ready)
    for number in (1, 2):
        long_worker.ask(question("long", frame(number)), 60.0)
        while long_worker.state is not WorkerState.BUSY:
            threading.Event().wait(0.01)
        long_worker.forget()
        long_worker.ask(question("short", frame(9)), 60.0)
        next_of(long_worker, Answer)
    assert (long_worker.counts.failed, long_worker.counts.answered, long_worker.restarts) == (0, 2, 0)


def test_a_newer_question_alone_cancels_nothing() -> None:
    questions = Questions()
    questions.put(question("old"), 10.0, 0.0)
    sent = questions.send_next(0.0)
    assert sent is not None
    questions.put(question("new"), 10.0, 1.0)
    assert questions.cancel_next() is None
    questions.expire(10.0)
    assert [questions.cancel_next(), questions.cancel_next()] == [sent.number, None]


def test_closing_ends_the_process_in_the_middle_of_a_question(worker: Worker) -> None:
    next_of(worker, Ready)
    process = worker.process_id
    assert process is not None
    worker.ask(question("wait", frame(1)), 60.0)
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_the_newest_question_wins_and_each_ends_once() -> None:
    questions = Questions()
    for number in range(3):
        questions.put(question(str(number)), 10.0, float(number))
    first = questions.send_next(3.0)
    assert first is not None
    assert first.evidence.task == "2"
    assert questions.counts.replaced == 2
    questions.put(question("3"), 10.0, 4.0)
    assert questions.send_next(5.0) is None
    assert [entry.evidence.task for entry in questions.expire(12.5)] == ["2"]
    assert questions.busy_since_s == 3.0  # nobody waits for the answer, and the judge is not free all the same
    assert questions.take_back(first.number, True) is None
    assert questions.send_next(13.0) is not None
    assert [entry.evidence.task for entry in questions.abandon()] == ["3"]
    assert questions.pending == 0
    counts = questions.counts
    assert (counts.answered, counts.late, counts.replaced, counts.lost) == (0, 1, 2, 1)


def test_a_question_that_was_forgotten_has_no_answer() -> None:
    questions = Questions()
    questions.put(question("old"), 10.0, 0.0)
    sent = questions.send_next(0.0)
    assert sent is not None
    questions.forget()
    assert questions.pending == 0
    assert questions.expire(100.0) == []
    assert questions.take_back(sent.number, True) is None
    assert questions.counts.answered == 0


def test_frames_that_were_not_shown_again_are_not_remembered() -> None:
    questions, sent = Questions(), SentFrames()
    frames = [frame(stamp_ns) for stamp_ns in range(100)]
    for index in range(0, 100, 2):
        questions.put(question("count", frames[0], frames[index]), 1.0, 0.0)
        asked = questions.send_next(0.0)
        assert asked is not None
        message = sent.ask(asked)
        questions.take_back(asked.number, True)
        assert len(message.new_frames) == 1
    assert len(sent._held) == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nobody", f"There is no judge called 'nobody'; choose one of {', '.join(sorted(JUDGES))}, or give"),
        ("nobody:create", "The judge 'nobody:create' cannot be imported"),
        ("json:nothing", "The judge 'json:nothing' cannot be imported"),
        ("json:__name__", "The judge 'json:__name__' is not callable"),
    ],
)
def test_a_judge_that_does_not_exist_is_named(name: str, sentence: str) -> None:
    with pytest.raises(JudgeError) as caught:
        resolve(name)
    assert str(caught.value).startswith(sentence)
