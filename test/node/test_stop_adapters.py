"""Stop adapters over real DDS, each against what it commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from action_msgs.srv import CancelGoal
from bench import Bench
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64
from std_srvs.srv import SetBool, Trigger
from stop_process import JudgeStandIn, StopNodes
from trajectory_msgs.msg import JointTrajectory

from vlm_judge_ros import msg

DONE, FAILED = msg.StopAction.STATE_DONE, msg.StopAction.STATE_FAILED
WAITING = msg.StopAction.STATE_WAITING


class Service:
    """A service that notes its calls and answers as it is told."""

    def __init__(self, bench: Bench, kind: Any, name: str, **answer: Any) -> None:
        self.calls: list[Any] = []
        self._answer = answer
        self._service = bench.node.create_service(kind, name, self._take)

    def _take(self, request: Any, response: Any) -> Any:
        self.calls.append(request)
        for field, value in self._answer.items():
            setattr(response, field, value)
        return response


@pytest.fixture
def deaf_node() -> Iterator[Node]:
    """A node that nobody spins: its services are there and never answer."""
    node = rclpy.create_node("deaf")
    yield node
    node.destroy_node()


def test_a_service_that_answers_is_enough_and_a_parallel_one_is_called_with_it(
    bench: Bench, namespace: str, judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    pause = Service(bench, Trigger, f"/{namespace}/pause", success=True, message="Paused.")
    motors = Service(bench, SetBool, f"/{namespace}/motors", success=True)
    power = Service(bench, Trigger, f"/{namespace}/power_off", success=True)
    node = stop_node(
        adapters="[pause,power,motors,topic]",
        pause__kind="trigger",
        pause__target="pause",
        pause__deadline_s=30.0,
        power__kind="trigger",
        power__target="power_off",
        motors__kind="set_bool",
        motors__target="motors",
        motors__data=False,
        motors__parallel=True,
        motors__deadline_s=30.0,
        motors__release_on_reset=True,
    )
    judge_stand_in.fail()
    assert "Paused." in node.await_action("pause", DONE).text
    node.await_action("motors", DONE)
    node.await_action("topic", DONE)
    assert [action.adapter for action in node.state.actions] == ["pause", "power", "motors", "topic"]
    assert (node.action("power").state, node.action("power").attempts) == (WAITING, 0)
    assert (len(pause.calls), [call.data for call in motors.calls], power.calls) == (1, [False], [])
    judge_stand_in.fail(msg.Failure.STATUS_HEALED)
    node.await_state(lambda state: not state.standing, "the cause to end")
    assert node.reset().success
    bench.until(lambda: len(motors.calls) == 2, "the motors to be switched on again")
    assert motors.calls[1].data is True
    assert len(pause.calls) == 1


def test_what_never_answers_refuses_or_is_not_there_escalates_to_the_next(
    bench: Bench, namespace: str, judge_stand_in: JudgeStandIn, stop_node: StopNodes, deaf_node: Node
) -> None:
    deaf_node.create_service(Trigger, f"/{namespace}/deaf", lambda _, response: response)
    busy = Service(bench, Trigger, f"/{namespace}/busy", success=False, message="Not now.")
    last = Service(bench, Trigger, f"/{namespace}/last", success=True)
    names = ("deaf", "busy", "gone", "last")
    parameters = {f"{name}__kind": "trigger" for name in names} | {f"{name}__target": name for name in names}
    node = stop_node(adapters="[deaf,busy,gone,last]", last__deadline_s=30.0, **parameters)
    judge_stand_in.fail()
    node.await_action("last", DONE)
    states = {name: node.action(name) for name in names}
    assert [states[name].state for name in names] == [FAILED, FAILED, FAILED, DONE]
    assert all(states[name].attempts >= 3 for name in names[:3])
    assert "called busy" in states["deaf"].text and "no answer" in states["deaf"].text
    assert "Not now." in states["busy"].text
    assert "Nobody offers the service" in states["gone"].text
    assert "Adapter gone" in node.said() and "FAILED" in node.said()
    assert len(busy.calls) >= 3 and len(last.calls) == 1
    # What has vanished may come back: it is called again and again.
    Service(bench, Trigger, f"/{namespace}/gone", success=True)
    node.await_action("gone", DONE)


def test_zero_commands_are_repeated_and_then_fall_silent(
    bench: Bench, namespace: str, judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    twists = bench.listen(Twist, f"/{namespace}/cmd_vel")
    stamped = bench.listen(TwistStamped, f"/{namespace}/cmd_vel_stamped")
    scalings = bench.listen(Float64, f"/{namespace}/speed_scaling")
    trajectories = bench.listen(JointTrajectory, f"/{namespace}/arm/joint_trajectory")
    unknown = bench.listen(JointTrajectory, f"/{namespace}/hand/joint_trajectory")
    joints = bench.node.create_publisher(JointState, f"/{namespace}/joint_states", 10)
    node = stop_node(
        adapters="[base,walker,scaling,arm,hand]",
        base__kind="twist",
        base__target="cmd_vel",
        base__rate_hz=10.0,
        base__repeat_s=0.5,
        walker__kind="twist_stamped",
        walker__target="cmd_vel_stamped",
        walker__frame_id="pelvis",
        walker__repeat_s=0.0,
        scaling__kind="speed_scaling",
        scaling__target="speed_scaling",
        scaling__repeat_s=0.0,
        scaling__release_on_reset=True,
        arm__kind="joint_trajectory",
        arm__target="arm/joint_trajectory",
        arm__joints="[elbow,wrist]",
        arm__rate_hz=10.0,
        arm__repeat_s=0.5,
        hand__kind="joint_trajectory",
        hand__target="hand/joint_trajectory",
        hand__joints="[thumb]",
        hand__repeat_s=0.0,
    )
    bench.until(joints.get_subscription_count, "the node to listen to joint states")

    def tell_and_stop() -> bool:
        # Positions count for a second, which a starved machine may not keep: then it is reset and stopped again.
        joints.publish(JointState(name=["wrist", "gripper"], position=[0.25, 0.01]))
        joints.publish(JointState(name=["elbow"], position=[1.5]))
        if node.state.stopped and "zero velocities" in node.action("arm").text:
            node.reset()
        elif not node.state.stopped:
            node.request_stop()
        return "present positions of 2 joints" in (action.text if (action := node.action("arm")) else "")

    for _ in range(100):
        if tell_and_stop():
            break
    else:
        raise AssertionError("the joints were never held")
    for name in ("base", "walker", "scaling", "arm", "hand"):
        node.await_action(name, DONE)
    bench.until(lambda: len(twists) >= 6, "a repeated command")
    # Three states later, which come once a second, nothing more has come.
    seen, count = len(node.states), -1
    bench.until(lambda: len(node.states) > seen + 1, "the commands to be over")
    seen, count = len(node.states), len(twists)
    bench.until(lambda: len(node.states) > seen + 2, "some time in silence")
    assert len(twists) == count
    assert all(twist == Twist() for twist in twists)
    assert stamped[-1].header.frame_id == "pelvis" and stamped[-1].twist == Twist()
    assert scalings[-1].data == 0.0
    held = trajectories[-1]
    assert list(held.joint_names) == ["elbow", "wrist"]
    (point,) = held.points
    assert list(point.positions) == [1.5, 0.25] and list(point.velocities) == [0.0, 0.0]
    assert point.time_from_start.nanosec == 200_000_000 and held.header.stamp.sec == 0
    assert list(unknown[-1].points[0].positions) == [] and list(unknown[-1].points[0].velocities) == [0.0]
    assert node.reset().success
    bench.until(lambda: scalings[-1].data == 1.0, "full speed again")


def test_a_hold_without_any_joint_is_a_failure_that_escalates_and_hinders_no_other(
    bench: Bench, namespace: str, judge_stand_in: JudgeStandIn, stop_node: StopNodes
) -> None:
    pause = Service(bench, Trigger, f"/{namespace}/pause", success=True)
    power = Service(bench, Trigger, f"/{namespace}/power", success=True)
    node = stop_node(
        adapters="[arm,pause,power,topic]",
        arm__kind="joint_trajectory",
        arm__target="arm/joint_trajectory",
        pause__kind="trigger",
        pause__target="pause",
        pause__deadline_s=30.0,
        power__kind="trigger",
        power__target="power",
        power__deadline_s=30.0,
    )
    judge_stand_in.fail()
    for name in ("pause", "power", "topic"):
        node.await_action(name, DONE)
    assert "No joint positions came" in node.await_action("arm", FAILED).text
    bench.until(lambda: node.bools, "the stop command on the topic")
    assert len(pause.calls) == len(power.calls) == 1


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ({"return_code": CancelGoal.Response.ERROR_NONE}, DONE, "No goal runs."),
        ({"return_code": CancelGoal.Response.ERROR_GOAL_TERMINATED}, DONE, "No goal runs."),
        ({"return_code": CancelGoal.Response.ERROR_REJECTED}, FAILED, "Refused"),
    ],
)
def test_all_goals_of_an_action_are_cancelled(
    bench: Bench,
    namespace: str,
    judge_stand_in: JudgeStandIn,
    stop_node: StopNodes,
    answer: dict[str, int],
    state: int,
    words: str,
) -> None:
    server = Service(bench, CancelGoal, f"/{namespace}/arm/follow/_action/cancel_goal", **answer)
    node = stop_node(adapters="[arm]", arm__kind="cancel_goals", arm__target="arm/follow", arm__deadline_s=1.0)
    judge_stand_in.fail()
    assert words in node.await_action("arm", state).text
    asked = server.calls[0].goal_info
    assert bytes(asked.goal_id.uuid) == bytes(16) and (asked.stamp.sec, asked.stamp.nanosec) == (0, 0)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"adapters": "[x]", "x__kind": "trigger"}, "Parameter x.target is"),
        ({"sources": "[front]"}, "Parameter front.topic is"),
        ({"sources": "[a]", "a__topic": "a", "a__type": "no_such_msgs/msg/Thing"}, "which is not installed"),
        ({"heartbeat_timeout_s": 0.0}, "Parameter heartbeat_timeout_s is 0.0; set it to a decimal number from 0.1"),
    ],
)
def test_what_cannot_be_used_is_refused_at_start_in_one_sentence(
    stop_node: StopNodes, parameters: dict[str, object], sentence: str
) -> None:
    node = stop_node(watching=False, **parameters)
    assert node.end(0) == 1
    assert sentence in node.said() and "Traceback" not in node.said()


def test_controllers_cannot_be_switched_where_the_messages_are_missing(stop_node: StopNodes) -> None:
    try:
        import controller_manager_msgs  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("controller_manager_msgs is installed")
    node = stop_node(
        watching=False,
        adapters="[arm]",
        arm__kind="switch_controllers",
        arm__target="/controller_manager/switch_controller",
        arm__controllers="[arm_controller]",
    )
    assert node.end(0) == 1
    assert "Adapter arm cannot be used." in node.said() and "controller_manager_msgs" in node.said()
