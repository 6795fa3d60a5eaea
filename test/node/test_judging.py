"""Episodes, answers and verdicts of a running node."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from bench import LATCHED, Bench, Robot
from diagnostic_msgs.msg import DiagnosticStatus
from judge_process import JudgeProcess
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String
from std_srvs.srv import SetBool

from vlm_judge_ros import msg, srv

UNKNOWN, PROGRESSING, FAILED, SUCCEEDED = (
    msg.Verdict.STATE_UNKNOWN,
    msg.Verdict.STATE_PROGRESSING,
    msg.Verdict.STATE_FAILED,
    msg.Verdict.STATE_SUCCEEDED,
)


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "judging")
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def judge(start: Callable[..., JudgeProcess], robot: Robot) -> JudgeProcess:
    return start("judging", period_s=0.3, deadline_s=5.0, hang_timeout_s=8.0, auto_episode=False)


@pytest.fixture(autouse=True)
def end_of_episode(judge: JudgeProcess, robot: Robot) -> Iterator[None]:
    robot.moves = True
    yield
    judge.end_episode()


def set_parameter(judge: JudgeProcess, name: str, **value: object) -> tuple[bool, str]:
    kind = {"double_value": "DOUBLE", "string_value": "STRING", "bool_value": "BOOL", "integer_value": "INTEGER"}
    (field,) = value
    parameter = Parameter(
        name=name, value=ParameterValue(type=getattr(ParameterType, f"PARAMETER_{kind[field]}"), **value)
    )
    response = judge.bench.call(SetParameters, f"/{judge.name}/set_parameters", parameters=[parameter])
    return response.results[0].successful, response.results[0].reason


def test_answers_carry_the_stamp_of_the_newest_frame_that_they_used(judge: JudgeProcess, robot: Robot) -> None:
    judge.begin("watch")
    answer = judge.await_progress(2)[-1]
    stamp_ns = answer.header.stamp.sec * 10**9 + answer.header.stamp.nanosec
    assert stamp_ns in robot.front.stamps_ns
    shown = [frame.stamp.sec * 10**9 + frame.stamp.nanosec for frame in answer.provenance.frames]
    assert max(shown) == stamp_ns
    assert {frame.camera for frame in answer.provenance.frames} == {"front", "wrist"}
    assert 0.1 < answer.progress < 0.9
    assert answer.provenance.model == "scripted"
    assert answer.provenance.latency_s >= 0


def test_a_chunk_is_judged_once_after_it_was_executed(judge: JudgeProcess, bench: Bench) -> None:
    judge.begin("watch")
    publisher = bench.node.create_publisher(msg.ActionChunk, "/judging/chunk", 10)
    bench.until(publisher.get_subscription_count, "the node to listen to chunks")
    for number in (1, 2):
        chunk = msg.ActionChunk(id=number, horizon=10, step_s=0.03)
        chunk.header.stamp = bench.node.get_clock().now().to_msg()
        publisher.publish(chunk)
        answer = judge.until(
            lambda number=number: next((it for it in judge.progress if it.chunk_id == number), None), f"chunk {number}"
        )
        end_s = chunk.header.stamp.sec + chunk.header.stamp.nanosec * 1e-9 + 0.3
        assert answer.header.stamp.sec + answer.header.stamp.nanosec * 1e-9 >= end_s - 0.06  # one frame before the end
    assert [it.chunk_id for it in judge.progress if it.chunk_id] == [1, 2]
    bench.node.destroy_publisher(publisher)


def test_success_needs_the_judge_and_motion(judge: JudgeProcess, robot: Robot) -> None:
    before = judge.begin("success")
    verdict = judge.await_verdict(SUCCEEDED, since=before)
    assert {finding.name for finding in verdict.decided_by} >= {"joint_motion", "image_motion", "judge_success"}
    judge.end_episode()

    robot.moves = False
    before = judge.begin("success")
    judge.await_progress(8)
    assert all(verdict.state != SUCCEEDED for verdict in judge.verdicts[before:])


def test_a_failure_is_told_confirmed_and_cleared_with_the_episode(judge: JudgeProcess) -> None:
    before, events = judge.begin("fail"), len(judge.failures)
    verdict = judge.await_verdict(FAILED, since=before)
    assert verdict.failure_mode == msg.Failure.MODE_OBJECT_DROPPED
    response = judge.end_episode()
    assert response.success
    assert response.verdict.state == FAILED
    cleared = msg.Failure.STATUS_CLEARED
    judge.until(lambda: [it for it in judge.failures[events:] if it.status == cleared], "the event to be cleared")
    heard = judge.failures[events:]
    assert [it.status for it in heard] == [msg.Failure.STATUS_FAILED, msg.Failure.STATUS_CONFIRMED, cleared]
    assert {it.event_id for it in heard} == {1}
    assert {it.code for it in heard} == {"OBJECT_DROPPED"}


def test_a_judge_that_declines_gives_unknown_with_its_reason(judge: JudgeProcess) -> None:
    before = judge.begin("decline")
    judge.await_verdict(UNKNOWN, "The script declines.", before)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("refuse", "The script says so."),
        ("absurd", "The judge answered with progress 1.5; it has to be from 0 to 1, or NaN."),
        ("exhaust", "The judge ran out of memory; show it fewer images, or take a smaller model."),
    ],
)
def test_a_judge_that_raises_or_answers_nonsense_gives_unknown(judge: JudgeProcess, word: str, sentence: str) -> None:
    before = judge.begin(word)
    judge.await_verdict(UNKNOWN, sentence, before)
    judge.await_status("judge", DiagnosticStatus.ERROR, sentence)


def test_a_late_answer_is_dropped_and_the_verdict_is_unknown(judge: JudgeProcess) -> None:
    assert set_parameter(judge, "deadline_s", double_value=0.5) == (True, "")
    late = judge.count("judge", "late")
    before, answers = judge.begin("sleep=2"), len(judge.progress)
    judge.await_verdict(UNKNOWN, "did not answer within 0.5 s", before)
    judge.await_count("judge", "late", late + 2)
    assert judge.progress[answers:] == []
    assert set_parameter(judge, "deadline_s", double_value=5.0) == (True, "")


def test_a_question_past_its_deadline_is_cancelled_and_the_judge_is_free_at_once(judge: JudgeProcess) -> None:
    assert set_parameter(judge, "deadline_s", double_value=0.5) == (True, "")
    failed, late, restarts = (judge.count("judge", key) for key in ("failed", "late", "restarts"))
    before = judge.begin("long")
    judge.await_verdict(UNKNOWN, "did not answer within 0.5 s", before)
    judge.await_count("judge", "late", late + 3)
    assert set_parameter(judge, "deadline_s", double_value=5.0) == (True, "")
    before = judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)
    assert (judge.count("judge", "failed"), judge.count("judge", "restarts")) == (failed, restarts)


def test_the_newest_question_replaces_one_that_waits(judge: JudgeProcess) -> None:
    replaced = judge.count("judge", "replaced by newer")
    judge.begin("sleep=1.5")
    judge.await_progress(2)
    judge.await_count("judge", "replaced by newer", replaced + 2)


@pytest.mark.parametrize("word", ["crash", "hang"])
def test_a_judge_that_crashes_or_hangs_is_started_again(judge: JudgeProcess, word: str) -> None:
    restarts = judge.count("judge", "restarts")
    before = judge.begin(word)
    judge.await_count("judge", "restarts", restarts + 1)
    judge.await_verdict(UNKNOWN, "The judge gave no answer", before)
    before = judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)


def test_a_judge_that_was_killed_is_reported_and_started_again(judge: JudgeProcess) -> None:
    before = judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)
    restarts = judge.count("judge", "restarts")
    process = judge.kill_model()
    judge.await_verdict(UNKNOWN, "killed by SIGKILL", before)
    judge.await_count("judge", "restarts", restarts + 1)
    before = len(judge.verdicts)
    judge.await_verdict(PROGRESSING, since=before)
    judge.until(lambda: judge.count("judge", "process") not in (0, process), "another process")


def test_a_judge_that_is_switched_off_says_so(judge: JudgeProcess, bench: Bench) -> None:
    before = judge.begin("watch")
    judge.await_verdict(PROGRESSING, since=before)
    assert bench.call(SetBool, f"/{judge.name}/enable", data=False).success
    judge.await_verdict(UNKNOWN, "switched off", before)
    before = len(judge.verdicts)
    assert bench.call(SetBool, f"/{judge.name}/enable", data=True).success
    judge.await_verdict(PROGRESSING, since=before)


@pytest.mark.parametrize(
    ("task", "episode_id", "words"),
    [
        ("x" * 1001, "", "has 1001 characters; shorten it to 1000"),
        ("pick\nit", "", "write it on one line"),
        ("watch", "x" * 201, "has 201 characters; shorten it to 200"),
        ("   ", "", "The task is empty"),
    ],
)
def test_an_episode_that_cannot_be_is_refused(judge: JudgeProcess, task: str, episode_id: str, words: str) -> None:
    response = judge.start_episode(task, episode_id)
    assert not response.success
    assert words in response.message
    assert response.episode_id == ""


def test_only_the_running_episode_can_be_ended(judge: JudgeProcess) -> None:
    assert "No episode is running" in judge.end_episode().message
    assert judge.start_episode("watch", "morning").episode_id == "morning"
    response = judge.end_episode("evening")
    assert not response.success
    assert "the one that runs is morning" in response.message
    assert judge.end_episode("morning").success


def test_set_task_keeps_the_running_episode_unless_told_to_restart(judge: JudgeProcess, bench: Bench) -> None:
    judge.start_episode("watch", "one")
    assert bench.call(srv.SetTask, f"/{judge.name}/set_task", task="watch again", restart=False).success
    judge.until(lambda: judge.values("episode").get("task") == "watch", "the first task to stay")
    assert bench.call(srv.SetTask, f"/{judge.name}/set_task", task="watch anew", restart=True).success
    judge.until(lambda: judge.values("episode").get("task") == "watch anew", "the new task")
    assert judge.values("episode")["episode"] != "one"


def test_a_task_on_the_topic_starts_an_episode_where_that_is_wanted(judge: JudgeProcess, bench: Bench) -> None:
    assert set_parameter(judge, "auto_episode", bool_value=True)[0]
    publisher = bench.node.create_publisher(String, "/judging/task", LATCHED)
    try:
        for task in ("watch the cup", "watch the plate"):
            publisher.publish(String(data=task))
            judge.until(lambda task=task: judge.verdicts[-1].task == task, f"an episode with the task {task}")
    finally:
        assert set_parameter(judge, "auto_episode", bool_value=False)[0]
        bench.node.destroy_publisher(publisher)


def test_parameters_are_refused_with_name_value_and_remedy(judge: JudgeProcess) -> None:
    assert set_parameter(judge, "deadline_s", double_value=900.0) == (
        False,
        "Parameter deadline_s is 900.0; set it to a decimal number from 0.05 to 600 s.",
    )
    assert set_parameter(judge, "deadline_s", integer_value=2) == (
        False,
        "Parameter deadline_s is 2; set it to a decimal number like 1.0.",
    )
    done, reason = set_parameter(judge, "front.transport", string_value="compressed")
    assert not done
    assert reason.startswith("Parameter front.transport cannot be changed while the node is configured; deactivate")
    assert set_parameter(judge, "autostart", bool_value=False)[1].startswith(
        "Parameter autostart can only be set when the node starts"
    )


def test_parameters_are_described_with_their_range(judge: JudgeProcess, bench: Bench) -> None:
    response = bench.call(DescribeParameters, f"/{judge.name}/describe_parameters", names=["deadline_s", "keyframes"])
    deadline, keyframes = response.descriptors
    assert "dropped" in deadline.description
    assert (deadline.floating_point_range[0].from_value, deadline.floating_point_range[0].to_value) == (0.05, 600.0)
    assert (keyframes.integer_range[0].from_value, keyframes.integer_range[0].to_value) == (2, 64)


def test_diagnostics_tell_rate_age_loss_latency_and_model(judge: JudgeProcess) -> None:
    judge.begin("watch")
    judge.await_progress(3)
    judge.until(lambda: float(judge.values("camera front").get("rate (Hz)", 0)) > 1, "the rate of a camera")
    judge.until(lambda: judge.values("judge").get("latency p95 (s)"), "a latency")
    camera, model = judge.values("camera front"), judge.values("judge")
    assert camera["topic"] == "/judging/front/image"
    assert camera["image"] == "64x48 rgb8"
    assert float(camera["age (s)"]) < 60
    assert {"frames lost", "stamp to buffer p99 (ms)", "faults"} <= camera.keys()
    assert (model["model"], model["provider"]) == ("scripted", "cpu")
    assert float(model["latency p50 (s)"]) <= float(model["latency p95 (s)"])
    assert {"questions waiting", "replaced by newer"} <= model.keys()


def test_annotated_images_are_published_on_demand(judge: JudgeProcess, bench: Bench) -> None:
    judge.begin("watch")
    pictures = bench.listen(CompressedImage, f"/{judge.name}/annotated/compressed")
    assert set_parameter(judge, "annotated", bool_value=True)[0]
    picture = judge.until(lambda: pictures and pictures[-1], "an annotated image")
    assert bytes(picture.data[:2]) == b"\xff\xd8"
    assert set_parameter(judge, "annotated", bool_value=False)[0]
