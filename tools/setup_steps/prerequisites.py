"""What only the user can install. Checked before anything is changed; each thing missing is one sentence."""

from __future__ import annotations

import importlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

# Measured: the environment, the compiled messages, and pip's cache of it all. PyTorch brings CUDA's libraries along.
NEEDED_BYTES = 2_500_000_000
NEEDED_BYTES_WITH_TORCH = 10_000_000_000
EXTRAS_WITH_TORCH = frozenset({"export", "test", "train"})
NEEDED_BYTES_UPDATE = 300_000_000


class MissingPrerequisiteError(Exception):
    """Something is missing; the message is one sentence with the command that mends it."""


def check(environment: Path, whole: bool, new_extras: set[str]) -> None:
    """Check all of them.

    Args:
        environment: Folder of the virtual environment.
        whole: The environment has to be made; else it is only brought up to date.
        new_extras: Extras that it does not hold yet.

    Raises:
        MissingPrerequisiteError: The first one that is missing.
    """
    check_machine(platform.system(), platform.machine())
    if whole:
        check_environment_folder(environment)
        check_python()
    check_compiler()
    if new_extras & EXTRAS_WITH_TORCH:
        needed_bytes = NEEDED_BYTES_WITH_TORCH
    else:
        needed_bytes = NEEDED_BYTES if whole else NEEDED_BYTES_UPDATE
    check_disk(environment.parent, needed_bytes)


def apt(packages: str) -> str:
    """The command that installs Debian packages, for this user."""
    return f"apt install {packages}" if os.geteuid() == 0 else f"sudo apt install {packages}"


def check_machine(system: str, machine: str) -> None:
    """ROS 2 wheels exist for Linux on x86-64."""
    if system != "Linux" or machine not in ("x86_64", "AMD64"):
        raise MissingPrerequisiteError(
            f"ROS 2 wheels exist for Linux on x86-64 and this is {system} on {machine}: "
            "source an installed ROS 2 and build with `colcon build` instead."
        )


def check_extras(wanted: set[str], known: set[str]) -> None:
    """The extras that were asked for are there."""
    for extra in sorted(wanted - known):
        raise MissingPrerequisiteError(
            f"There is no extra {extra!r}: EXTRAS= takes those of pyproject.toml, {', '.join(sorted(known))}."
        )


def check_environment_folder(environment: Path) -> None:
    """A folder of that name that is no virtual environment is not ours to delete."""
    if environment.exists() and any(environment.iterdir()) and not (environment / "pyvenv.cfg").is_file():
        raise MissingPrerequisiteError(
            f"{environment} is in the way and is not a virtual environment: move it away and run the command again."
        )


def check_python() -> None:
    """The Python that runs this makes the environment, and compiled messages need its headers."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    missing = []
    try:
        importlib.import_module("ensurepip")
        importlib.import_module("venv")
    except ImportError:
        missing.append(f"python{version}-venv")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        missing.append(f"python{version}-dev")
    if missing:
        raise MissingPrerequisiteError(
            f"Python {version} ({sys.executable}) lacks {' and '.join(missing)}: run '{apt(' '.join(missing))}', "
            "or choose another Python with PYTHON=."
        )


def check_compiler() -> None:
    """A C and a C++ compiler that turn a program into an executable, and make."""
    for variable, command, suffix, header in (("CC", "cc", ".c", "stdio.h"), ("CXX", "c++", ".cpp", "string")):
        compiler = shlex.split(os.environ.get(variable, "")) or [command]
        language = "C" if variable == "CC" else "C++"
        if shutil.which(compiler[0]) is None:
            raise MissingPrerequisiteError(
                f"A {language} compiler is needed to build the ROS 2 messages and `{compiler[0]}` is not on PATH: "
                f"run '{apt('build-essential')}'."
            )
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / f"probe{suffix}"
            source.write_text(f"#include <{header}>\nint main() {{ return 0; }}\n")
            done = subprocess.run(
                [*compiler, str(source), "-o", str(source.with_suffix(""))],
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
        if done.returncode:
            raise MissingPrerequisiteError(
                f"The {language} compiler `{compiler[0]}` cannot build an empty program; its headers are missing: "
                f"run '{apt('build-essential')}'."
            )
    if shutil.which("make") is None:
        raise MissingPrerequisiteError(f"make is needed and is not on PATH: run '{apt('make')}'.")


def check_disk(folder: Path, needed_bytes: int) -> None:
    """Enough space for the environment and for what is unpacked on the way."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise MissingPrerequisiteError(
            f"The set-up needs {needed_bytes / 1e9:.1f} GB in {folder} and {free_bytes / 1e9:.1f} GB are free: "
            "free some space, or clone to another disk."
        )
