"""The same tree through colcon, in a workspace whose path has spaces, over the ROS 2 of this environment."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREFIX = Path(sys.prefix)
# Kept between runs: colcon itself is not what is tested.
COLCON = ROOT / "build" / "colcon-environment"
NOT_COPIED = (".*", "__pycache__", "build", "install", "log", "*.egg-info")
IMPORTS = """
import os, pathlib
import rclpy
import vlm_judge_ros
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.msg import Verdict
from vlm_judge_ros.srv import StartEpisode

assert pathlib.Path(vlm_judge_ros.__file__).is_relative_to(os.environ["WORKSPACE"]), vlm_judge_ros.__file__
assert pathlib.Path(Verdict.__module__.replace(".", "/")).parts[0] == "vlm_judge_ros"
rclpy.init()
node = rclpy.create_node("colcon_check")
received = []
node.create_subscription(Verdict, "verdict", received.append, 1)
publisher = node.create_publisher(Verdict, "verdict", 1)
while not received:
    publisher.publish(Verdict(task="stack the cups"))
    rclpy.spin_once(node, timeout_sec=0.1)
print(received[0].task)
"""

pytestmark = pytest.mark.builds


def environment() -> dict[str, str]:
    """The shell of a person who has sourced a ROS 2: here, the wheels' folder."""
    variables = {
        key: value for key, value in os.environ.items() if key not in ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "PYTHONPATH")
    }
    path = [str(PREFIX / "bin"), str(COLCON / "bin"), os.environ["PATH"]]
    return variables | {
        "PATH": os.pathsep.join(path),
        "AMENT_PREFIX_PATH": str(PREFIX),
        "CMAKE_PREFIX_PATH": str(PREFIX),
        # colcon's setup.bash cannot start the Python that colcon was installed in where that path has spaces.
        "COLCON_PYTHON_EXECUTABLE": str(Path(sys.base_prefix) / "bin" / "python3"),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(1 + os.getpid() % 101),
    }


def run(command: str, workspace: Path, timeout_s: float) -> str:
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=workspace,
        env=environment() | {"WORKSPACE": str(workspace)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which `colcon build` has been run."""
    if not (COLCON / "bin" / "colcon").is_file():
        venv.create(COLCON, with_pip=True, clear=True)
        pip = [str(COLCON / "bin" / "python3"), "-m", "pip", "install", "--quiet", "colcon-common-extensions"]
        subprocess.run(pip, check=True, stdin=subprocess.DEVNULL, timeout=600)
    workspace = tmp_path_factory.mktemp("colcon") / "a workspace with spaces"
    shutil.copytree(ROOT, workspace / "src" / "vlm_judge_ros", ignore=shutil.ignore_patterns(*NOT_COPIED))
    run("colcon build --event-handlers console_direct+", workspace, timeout_s=1800)
    return workspace


def sourced(command: str, workspace: Path) -> str:
    return run(f"set +u; source install/setup.bash; {command}", workspace, timeout_s=120)


def test_messages_and_modules_import_and_travel(workspace: Path) -> None:
    (workspace / "check.py").write_text(IMPORTS)
    assert sourced("python3 check.py", workspace).splitlines()[-1] == "stack the cups"


def test_the_launch_and_configuration_files_are_in_the_share_folder(workspace: Path) -> None:
    share = workspace / "install" / "vlm_judge_ros" / "share" / "vlm_judge_ros"
    for folder in ("launch", "config"):
        assert {path.name for path in (share / folder).iterdir()} == {path.name for path in (ROOT / folder).iterdir()}


@pytest.mark.parametrize("name", ["judge_node", "vlm-judge"])
def test_the_executables_are_where_ros2_run_looks(workspace: Path, name: str) -> None:
    path = workspace / "install" / "vlm_judge_ros" / "lib" / "vlm_judge_ros" / name
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_text().splitlines()[0] == "#!/usr/bin/env python3"


def test_the_command_line_runs_from_the_workspace(workspace: Path) -> None:
    assert "vlm-judge" in sourced("install/vlm_judge_ros/lib/vlm_judge_ros/vlm-judge --help", workspace)
