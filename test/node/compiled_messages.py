"""Message packages that are not among the ROS 2 wheels, compiled from stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "stand_in_msgs"


def compiled(package: str, folder: Path) -> dict[str, str]:
    """Compile a package into a folder; returns what a process needs in its environment to find it."""
    install, prefix = folder / "install", Path(sys.prefix)
    environment = {key: value for key, value in os.environ.items() if key != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    environment |= {"AMENT_PREFIX_PATH": str(prefix), "PATH": f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    configure = ["cmake", "-S", FOLDER / package, "-B", folder / "build", "-DCMAKE_BUILD_TYPE=Debug"]
    configure += [f"-DCMAKE_INSTALL_PREFIX={install}", f"-DCMAKE_PREFIX_PATH={prefix}"]
    configure += [f"-DPython3_EXECUTABLE={sys.executable}", f"-DPython3_ROOT_DIR={prefix}"]
    build = ["cmake", "--build", folder / "build", "--parallel", str(os.cpu_count() or 1)]
    for command in (configure, build, ["cmake", "--install", folder / "build"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (found,) = install.glob(f"lib*/python*/*-packages/{package}")
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(found.parent), os.environ.get("PYTHONPATH", "")))),
        "LD_LIBRARY_PATH": str(install / "lib"),
        "AMENT_PREFIX_PATH": str(install),
    }


def started(script: str, variables: dict[str, str], *arguments: str, output: Path) -> subprocess.Popen[bytes]:
    """Start a script of this folder with such an environment, writing what it says to a file."""
    environment = {key: value for key, value in os.environ.items() if key != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    command = [sys.executable, str(Path(__file__).parent / script), *arguments]
    with output.open("w") as file:
        return subprocess.Popen(command, env=environment | variables, stdout=file, stderr=subprocess.STDOUT)
