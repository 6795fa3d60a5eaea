"""What the node says many times a second: that it lives, and everything that it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from bench import Bench, Robot
from judge_process import JudgeProcess
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import QoSProfile

from vlm_judge_ros import msg


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "heartbeat")
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def judge(start: Callable[..., JudgeProcess], robot: Robot) -> JudgeProcess:
    return start("heartbeat", period_s=0.3, deadline_s=5.0, auto_episode=False)


@pytest.fixture
def beats(judge: JudgeProcess, bench: Bench) -> list[msg.Heartbeat]:
    beats = bench.listen(msg.Heartbeat, f"/{judge.name}/heartbeat", QoSProfile(depth=1000))
    judge.until(lambda: beats, "a heartbeat")
    return beats


def change(judge: JudgeProcess, transition: int) -> None:
    assert judge.bench.call(ChangeState, f"/{judge.name}/change_state", transition=Transition(id=transition)).success


def test_the_heart_beats_without_an_episode_and_counts(judge: JudgeProcess, beats: list[msg.Heartbeat]) -> None:
    judge.until(lambda: len(beats) >= 5, "five heartbeats")
    counts = [beat.count for beat in beats]
    assert counts == sorted(set(counts))
    beat = beats[-1]
    assert (beat.episode_id, beat.state, beat.reason) == ("", msg.Verdict.STATE_UNKNOWN, "No episode is running.")
    assert (beat.evidence_stamp.sec, beat.failure_mode, beat.failure_text) == (0, msg.Failure.MODE_NONE, "")


def test_the_heartbeat_repeats_the_confirmed_failure_until_the_episode_ends(
    judge: JudgeProcess, beats: list[msg.Heartbeat]
) -> None:
    before, events = len(beats), len(judge.failures)
    judge.begin("fail")
    failing = [
        *judge.until(
            lambda: [it for it in beats[before:] if it.failure_mode == msg.Failure.MODE_OBJECT_DROPPED][2:],
            "three heartbeats with the failure",
        )
    ][-1]
    (confirmed,) = [it for it in judge.failures[events:] if it.status == msg.Failure.STATUS_CONFIRMED]
    assert failing.state == msg.Verdict.STATE_FAILED
    assert (failing.episode_id, failing.failure_event_id) == (confirmed.episode_id, confirmed.event_id)
    assert (failing.failure_severity, failing.failure_text) == (confirmed.severity, confirmed.text)
    assert failing.evidence_stamp.sec > 0
    judge.end_episode()
    ended = len(beats)
    judge.until(lambda: [it for it in beats[ended:] if not it.episode_id and not it.failure_mode], "a quiet heartbeat")


def test_findings_of_all_layers_are_told_while_an_episode_runs(judge: JudgeProcess, bench: Bench) -> None:
    heard = bench.listen(msg.Findings, f"/{judge.name}/findings")
    judge.begin("watch")
    judge.until(lambda: heard and len(heard[-1].findings) > 3, "findings")
    told = heard[-1]
    assert told.episode_id
    assert all(finding.name and finding.text for finding in told.findings)
    judge.until(
        lambda: {"joint_motion", "judge_progress"} <= {finding.name for finding in heard[-1].findings}, "every layer"
    )
    judge.end_episode()


def test_an_inactive_judge_is_silent_and_goes_on_counting_when_it_is_activated_anew(
    judge: JudgeProcess, beats: list[msg.Heartbeat]
) -> None:
    change(judge, Transition.TRANSITION_DEACTIVATE)
    judge.await_state("inactive")
    silent, last = len(beats), beats[-1].count
    reports = judge.bench.reports
    judge.until(lambda: judge.bench.reports > reports + 2, "two seconds to pass")
    assert len(beats) == silent
    change(judge, Transition.TRANSITION_CLEANUP)
    change(judge, Transition.TRANSITION_CONFIGURE)
    change(judge, Transition.TRANSITION_ACTIVATE)
    judge.until(lambda: len(beats) > silent, "a heartbeat")
    assert beats[silent].count > last
