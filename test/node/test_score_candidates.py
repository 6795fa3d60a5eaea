"""Candidates scored over DDS by a running judge node, while everything else goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import pytest
import told_by_grey
from bench import Bench, Robot
from geometry_msgs.msg import Point, Pose, PoseArray
from judge_process import JudgeProcess
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import CompressedImage
from stop_process import State, StopNodes
from told_by_grey import EXIT, LONG, REFUSE
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vlm_judge_ros import msg, srv

JUDGE = "told_by_grey:create"
SCORED, NOT_SCORED = msg.CandidateScore.STATE_SCORED, msg.CandidateScore.STATE_NOT_SCORED
MISSING, VETOED = msg.CandidateScore.STATE_MISSING_EVIDENCE, msg.CandidateScore.STATE_VETOED
INCONSISTENT = msg.CandidateScore.STATE_INCONSISTENT


def picture(grey: int, mirrored: bool = False) -> CompressedImage:
    pixels = told_by_grey.picture(grey).rgb()
    return CompressedImage(
        format="png", data=cv2.imencode(".png", pixels[:, ::-1] if mirrored else pixels)[1].tobytes()
    )


def showing(grey: int, **more: Any) -> msg.Candidate:
    """A candidate of which both cameras would see one picture."""
    return msg.Candidate(
        predicted_cameras=["front", "wrist"],
        predicted_times_s=[0.5, 0.5],
        predicted_images=[picture(grey), picture(grey)],
        **more,
    )


class Policy:
    """Asks a judge node about candidates that continue from now."""

    def __init__(self, bench: Bench, judge: JudgeProcess) -> None:
        self._bench = bench
        self._client = bench.node.create_client(srv.ScoreCandidates, f"/{judge.name}/score_candidates")

    def close(self) -> None:
        self._bench.node.destroy_client(self._client)

    def ask(self, *candidates: msg.Candidate, deadline_s: float = 60.0) -> Any:
        request = srv.ScoreCandidates.Request(candidates=list(candidates), deadline_s=deadline_s)
        request.header.stamp = self._bench.node.get_clock().now().to_msg()
        return self._bench.ask(self._client, request)

    def answer(self, *candidates: msg.Candidate, deadline_s: float = 60.0) -> Any:
        return self._bench.answer(self.ask(*candidates, deadline_s=deadline_s))


def await_frames(judge: JudgeProcess) -> None:
    """Await that both cameras have shown something of the running episode."""
    judge.await_value("episode", "episode")
    for camera in ("camera front", "camera wrist"):
        # One of them may have been on its way when the episode began.
        judge.await_count(camera, "frames used", judge.count(camera, "frames used") + 2)


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "steered")
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def judge(robot: Robot, start: Callable[..., JudgeProcess], tmp_path_factory: pytest.TempPathFactory) -> JudgeProcess:
    limits = tmp_path_factory.mktemp("limits") / "limits.yaml"
    limits.write_text("joints: {elbow: {highest: 1.5}}\n")
    # Chunk questions would take their turn between scorings.
    judge = start(
        "steered",
        judge=JUDGE,
        period_s=3000.0,
        opinion_timeout_s=3600.0,
        steering_deadline_s=0.5,
        steering_limits=limits,
    )
    judge.begin("move")
    await_frames(judge)
    return judge


@pytest.fixture
def policy(bench: Bench, judge: JudgeProcess) -> Iterator[Policy]:
    policy = Policy(bench, judge)
    yield policy
    policy.close()


def states(answer: Any) -> list[int]:
    return [score.state for score in answer.scores]


def test_the_best_of_four_candidates_is_chosen_and_all_is_told(policy: Policy, judge: JudgeProcess) -> None:
    answer = policy.answer(showing(30), showing(50), showing(80), showing(60))
    assert answer.success, answer.message
    assert (answer.chosen, answer.abstained, answer.stopped) == (2, False, False)
    assert states(answer) == [SCORED] * 4
    assert [score.score for score in answer.scores] == pytest.approx([0.3, 0.5, 0.8, 0.6])
    assert [score.index for score in answer.scores] == [0, 1, 2, 3]
    assert all(score.reason for score in answer.scores)
    assert answer.provenance.model == "told by grey"
    assert answer.latency_s > 0.0 and math.isclose(answer.provenance.latency_s, answer.latency_s)
    judge.await_count("steering", "answered")


def test_what_shows_nothing_or_breaks_a_limit_is_out_and_the_best_of_the_others_is_chosen(policy: Policy) -> None:
    beyond = JointTrajectory(joint_names=["elbow"], points=[JointTrajectoryPoint(positions=[1.6])])
    elsewhere = _frames(picture(90, mirrored=True))
    answer = policy.answer(showing(80, joint_trajectory=beyond), msg.Candidate(), showing(60), showing(20), elsewhere)
    assert states(answer) == [VETOED, MISSING, SCORED, SCORED, INCONSISTENT]
    assert answer.chosen == 2
    assert "elbow" in answer.scores[0].reason


def test_signals_of_a_task_that_no_file_declares_are_refused(policy: Policy) -> None:
    signal = msg.PredictedSignal(name="force", times_s=[0.1, 0.2], values=[5.0, 60.0])
    answer = policy.answer(showing(30, predicted_signals=[signal]), showing(60))
    assert not answer.success
    assert "task_files" in answer.message


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        ([msg.PredictedSignal(name="force", times_s=[0.1], values=[1.0, 2.0])], "2 values of signal force and 1 times"),
        ([msg.PredictedSignal(name="force"), msg.PredictedSignal(name="force")], "twice"),
    ],
)
def test_malformed_signals_are_refused_in_one_sentence(policy: Policy, signals: list[Any], words: str) -> None:
    answer = policy.answer(showing(30), showing(60, predicted_signals=signals))
    assert not answer.success
    assert answer.message.startswith("Candidate 1 cannot be scored") and words in answer.message


def test_the_order_of_the_policy_follows_its_own_scores(policy: Policy) -> None:
    answer = policy.answer(showing(30, prior_score=0.1), showing(60, prior_score=0.9))
    assert (answer.chosen, [score.score for score in answer.scores]) == (1, pytest.approx([0.3, 0.6]))


@pytest.mark.parametrize("deadline_s", [0.7, 0.0], ids=["given", "the node's"])
def test_a_deadline_is_answered_with_what_is_known_by_then(policy: Policy, deadline_s: float) -> None:
    # The judge would never answer on the third.
    answer = policy.answer(showing(30), showing(70), showing(LONG), showing(60), deadline_s=deadline_s)
    assert answer.success
    assert states(answer) == [SCORED, SCORED, NOT_SCORED, NOT_SCORED]
    assert answer.chosen == 1
    for said in (answer.message, answer.scores[2].reason, answer.scores[3].reason):
        assert f"The deadline of {deadline_s or 0.5:g} s came first" in said


def test_the_judge_may_refuse_one_candidate(policy: Policy) -> None:
    answer = policy.answer(showing(30), showing(REFUSE), showing(60))
    assert states(answer) == [SCORED, NOT_SCORED, SCORED]
    assert answer.chosen == 2


def test_a_judge_that_dies_over_a_candidate_ends_the_request_and_not_the_node(
    policy: Policy, judge: JudgeProcess
) -> None:
    answer = policy.answer(showing(30), showing(EXIT), showing(60))
    assert answer.success and answer.abstained
    assert answer.chosen == -1
    assert "exit code 3" in answer.message
    # What comes before it is ready again waits for it.
    judge.until(lambda: judge.count("judge", "restarts") and judge.values("judge")["state"] == "ready", "the judge")
    assert policy.answer(showing(30), showing(60)).chosen == 1


def test_a_newer_request_takes_the_place_of_an_older_one(bench: Bench, policy: Policy) -> None:
    older = policy.ask(showing(30), showing(LONG))
    newer = policy.answer(showing(30), showing(60))
    assert newer.chosen == 1
    told = bench.answer(older)
    assert (told.success, told.chosen, told.message) == (False, -1, "A newer request took the place of this one.")


def _path(times: int, poses: int, z: float = 0.0) -> dict[str, Any]:
    path = PoseArray(poses=[Pose(position=Point(z=z)) for _ in range(poses)])
    path.header.frame_id = "base"
    return {"end_effector_path": path, "end_effector_times_s": [0.1 * (1 + i) for i in range(times)]}


def _frames(*pictures: CompressedImage, cameras: list[str] | None = None, at_s: float = 0.5) -> msg.Candidate:
    return msg.Candidate(
        predicted_cameras=["front"] * len(pictures) if cameras is None else cameras,
        predicted_times_s=[at_s] * len(pictures),
        predicted_images=list(pictures),
    )


WHOLE = picture(40)
MALFORMED = {
    "none": ([], "no candidate"),
    "many": ([showing(1)] * 17, "17 candidates, at most 16"),
    "lengths": ([_frames(WHOLE, cameras=[])], "one of each for each picture"),
    "camera": ([_frames(WHOLE, cameras=["rear"])], "'rear'"),
    "time": ([_frames(WHOLE, at_s=math.nan)], "frame"),
    "late": ([_frames(WHOLE, at_s=1e9)], "stay within"),
    "pictures": ([_frames(*[WHOLE] * 65)], "65 frames, at most 64"),
    "encoding": ([_frames(CompressedImage(format="jpeg", data=b"what is this"))], "neither JPEG, PNG nor WebP"),
    "cut off": ([_frames(CompressedImage(format="png", data=bytes(WHOLE.data)[:-9]))], "cut off"),
    "damaged": (
        [_frames(CompressedImage(format="png", data=bytes(WHOLE.data)[:40] + b"\0\0\0" + bytes(WHOLE.data)[43:]))],
        "Candidate 0",
    ),
    "path": ([msg.Candidate(**_path(2, 3))], "3 poses"),
    "place": ([msg.Candidate(**_path(2, 2, math.inf))], "no finite number"),
    "joints": (
        [msg.Candidate(joint_trajectory=JointTrajectory(joint_names=["a", "b"], points=[JointTrajectoryPoint()]))],
        "0 positions, for 2 joints",
    ),
    "actions": ([msg.Candidate(chunk=msg.ActionChunk(horizon=2, actions=[1.0, 2.0, 3.0]))], "2 rows of equal length"),
    "numbers": ([msg.Candidate(chunk=msg.ActionChunk(horizon=1, actions=[math.nan]))], "NaN or infinite"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused_with_one_sentence(policy: Policy, name: str) -> None:
    candidates, words = MALFORMED[name]
    answer = policy.answer(*candidates)
    assert not answer.success
    assert (answer.chosen, answer.abstained, list(answer.scores)) == (-1, True, [])
    assert words in answer.message
    assert answer.message.endswith(".")


def test_a_moment_or_a_deadline_that_cannot_be_is_refused_and_counted(
    bench: Bench, policy: Policy, judge: JudgeProcess
) -> None:
    refused = judge.count("inputs", "refused")
    service = f"/{judge.name}/score_candidates"
    request = {"candidates": [showing(30)], "deadline_s": 1.0}
    assert "The stamp is zero" in bench.call(srv.ScoreCandidates, service, **request).message
    for deadline_s in (-1.0, math.nan, math.inf):
        assert "The deadline is" in policy.answer(showing(30), deadline_s=deadline_s).message
    judge.await_count("inputs", "refused", refused + 4)


def test_a_node_that_is_cleaned_up_tells_who_waits_and_refuses_from_then_on(
    bench: Bench, policy: Policy, judge: JudgeProcess
) -> None:
    waiting = policy.ask(showing(30), showing(LONG))
    judge.await_count("steering", "waiting")
    for number in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        assert bench.call(ChangeState, f"/{judge.name}/change_state", transition=Transition(id=number)).success
    told = bench.answer(waiting)
    assert not told.success
    assert "The episode ended" in told.message
    assert "not configured" in policy.answer(showing(30)).message


def test_a_flood_of_requests_holds_up_no_frame_no_heartbeat_and_no_chunk_question(
    bench: Bench, start: Callable[..., JudgeProcess], stop_node: StopNodes, namespace: str
) -> None:
    robot = Robot(bench, namespace)
    try:
        judge = start(namespace, judge=JUDGE, period_s=0.2, steering_earliest_s=60.0)
        judge.begin("move")
        judge.await_progress()
        stop = stop_node(heartbeat_timeout_s=2.0, unknown_timeout_s=60.0, verdict_timeout_s=60.0)
        impatient, patient = Policy(bench, judge), Policy(bench, judge)
        used, answered = judge.count("camera front", "frames used"), len(judge.progress)
        waiting = [impatient.ask(*[showing(30)] * 8, deadline_s=5.0) for _ in range(200)]
        # Nobody is there any more to take most of the answers.
        impatient.close()
        assert patient.answer(showing(20), showing(60)).chosen == 1
        judge.await_count("camera front", "frames used", used + 10)
        judge.until(lambda: len(judge.progress) > answered, "the answer to a chunk question")
        assert not stop.state.stopped
        assert len(waiting) == 200
        patient.close()
    finally:
        robot.close()


def test_a_stop_while_candidates_are_scored_wins(
    bench: Bench, start: Callable[..., JudgeProcess], stop_node: StopNodes, namespace: str
) -> None:
    robot = Robot(bench, namespace)
    try:
        judge = start(namespace, judge=JUDGE, period_s=3000.0, opinion_timeout_s=3600.0, front__source_timeout_s=0.5)
        judge.begin("move")
        await_frames(judge)
        stop = stop_node(heartbeat_timeout_s=5.0, unknown_timeout_s=60.0, verdict_timeout_s=60.0)
        policy = Policy(bench, judge)
        # The judge will never be done with the second, and the deadline is far away.
        answer = policy.ask(showing(80), showing(LONG), deadline_s=600.0)
        judge.await_count("steering", "waiting")
        assert not answer.done()
        robot.front.running = False
        told = bench.answer(answer)
        assert told.success and told.abstained and told.stopped
        assert told.chosen == -1
        assert told.message.startswith("The robot is not to go on:") and "front" in told.message
        assert stop.await_stop(State.CAUSE_FAILURE).stopped
        # And as long as the cause stands nothing is chosen.
        assert policy.answer(showing(80), showing(20)).chosen == -1
        policy.close()
    finally:
        robot.close()
