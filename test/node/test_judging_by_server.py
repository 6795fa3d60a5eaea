"""The judge node with models behind an address, live: over DDS on one side, and over HTTP on the other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, Robot
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from judge_process import JudgeProcess
from judges.test_critique import ANSWER, changed
from models.remote.kinds import answered
from models.remote.misbehaving_server import MODEL, Received, Reply, Server, completion, serving, status
from rcl_interfaces.msg import Log, Parameter, ParameterEvent, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from vlm_judge_ros import msg

UNKNOWN, PROGRESSING, SUCCEEDED = (
    msg.Verdict.STATE_UNKNOWN,
    msg.Verdict.STATE_PROGRESSING,
    msg.Verdict.STATE_SUCCEEDED,
)
KEY = "sk-live-0123456789abcdef"
TASK = "open the drawer"


def answering(received: Received) -> Reply:
    """Gives a critique where one is asked for, else what a server with log-probabilities gives."""
    schema = received.body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    if "task_completion" in schema.get("properties", {}):
        return completion(json.dumps(ANSWER))
    return answered(received)


def writing_the_key(received: Received) -> Reply:
    return completion(json.dumps(changed(issue__advice=f"Mend {KEY}.")))


def telling_the_key(received: Received) -> Reply:
    return status(401, f"Incorrect API key provided: {KEY}. You sent {received.headers.get('authorization')}.")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        running.usual = answering
        yield running


@pytest.fixture(autouse=True)
def well_again(server: Server) -> Iterator[None]:
    yield
    server.usual = answering


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "served")
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def reviewed_robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "reviewed")
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def everything(bench: Bench) -> list[Any]:
    """All that is logged, diagnosed and set, of all nodes, from before they start."""
    kinds = ((Log, "/rosout"), (DiagnosticArray, "/diagnostics"), (ParameterEvent, "/parameter_events"))
    heard: list[Any] = []
    for kind, topic in kinds:
        heard.append(bench.listen(kind, topic))
    return heard


@pytest.fixture(scope="module")
def server_file(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("served") / "server.yaml"
    patience = "{timeout_s: 20.0, most_retries: 0, failures_to_open: 3, open_s: 0.5}"
    file.write_text(f"kind: other\nbase_url: {server.base_url}\nkey_variable: LIVE_TEST_KEY\npatience: {patience}\n")
    return file


@pytest.fixture(scope="module")
def key_in_the_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVE_TEST_KEY", KEY)
        yield


@pytest.fixture(scope="module")
def judge(
    start: Callable[..., JudgeProcess],
    robot: Robot,
    server_file: Path,
    key_in_the_environment: None,
    everything: list[Any],
) -> JudgeProcess:
    model = {"judge": "token_reward", "server": server_file, "prompts": "three-v1", "keyframes": 2}
    patience = {"period_s": 0.5, "deadline_s": 25.0, "opinion_timeout_s": 30.0}
    return start("served", auto_episode=False, record=server_file.parent / "exchanges.jsonl", **model, **patience)


@pytest.fixture(scope="module")
def reviewed(
    start: Callable[..., JudgeProcess],
    reviewed_robot: Robot,
    server_file: Path,
    key_in_the_environment: None,
    everything: list[Any],
) -> JudgeProcess:
    """The scripted judge is always on, and the critique over HTTP reviews."""
    review = {"review_judge": "critique", "review_server": server_file, "review_model": MODEL}
    times = {"review_gap_s": 0.3, "review_period_s": 1.0, "review_on": ["alarm", "success", "timer"]}
    return start("reviewed", auto_episode=False, period_s=0.3, deadline_s=20.0, keyframes=3, **review, **times)


def test_progress_comes_from_the_server(judge: JudgeProcess, server: Server) -> None:
    judge.begin(TASK)
    for answer in judge.await_progress(2):
        assert math.isfinite(answer.raw_score)
        assert math.isnan(answer.raw_score_bound)
        assert 0.0 <= answer.progress <= 1.0
        assert (answer.provenance.model, answer.provenance.provider) == (MODEL, f"127.0.0.1:{server.port}")
    judge.end_episode()
    assert server.received[-1].headers["authorization"] == f"Bearer {KEY}"


def test_a_server_that_goes_away_gives_unknown_with_the_cause_and_is_asked_again_when_it_is_back(
    judge: JudgeProcess, server: Server
) -> None:
    before = judge.begin(TASK)
    judge.await_verdict(PROGRESSING, since=before)
    server.stop()
    try:
        verdict = judge.await_verdict(UNKNOWN, "cannot be reached", before)
        assert verdict.decided_by[0].name == "judge_fault"
        judge.await_status("judge", DiagnosticStatus.ERROR)
    finally:
        server.start()
    before = len(judge.verdicts)
    judge.await_verdict(PROGRESSING, since=before)
    judge.end_episode()
    assert judge.count("judge", "restarts") == 0


def test_an_answer_that_is_not_listed_is_a_bound_and_no_score(judge: JudgeProcess, server: Server) -> None:
    server.usual = lambda _: completion("It", top=[("It", -0.5), ("The", -1.5), ("A", -4.0)])
    before, answers = judge.begin(TASK), len(judge.progress)
    verdict = judge.await_verdict(UNKNOWN, "The judge cannot say", before)
    assert verdict.decided_by[0].name == "judge_declined"
    judge.until(lambda: len(judge.progress) > answers, "an answer")
    judge.end_episode()
    answer = judge.progress[answers]
    assert answer.raw_score_bound < 0.0
    assert math.isnan(answer.raw_score)
    assert math.isnan(answer.progress)
    assert not answer.unparsable


def test_a_review_by_a_server_brings_its_critique_and_withholds_success_until_it_agrees(
    reviewed: JudgeProcess, server: Server
) -> None:
    before, reviews = reviewed.begin("success"), len(reviewed.reviews)
    reviewed.until(lambda: len(reviewed.reviews) > reviews, "a review")
    review = reviewed.reviews[reviews]
    assert review.progress == pytest.approx(ANSWER["task_completion"])
    assert 0.0 <= review.critique.smoothness <= 1.0
    assert review.critique.advice
    assert review.subtasks
    assert review.provenance.method == "critique"
    verdict = reviewed.await_verdict(PROGRESSING, "the review has not confirmed it", before)
    assert SUCCEEDED not in {it.state for it in reviewed.verdicts[before:]}
    assert verdict.review
    reviewed.end_episode()


def test_a_review_that_cannot_be_read_is_named_and_blinds_nobody(reviewed: JudgeProcess, server: Server) -> None:
    server.usual = lambda _: completion("I cannot help with that.")
    before = reviewed.begin("watch")
    verdict = reviewed.until(
        lambda: next(
            (it for it in reviewed.verdicts[before:] if "judge_unparsable" in {one.name for one in it.review}), None
        ),
        "a verdict that names the review",
    )
    assert verdict.state == PROGRESSING
    reviewed.end_episode()
    reviewed.await_count("review", "answered, could not be read", 1)


def test_a_server_that_is_down_when_it_is_to_review_is_named_and_blinds_nobody(
    reviewed: JudgeProcess, server: Server
) -> None:
    before = reviewed.begin("watch")
    reviewed.await_verdict(PROGRESSING, since=before)
    server.stop()
    try:
        verdict = reviewed.await_verdict(PROGRESSING, "cannot be reached", before)
        assert [one.name for one in verdict.review if one.name == "judge_fault"]
        reviewed.await_progress(3)
    finally:
        server.start()
    before, reviews = len(reviewed.verdicts), len(reviewed.reviews)
    reviewed.until(lambda: len(reviewed.reviews) > reviews, "a review after the server is back")
    reviewed.await_verdict(PROGRESSING, since=before)
    reviewed.end_episode()


def test_the_key_is_told_to_the_server_and_to_nobody_else(
    judge: JudgeProcess, reviewed: JudgeProcess, server: Server, everything: list[Any], server_file: Path
) -> None:
    server.usual = writing_the_key
    reviewed.begin("watch")
    reviewed.until(
        lambda: [it for it in reviewed.reviews if "Mend" in it.critique.advice], "an answer with the key in it"
    )
    reviewed.end_episode()
    server.usual = telling_the_key
    for node in (judge, reviewed):
        node.begin("watch")
    before = len(judge.verdicts)
    judge.await_verdict(UNKNOWN, "401", before - 1)
    judge.await_status("judge", DiagnosticStatus.ERROR, "401")
    reviewed.await_status("review", DiagnosticStatus.ERROR, "401")
    for node in (judge, reviewed):
        node.end_episode()
    assert any(KEY in received.headers.get("authorization", "") for received in server.received)
    for node in (judge, reviewed):
        assert KEY not in node.said()
        for heard in (node.progress, node.reviews, node.failures, node.verdicts):
            assert KEY not in repr(heard)
    # What nodes tell of their parameters at their start is lost on whoever has not found them yet.
    change = Parameter(name="deadline_s", value=ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=24.0))
    judge.bench.call(SetParameters, f"/{judge.name}/set_parameters", parameters=[change])
    judge.until(lambda: all(everything), "something on every topic")
    assert KEY not in repr(everything)
    recorded = (server_file.parent / "exchanges.jsonl").read_text()
    assert "Incorrect API key" in recorded
    assert KEY not in recorded
