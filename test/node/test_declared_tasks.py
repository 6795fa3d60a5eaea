"""Tasks of task files in a running node: what they declare is listened to, and decides."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench import LATCHED, Bench, Robot
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import WrenchStamped
from judge_process import JudgeProcess
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64, String

from vlm_judge_ros import msg, srv
from vlm_judge_ros.tasks.task_file import load_task

UNKNOWN, PROGRESSING, FAILED = (
    msg.Verdict.STATE_UNKNOWN,
    msg.Verdict.STATE_PROGRESSING,
    msg.Verdict.STATE_FAILED,
)
PUSH = """
name: push_button
instruction: push the button
wordings: [press it, fail to press it]
signals:
  force: {topic: wrench, type: geometry_msgs/msg/WrenchStamped, field: wrench.force.z, unit: N, timeout_s: 0.5}
  bend: {topic: joint_states, type: sensor_msgs/msg/JointState, field: "position[elbow]", unit: rad}
monitors:
  - {kind: threshold, name: force_limit, signal: force, max: 40.0, severity: critical, failure_mode: COLLISION}
  - {kind: threshold, name: bend_range, signal: bend, min: -1000.0, max: 1000.0}
"""
LIFT = """
name: lift_cup
instruction: lift the cup
signals:
  height: {topic: /declared/height, type: std_msgs/msg/Float64, field: data, unit: m, timeout_s: 0.0}
monitors:
  - {kind: threshold, name: too_high, signal: height, max: 1.0, severity: critical, failure_mode: SPILL}
"""

DOOR = """
name: shut_door
instruction: shut the door
signals:
  open: {topic: /declared/door, type: std_msgs/msg/Bool, field: data, timeout_s: 0.0, latched: true}
monitors:
  - {kind: threshold, name: shut, signal: open, max: 0.5, severity: critical, failure_mode: UNSTABLE}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("tasks")
    paths = folder / "push.yaml", folder / "lift.yaml", folder / "door.yaml"
    for path, text in zip(paths, (PUSH, LIFT, DOOR), strict=True):
        path.write_text(text)
    return paths


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "declared")
    yield robot
    robot.close()


class Wrench:
    """A force sensor that goes on at 100 Hz in a thread of its own until closed."""

    def __init__(self, bench: Bench) -> None:
        self.force_n = 5.0
        self.peak_every = 0
        self.running = True
        self.stamp_offset_s = 0.0
        self.peaks_ns: list[int] = []
        self._publisher = bench.node.create_publisher(WrenchStamped, "/declared/wrench", 10)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        sent = 0
        while not self._ended.wait(0.01):
            if not self.running:
                continue
            message = WrenchStamped()
            stamp_ns = time.time_ns() + round(self.stamp_offset_s * 1e9)
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
            sent += 1
            peak = self.peak_every and sent % self.peak_every == 0
            message.wrench.force.z = 80.0 if peak else self.force_n
            if message.wrench.force.z > 40.0:
                self.peaks_ns.append(stamp_ns)
            self._publisher.publish(message)


@pytest.fixture(scope="module")
def wrench(bench: Bench) -> Iterator[Wrench]:
    wrench = Wrench(bench)
    yield wrench
    wrench.close()


@pytest.fixture(scope="module")
def judge(start: Callable[..., JudgeProcess], robot: Robot, wrench: Wrench, files: tuple[Path, ...]) -> JudgeProcess:
    task_files = f"[{', '.join(map(str, files))}]"
    return start("declared", task_files=task_files, period_s=0.3, deadline_s=5.0, auto_episode=False)


@pytest.fixture(autouse=True)
def quiet(judge: JudgeProcess, wrench: Wrench) -> Iterator[None]:
    yield
    wrench.force_n, wrench.peak_every, wrench.running, wrench.stamp_offset_s = 5.0, 0, True, 0.0
    judge.end_episode()


def refused_by_parameter(judge: JudgeProcess, task: str) -> str:
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=task)
    parameters = [Parameter(name="task", value=value)]
    result = judge.bench.call(SetParameters, f"/{judge.name}/set_parameters", parameters=parameters).results[0]
    return "" if result.successful else str(result.reason)


