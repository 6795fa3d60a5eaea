"""The safety stop node over real DDS: what stops the robot, what holds it, and what lets it go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from bench import Bench, Camera
from rosgraph_msgs.msg import Clock
from stop_process import JudgeStandIn, State, StopNodes

from vlm_judge_ros import msg

HEAVY = ("pydantic", "onnxruntime", "openai", "cv2", "PIL", "tokenizers", "rosbags", "rich", "jinja2")


def test_it_loads_no_model_and_nothing_that_models_need() -> None:
    code = f"""
import sys
import vlm_judge_ros.node.safety_stop_node, vlm_judge_ros.node.stop_adapters.adapter
from vlm_judge_ros.node.stop_adapters.kinds import KINDS
import importlib
for kind in KINDS.values():
    importlib.import_module("vlm_judge_ros.node.stop_adapters." + kind.module)
rooms = ("models", "judges", "verdict", "replay", "tasks", "simulation", "data")
found = [name for name in sys.modules if name.split(".")[0] in {HEAVY!r}]
found += [name for name in sys.modules if name.startswith(tuple("vlm_judge_ros." + room for room in rooms))]
print(",".join(found))
"""
    environment = {key: value for key, value in os.environ.items() if key != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_confirmed_failure_stops_holds_and_is_released_only_by_a_reset(
    judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    node = stop_node()
    assert node.bools == []
    judge_stand_in.fail()
    node.until(lambda: node.bools, "a stop command")
    stopped = node.await_stop(State.CAUSE_FAILURE)
    assert (stopped.source, stopped.stops, stopped.mode) == ("OBJECT_DROPPED", 1, State.MODE_STOP)
    assert "The cup fell." in stopped.text and stopped.standing
    assert stopped.since.sec > 0
    action = node.await_action("stop_topic", msg.StopAction.STATE_DONE)
    assert action.target == f"{node.name}/stop" and action.latency_s < 60
    refused = node.reset()
    assert not refused.success and "The cup fell." in refused.message
    # Three of the messages that come once a second: it holds without a gap.
    seen = len(node.states)
    node.until(lambda: len(node.states) > seen + 3, "further states")
    judge_stand_in.fail(msg.Failure.STATUS_HEALED)
    node.await_state(lambda state: not state.standing, "the cause to end")
    assert all(state.stopped for state in node.states[seen:])
    assert [bool(message.data) for message in node.bools] == [True]
    assert node.reset().success
    node.until(lambda: len(node.bools) == 2, "the release")
    assert node.bools[-1].data is False
    node.await_state(lambda state: not state.stopped, "the end of the stop")
    judge_stand_in.fail()
    node.await_state(lambda state: state.stopped and state.stops == 2, "a second stop")
    assert node.end() == 0
    assert [bool(message.data) for message in node.bools] == [True, False, True]
    assert "STOP 1: Failure OBJECT_DROPPED" in node.said()
    assert "not a certified safety device" in node.said()


def test_a_failure_below_the_severity_does_not_stop_and_one_in_the_heartbeat_alone_does(
    judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    node = stop_node(stop_severity="critical")
    judge_stand_in.fail(severity=msg.Failure.SEVERITY_ERROR)
    seen = len(node.states)
    node.until(lambda: len(node.states) > seen + 2, "further states")
    assert not node.state.stopped
    judge_stand_in.fields["failure_severity"] = msg.Failure.SEVERITY_CRITICAL
    assert node.await_stop(State.CAUSE_FAILURE).source == "OBJECT_DROPPED"


def test_a_silent_judge_stops_and_a_reset_waits_until_it_is_back(
    judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    node = stop_node(heartbeat_timeout_s=1.0)
    judge_stand_in.beats = False
    stopped = node.await_stop(State.CAUSE_HEARTBEAT_SILENT)
    assert stopped.source.endswith("/judge_node") and "silent" in stopped.text
    assert not node.reset().success
    judge_stand_in.beats = True
    node.await_state(lambda state: not state.standing, "the judge to be heard again")
    assert node.reset().success


def test_a_judge_that_is_never_heard_stops_after_the_grace(stop_node: StopNodes) -> None:
    node = stop_node(watching=False, startup_grace_s=0.5)
    assert "was not heard" in node.await_stop(State.CAUSE_HEARTBEAT_SILENT).text


def test_evidence_that_is_not_renewed_stops(judge_stand_in: JudgeStandIn, stop_node: StopNodes) -> None:
    node = stop_node(verdict_timeout_s=1.0)
    judge_stand_in.evidence_stands = True
    node.await_stop(State.CAUSE_VERDICT_SILENT)


def test_a_verdict_that_stays_unknown_stops_with_its_reason(judge_stand_in: JudgeStandIn, stop_node: StopNodes) -> None:
    node = stop_node(unknown_timeout_s=1.0)
    judge_stand_in.fields |= {"state": msg.Verdict.STATE_UNKNOWN, "reason": "The judge\ndeclines."}
    assert "The judge declines." in node.await_stop(State.CAUSE_VERDICT_UNKNOWN).text


def test_a_named_source_that_falls_silent_stops(
    bench: Bench, namespace: str, judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    camera = Camera(bench, f"/{namespace}/front/image")
    node = stop_node(sources="[front]", front__topic="front/image", front__timeout_s=1.0)
    bench.until(camera.publisher.get_subscription_count, "the node to listen to the camera")
    camera.publish(1, 100)
    stopped = node.await_stop(State.CAUSE_SOURCE_SILENT)
    assert stopped.source == f"/{namespace}/front/image"
    assert "has been silent" in stopped.text


def test_a_request_stops_and_says_who_was_asked(judge_stand_in: JudgeStandIn, stop_node: StopNodes) -> None:
    node = stop_node()
    assert node.request_stop().success
    assert node.await_stop(State.CAUSE_REQUEST).source == f"{node.name}/request_stop"
    assert "already" in node.request_stop().message
    assert node.reset().success


def test_observe_says_what_it_would_have_done_and_commands_nothing(
    bench: Bench, judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    node = stop_node(mode="observe")
    judge_stand_in.fail()
    stopped = node.await_stop(State.CAUSE_FAILURE)
    assert stopped.mode == State.MODE_OBSERVE
    assert [action.state for action in stopped.actions] == [msg.StopAction.STATE_OBSERVED]
    assert bench.node.count_publishers(f"{node.name}/stop") == 0
    assert node.bools == []
    assert "Would stop the robot" in node.said()


def test_it_can_start_stopped_and_a_new_one_releases_nothing_by_starting(
    judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    node = stop_node(watching=False, start_stopped=True)
    assert "starts stopped" in node.await_stop(State.CAUSE_REQUEST).text
    node.until(lambda: node.bools, "a stop command")
    node.end(signal.SIGTERM)
    again = stop_node()
    assert again.bools == []
    assert again.reset().success
    again.until(lambda: again.bools, "the release")
    assert again.bools[-1].data is False


def test_a_node_on_simulated_time_that_stands_still_notices_silence(
    bench: Bench, judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    clock = bench.node.create_publisher(Clock, "/clock", 10)
    node = stop_node(use_sim_time=True, heartbeat_timeout_s=1.0)
    for seconds in (1000, 10):
        message = Clock()
        message.clock.sec = seconds
        clock.publish(message)
    judge_stand_in.beats = False
    stopped = node.await_stop(State.CAUSE_HEARTBEAT_SILENT)
    assert stopped.since.sec in (0, 10, 1000)
    bench.node.destroy_publisher(clock)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_and_says_nothing_as_it_goes(
    judge_stand_in: JudgeStandIn, stop_node: StopNodes, number: signal.Signals
) -> None:
    node = stop_node()
    assert node.end(number) == 0
    assert node.bools == []
    assert "Traceback" not in node.said()


def test_what_was_set_at_start_cannot_be_changed(
    bench: Bench, judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    node = stop_node()
    change = Parameter("mode", Parameter.Type.STRING, "observe").to_parameter_msg()
    (result,) = bench.call(SetParameters, f"{node.name}/set_parameters", parameters=[change]).results
    assert not result.successful and "only be set when the node starts" in result.reason
