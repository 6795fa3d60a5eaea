"""Several questions in one go to a judge in a process of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.judges.questions import Questions
from vlm_judge_ros.judges.worker import Worker, WorkerSettings
from vlm_judge_ros.judges.worker_events import Answer, Down, Event, Ready, Scored, ScoringEnded, Unscored

PATIENCE_S = 90.0


class ToldJudge:
    """Does what the task says, and else answers with the number of frames that it was ever given."""

    def __init__(self) -> None:
        self.provenance = JudgeProvenance("told", "", "cpu", "told")
        self._seen: dict[int, Frame] = {}
        self._stopped = threading.Event()

    def cancel(self) -> None:
        self._stopped.set()

    def ask(self, evidence: Evidence) -> Opinion:
        shown = [keyframe.frame for keyframes in evidence.keyframes.values() for keyframe in keyframes]
        self._seen.update({id(frame): frame for frame in shown})
        if evidence.task == "long":
            self._stopped.clear()
            assert self._stopped.wait(PATIENCE_S)
            raise Cancelled("The question was cancelled.")
        if evidence.task == "hang":
            threading.Event().wait()
        if evidence.task == "exit":
            os._exit(3)
        if evidence.task == "refuse":
            raise JudgeError("It refuses.")
        return Opinion(evidence, self.provenance, progress=0.5, reason=str(len(self._seen)))


def create(options: JudgeOptions) -> ToldJudge:
    return ToldJudge()


def frame(stamp_ns: int) -> Frame:
    image = RawImage(np.full(32 * 24 * 3, stamp_ns % 256, np.uint8), 32, 24, "rgb8", 96)
    return Frame("front", stamp_ns, image, image.thumbnail)


REAL = (frame(1), frame(2))


def question(task: str, *frames: Frame) -> Evidence:
    shown = tuple(Keyframe(each, FrameRole.SPREAD) for each in (*REAL, *frames))
    return Evidence("episode", task, 0, 9, {"front": shown})


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Worker]]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    workers: list[Worker] = []

    def make(hang_timeout_s: float = PATIENCE_S) -> Worker:
        settings = WorkerSettings("test_worker_scoring:create", hang_timeout_s=hang_timeout_s)
        workers.append(Worker(settings, proof(("front",))))
        assert isinstance(workers[-1].events.get(timeout=PATIENCE_S), Ready)
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def events_of(worker: Worker, count: int) -> list[Event]:
    return [worker.events.get(timeout=PATIENCE_S) for _ in range(count)]


def test_each_answer_is_told_at_once_and_frames_that_all_share_are_sent_once(start: Callable[..., Worker]) -> None:
    worker = start()
    number = worker.score([question("", frame(10 + index)) for index in range(3)], 60.0)
    events = events_of(worker, 3)
    assert [(type(event), event.scoring, event.index) for event in events] == [(Scored, number, i) for i in range(3)]
    # Two of the proof and two real ones, and then one more for each candidate.
    assert [event.opinion.reason for event in events if isinstance(event, Scored)] == ["5", "6", "7"]
    assert worker.counts.scored == 3
    assert worker.counts.answered == 0


def test_a_deadline_keeps_what_came_and_the_judge_goes_on_with_the_next_question(start: Callable[..., Worker]) -> None:
    worker = start()
    number = worker.score([question(""), question("long"), question("")], 0.5)
    scored, ended = events_of(worker, 2)
    assert isinstance(scored, Scored)
    assert ended == ScoringEnded(number, "The deadline of 0.5 s came first.")
    worker.ask(question(""), 60.0)
    assert isinstance(*events_of(worker, 1), Answer)
    assert worker.restarts == 0


def test_one_question_without_an_answer_leaves_the_others(start: Callable[..., Worker]) -> None:
    worker = start()
    number = worker.score([question("refuse"), question("")], 60.0)
    first, second = events_of(worker, 2)
    assert first == Unscored(number, 0, "It refuses.")
    assert isinstance(second, Scored)


def test_a_process_that_dies_or_hangs_ends_a_scoring_with_the_cause(start: Callable[..., Worker]) -> None:
    worker = start(hang_timeout_s=1.0)
    for task, words in (("exit", "exit code 3"), ("hang", "busy with one question for 1 s")):
        number = worker.score([question(""), question(task), question("")], 60.0)
        scored, down, ended = events_of(worker, 3)
        assert isinstance(scored, Scored)
        assert isinstance(down, Down)
        assert isinstance(ended, ScoringEnded)
        assert (ended.scoring, ended.lost) == (number, True)
        assert words in ended.cause
        assert isinstance(*events_of(worker, 1), Ready)


def test_a_scoring_that_nobody_wants_any_more_is_cancelled(start: Callable[..., Worker]) -> None:
    worker = start()
    worker.score([question(""), question("long"), question("")], 60.0)
    assert isinstance(*events_of(worker, 1), Scored)
    worker.forget_scoring()
    worker.ask(question(""), 60.0)
    assert isinstance(*events_of(worker, 1), Answer)


def send(questions: Questions) -> str:
    """Task of the question whose turn it is, which is answered at once; empty where there is none."""
    sent = questions.send_next(0.0)
    if sent is None:
        return ""
    questions.take_back(sent.number, True)
    return sent.evidence.task


def test_the_question_that_runs_ends_then_comes_the_scoring_then_the_question_that_waits() -> None:
    questions = Questions()
    questions.put(question("runs"), 10.0, 0.0)
    running = questions.send_next(0.0)
    assert running is not None
    questions.put(question("waits"), 10.0, 0.0)
    questions.put_scoring([question("a"), question("b")], 10.0, 0.0)
    assert questions.send_next(0.0) is None
    assert questions.cancel_next() is None
    questions.take_back(running.number, True)
    assert [send(questions) for _ in range(4)] == ["a", "b", "waits", ""]


def test_a_newer_scoring_takes_the_place_of_an_older_one_and_of_no_single_question() -> None:
    questions = Questions()
    questions.put(question("single"), 10.0, 0.0)
    questions.put_scoring([question("old"), question("old")], 10.0, 0.0)
    old = questions.send_next(0.0)
    assert old is not None
    questions.put_scoring([question("new")], 10.0, 0.0)
    assert questions.cancel_next() == old.number
    assert questions.take_back(old.number, True) is None
    # The older one had its turn, so that a flood of scorings leaves the single questions theirs.
    assert [send(questions) for _ in range(3)] == ["single", "new", ""]
    assert questions.counts.replaced == 0


def test_a_deadline_ends_a_scoring_and_no_single_question() -> None:
    questions = Questions()
    questions.put(question("single"), 10.0, 0.0)
    questions.put_scoring([question("a")], 1.0, 0.0)
    assert questions.next_due_s() == 1.0
    assert questions.expire_scoring(0.5) is None
    assert questions.expire_scoring(1.0) is not None
    assert questions.expire(1.0) == []
    assert questions.next_due_s() == 10.0
    assert send(questions) == "single"


@given(some.lists(some.sampled_from(["single", "scoring", "send"]), max_size=60))
def test_neither_kind_waits_for_ever_and_a_scoring_is_asked_in_its_order(steps: list[str]) -> None:
    questions = Questions()
    waits, begun_meanwhile, asked = False, 0, 0
    for step in steps:
        if step == "single":
            questions.put(question("single"), 1.0, 0.0)
            begun_meanwhile = begun_meanwhile if waits else 0
            waits = True
        elif step == "scoring":
            questions.put_scoring([question(str(index)) for index in range(3)], 1.0, 0.0)
            asked = 0
        else:
            task = send(questions)
            if task == "single":
                waits = False
            elif task:
                assert int(task) == asked
                begun_meanwhile += asked == 0
                asked += 1
        assert not waits or begun_meanwhile <= 1