def test_a_critical_limit_that_breaks_fails_the_episode_at_once(
    judge: JudgeProcess, bench: Bench, wrench: Wrench, files: tuple[Path, ...]
) -> None:
    beats = bench.listen(msg.Heartbeat, f"/{judge.name}/heartbeat", QoSProfile(depth=1000))
    before, events = judge.begin("push the button"), len(judge.failures)
    running = judge.await_verdict(PROGRESSING, since=before)
    content_hash = load_task(str(files[0])).content_hash
    assert running.provenance.task_file == f"push_button {content_hash}"
    wrench.peaks_ns.clear()
    wrench.force_n = 55.0
    verdict = judge.await_verdict(FAILED, "force", before)
    assert verdict.failure_mode == msg.Failure.MODE_COLLISION
    (decided,) = verdict.decided_by
    assert (decided.name, decided.source, decided.value, decided.limit) == ("force_limit", "force", 55.0, 40.0)
    onset_ns = verdict.failure_onset.sec * 10**9 + verdict.failure_onset.nanosec
    assert onset_ns == wrench.peaks_ns[0]
    (event, *_) = judge.until(lambda: judge.failures[events:], "a failure event")
    assert (event.status, event.code) == (msg.Failure.STATUS_CONFIRMED, "COLLISION")
    assert event.severity == msg.Failure.SEVERITY_CRITICAL
    told = judge.until(lambda: [it for it in beats if it.failure_mode == msg.Failure.MODE_COLLISION], "a heartbeat")
    assert told[0].failure_severity == msg.Failure.SEVERITY_CRITICAL
    assert "force" in told[0].failure_text


def test_what_a_latched_signal_said_before_an_episode_holds_in_it(judge: JudgeProcess, bench: Bench) -> None:
    doors = bench.node.create_publisher(Bool, "/declared/door", LATCHED)
    doors.publish(Bool(data=False))
    judge.await_count("inputs", "messages on /declared/door")
    judge.await_verdict(PROGRESSING, since=judge.begin("shut the door"))
    judge.end_episode()
    doors.publish(Bool(data=True))
    judge.await_count("inputs", "messages on /declared/door", 2)
    for _ in range(2):
        verdict = judge.await_verdict(FAILED, "open", judge.begin("shut the door"))
        assert verdict.failure_mode == msg.Failure.MODE_UNSTABLE
        judge.end_episode()


def test_a_limit_that_breaks_for_single_messages_is_not_missed(judge: JudgeProcess, wrench: Wrench) -> None:
    before = judge.begin("push_button")
    judge.await_verdict(PROGRESSING, since=before)
    wrench.peak_every = 20
    judge.await_verdict(FAILED, "80", before)


@pytest.mark.parametrize(
    ("told", "shown"),
    [("push_button", "push the button"), ("Press it", "Press it"), ("push the button", "push the button")],
)
def test_a_task_is_known_by_name_instruction_and_wording(judge: JudgeProcess, told: str, shown: str) -> None:
    judge.begin(told)
    assert {answer.task for answer in judge.await_progress(1)} == {shown}
    assert judge.await_value("episode", "task file") == "push_button"


def test_a_task_that_no_file_declares_is_refused_everywhere(judge: JudgeProcess, bench: Bench) -> None:
    sentence = 'No task file declares the task \'juggle\'; set "push the button", "lift the cup" or "shut the door"'
    for answer in (
        judge.start_episode("juggle"),
        bench.call(srv.SetTask, f"/{judge.name}/set_task", task="juggle", restart=False),
    ):
        assert not answer.success
        assert answer.message.startswith(sentence)
    assert sentence in refused_by_parameter(judge, "juggle")
    assert refused_by_parameter(judge, "lift_cup") == ""
    refused = judge.count("inputs", "refused")
    publisher = bench.node.create_publisher(String, "/declared/task", LATCHED)
    bench.until(publisher.get_subscription_count, "the node to listen to tasks")
    publisher.publish(String(data="juggle"))
    judge.await_count("inputs", "refused", refused + 1)
    assert sentence in judge.values("inputs")["refused, topic task"]
    assert judge.values("episode")["task"] == "lift the cup"
    bench.node.destroy_publisher(publisher)


