"""Stop adapters against a real action server and against the controller manager's service.

Their messages are not among the ROS 2 wheels, so a stand-in package of them is compiled first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench import Bench
from stop_process import JudgeStandIn, StopNodes

from vlm_judge_ros import msg

pytestmark = pytest.mark.builds

FOLDER = Path(__file__).parent
DONE, FAILED = msg.StopAction.STATE_DONE, msg.StopAction.STATE_FAILED


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a process needs in its environment to find the compiled messages."""
    folder, prefix = tmp_path_factory.mktemp("stand_in_msgs"), Path(sys.prefix)
    install = folder / "install"
    environment = {key: value for key, value in os.environ.items() if key != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    environment |= {"AMENT_PREFIX_PATH": str(prefix), "PATH": f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    configure = ["cmake", "-S", FOLDER / "stand_in_msgs", "-B", folder / "build", "-DCMAKE_BUILD_TYPE=Debug"]
    configure += [f"-DCMAKE_INSTALL_PREFIX={install}", f"-DCMAKE_PREFIX_PATH={prefix}"]
    configure += [f"-DPython3_EXECUTABLE={sys.executable}", f"-DPython3_ROOT_DIR={prefix}"]
    build = ["cmake", "--build", folder / "build", "--parallel", str(os.cpu_count() or 1)]
    for command in (configure, build, ["cmake", "--install", folder / "build"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (package,) = install.glob("lib*/python*/*-packages/controller_manager_msgs")
    return {
        "PYTHONPATH": str(package.parent),
        "LD_LIBRARY_PATH": str(install / "lib"),
        "AMENT_PREFIX_PATH": str(install),
    }


@pytest.fixture
def arm(variables: dict[str, str], namespace: str, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Starts the moving arm; returns the file to which it says what happens."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(answer: str) -> Path:
        said = tmp_path / "arm.txt"
        environment = {key: value for key, value in os.environ.items() if key != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
        command = [sys.executable, str(FOLDER / "moving_arm.py"), f"/{namespace}", answer]
        with said.open("w") as output:
            processes.append(
                subprocess.Popen(command, env=environment | variables, stdout=output, stderr=subprocess.STDOUT)
            )
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
