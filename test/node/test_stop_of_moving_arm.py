"""Stop adapters against a real action server and against the controller manager's service.

Their messages are not among the ROS 2 wheels, so a stand-in package of them is compiled first.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench import Bench
from compiled_messages import compiled, started
from stop_process import JudgeStandIn, StopNodes

from vlm_judge_ros import msg

pytestmark = pytest.mark.builds

DONE, FAILED = msg.StopAction.STATE_DONE, msg.StopAction.STATE_FAILED


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a process needs in its environment to find the compiled messages."""
    return compiled("controller_manager_msgs", tmp_path_factory.mktemp("controller_manager_msgs"))


@pytest.fixture
def arm(variables: dict[str, str], namespace: str, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Starts the moving arm; returns the file to which it says what happens."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(answer: str) -> Path:
        said = tmp_path / "arm.txt"
        processes.append(started("moving_arm.py", variables, f"/{namespace}", answer, output=said))
        return said

    yield start
    for process in processes:
        process.kill()
        process.wait()


PARAMETERS = {
    "adapters": "[goal,controllers]",
    "goal__kind": "cancel_goals",
    "goal__target": "move",
    "goal__deadline_s": 2.0,
    "controllers__kind": "switch_controllers",
    "controllers__target": "controller_manager/switch_controller",
    "controllers__controllers": "[arm_controller]",
    "controllers__deadline_s": 30.0,
}


def test_a_running_goal_is_cancelled(
    bench: Bench,
    judge_stand_in: JudgeStandIn,
    stop_node: StopNodes,
    arm: Callable[[str], Path],
    variables: dict[str, str],
) -> None:
    said = arm("accept")
    node = stop_node(variables=variables, **PARAMETERS)
    bench.until(lambda: "moving" in said.read_text(), "the arm to move")
    judge_stand_in.fail()
    assert "Cancels 1 goal." in node.await_action("goal", DONE).text
    bench.until(lambda: "cancelled" in said.read_text(), "the goal to end")
    assert node.action("controllers").state == msg.StopAction.STATE_WAITING


def test_a_server_that_does_not_let_its_goal_be_cancelled_has_its_controller_deactivated(
    bench: Bench,
    judge_stand_in: JudgeStandIn,
    stop_node: StopNodes,
    arm: Callable[[str], Path],
    variables: dict[str, str],
) -> None:
    said = arm("reject")
    node = stop_node(variables=variables, **PARAMETERS)
    bench.until(lambda: "moving" in said.read_text(), "the arm to move")
    judge_stand_in.fail()
    node.await_action("controllers", DONE)
    assert "Cancels none of 1 running goal" in node.await_action("goal", FAILED).text
    assert "deactivates ['arm_controller'] True" in said.read_text()
    assert "cancelled" not in said.read_text()