def test_a_signal_that_is_silent_makes_the_verdict_unknown_and_is_named(judge: JudgeProcess, wrench: Wrench) -> None:
    before = judge.begin("push the button")
    judge.await_verdict(PROGRESSING, since=before)
    wrench.running = False
    judge.await_verdict(UNKNOWN, "force", before)
    before = len(judge.verdicts)
    wrench.running = True
    judge.await_verdict(PROGRESSING, since=before)


def test_a_signal_that_is_no_number_makes_the_verdict_unknown(judge: JudgeProcess, wrench: Wrench) -> None:
    before = judge.begin("push the button")
    judge.await_verdict(PROGRESSING, since=before)
    wrench.force_n = math.nan
    judge.await_verdict(UNKNOWN, "force", before)


def test_a_stamp_from_the_future_is_refused_and_the_signal_counts_as_silent(
    judge: JudgeProcess, wrench: Wrench
) -> None:
    before = judge.begin("push the button")
    judge.await_verdict(PROGRESSING, since=before)
    wrench.stamp_offset_s = 3600.0
    judge.await_verdict(UNKNOWN, "force", before)
    told = judge.until(lambda: judge.values("inputs").get("refused, topic /declared/wrench"), "a refusal")
    assert "ahead of the node clock" in told


def test_signals_of_another_task_decide_nothing(judge: JudgeProcess, wrench: Wrench, bench: Bench) -> None:
    wrench.force_n = 100.0
    before = judge.begin("lift the cup")
    publisher = bench.node.create_publisher(Float64, "/declared/height", 10)
    bench.until(publisher.get_subscription_count, "the node to listen to heights")
    heights = bench.listen(msg.Findings, f"/{judge.name}/findings")

    def is_low() -> bool:
        publisher.publish(Float64(data=0.5))
        told = heights[-1].findings if heights else []
        return any(it.name == "too_high" and it.value == 0.5 for it in told)

    bench.until(is_low, "the height to be found")
    judge.await_verdict(PROGRESSING, since=before)
    assert all(verdict.state != FAILED for verdict in judge.verdicts[before:])

    def has_failed() -> list[msg.Verdict]:
        publisher.publish(Float64(data=1.5))
        return [verdict for verdict in judge.verdicts[before:] if verdict.state == FAILED]

    assert bench.until(has_failed, "the height to fail")[0].failure_mode == msg.Failure.MODE_SPILL
    bench.node.destroy_publisher(publisher)


def test_joint_states_at_1_khz_do_not_starve_the_cameras(judge: JudgeProcess, bench: Bench, robot: Robot) -> None:
    publisher = bench.node.create_publisher(JointState, "/declared/joint_states", 100)
    ended = threading.Event()

    def play() -> None:
        names = [f"joint_{number}" for number in range(7)] + ["elbow"]
        message = JointState(name=names, position=[0.1] * 8, velocity=[0.0] * 8, effort=[1.0] * 8)
        began_s, sent = time.monotonic(), 0
        while not ended.is_set():
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
            publisher.publish(message)
            sent += 1
            time.sleep(max(0.0, began_s + sent / 1000 - time.monotonic()))

    thread = threading.Thread(target=play, daemon=True)
    before = judge.begin("push the button")
    judge.await_verdict(PROGRESSING, since=before)
    counts = {name: judge.count(f"camera {name}", "frames used") for name in ("front", "wrist")}
    heard = judge.count("inputs", "messages on /declared/joint_states")
    thread.start()
    for name, used in counts.items():
        judge.await_count(f"camera {name}", "frames used", used + 60)
    judge.await_count("inputs", "messages on /declared/joint_states", heard + 500)
    assert all(verdict.state != UNKNOWN for verdict in judge.verdicts[before + 1 :] if "camera" in verdict.reason)
    ended.set()
    thread.join()
    bench.node.destroy_publisher(publisher)


def await_refusal(judge: JudgeProcess, send: Callable[[], None], topic: str, words: str) -> None:
    """Send until the node says why it refuses; one message alone may be lost on the way."""

    def refused() -> bool:
        send()
        return words in judge.values("inputs").get(f"refused, topic /declared/{topic}", "")

    judge.until(refused, words)


def chunk(bench: Bench, number: int, **fields: object) -> msg.ActionChunk:
    message = msg.ActionChunk(id=number, horizon=4, step_s=0.05, certainty=math.nan, **fields)
    message.header.stamp = bench.node.get_clock().now().to_msg()
    return message


def test_chunks_carry_actions_and_samples_and_those_of_strange_sizes_are_refused(
    judge: JudgeProcess, bench: Bench
) -> None:
    judge.begin("push the button")
    publisher = bench.node.create_publisher(msg.ActionChunk, "/declared/chunk", 10)
    bench.until(publisher.get_subscription_count, "the node to listen to chunks")
    names = ["x", "y"]
    publisher.publish(
        chunk(bench, 1, action_names=names, actions=[0.1] * 8, sample_count=3, sampled_actions=[0.2] * 24)
    )
    judge.until(lambda: [it for it in judge.progress if it.chunk_id == 1], "an answer for the chunk")
    for number, fields, words in (
        (2, {"actions": [0.1] * 7}, "7 numbers, which is not 4 rows"),
        (3, {"actions": [math.nan] * 8}, "NaN or infinite"),
        (4, {"sample_count": 2**32 - 1, "sampled_actions": [0.1] * 8}, "give 1 to 256 samples"),
        (5, {"actions": [0.1] * 8, "action_names": ["x"]}, "name each"),
        (6, {"actions": [0.1] * 4 * 300}, "at most 256 numbers"),
    ):
        message = chunk(bench, number, **fields)
        await_refusal(judge, lambda message=message: publisher.publish(message), "chunk", words)
    bench.node.destroy_publisher(publisher)


def test_joint_states_of_strange_sizes_are_refused_and_the_node_goes_on(judge: JudgeProcess, bench: Bench) -> None:
    publisher = bench.node.create_publisher(JointState, "/declared/joint_states", 10)
    bench.until(publisher.get_subscription_count, "the node to listen to joints")
    before = judge.begin("push the button")
    for fields, words in (
        ({"name": ["a"] * 257, "position": [0.0] * 257}, "257 joints; at most 256"),
        ({"name": ["a", "b"], "position": [0.0]}, "2 names and 1 positions"),
        ({"name": ["a"], "position": [0.0], "effort": [1.0, 2.0]}, "1 names and 2 efforts"),
        ({"name": ["a" * 5000], "position": [0.0]}, "a joint with 5000 characters"),
    ):
        message = JointState(**fields)
        message.header.stamp = bench.node.get_clock().now().to_msg()
        await_refusal(judge, lambda message=message: publisher.publish(message), "joint_states", words)
    judge.await_status("inputs", DiagnosticStatus.WARN, "topic /declared/joint_states")
    judge.await_verdict(PROGRESSING, since=before)
    bench.node.destroy_publisher(publisher)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (PUSH.replace("geometry_msgs/msg/WrenchStamped", "force_msgs/msg/Force"), "install the package force_msgs"),
        (PUSH.replace("wrench.force.z", "wrench.force.w"), "wrench.force has no w; it has x, y, z"),
        (PUSH.replace("signals:", "cameras: [ceiling]\nsignals:"), "needs the camera ceiling"),
        (PUSH.replace("topic: wrench", "topic: chunk"), "carries ActionChunk and is declared with geometry_msgs"),
        (PUSH.replace("unit: N", "units: N"), "line 6"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_sentence_when_the_node_is_configured(
    start: Callable[..., JudgeProcess], tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    judge = start("undeclared", ready=False, task_files=f"[{path}]")
    assert judge.process.wait(60) == 1
    assert sentence in judge.said()
    assert "Traceback" not in judge.said()
