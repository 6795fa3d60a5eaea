"""What is missing is one sentence, said before anything is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from setup_steps import prerequisites
from setup_steps.prerequisites import MissingPrerequisiteError

ROOT = Path(__file__).resolve().parents[2]
SETUP_FILES = ("Makefile", "pyproject.toml", "tools", "vlm_judge_ros/__init__.py")
COMMANDS = ("sh", "make", "dirname", "rm", "ls", "env", "as", "ld")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a path with spaces, with only what the set-up reads before it begins."""
    folder = tmp_path / "a path with spaces"
    folder.mkdir()
    for name in SETUP_FILES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    return folder


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder to be the whole PATH: basic commands, no Python and no compiler."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in COMMANDS:
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return folder


def write_script(path: Path, text: str) -> None:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def base_python() -> str:
    """The Python that this environment was made from: it runs without the environment's start-up hooks."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def make_install(checkout: Path, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    make = shutil.which("make")
    assert make is not None
    environment = {"PATH": str(path), "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run(
        [make, "--no-print-directory", "install"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def sentence(done: subprocess.CompletedProcess[str], checkout: Path) -> str:
    """The one line that was said, after checking that nothing was installed."""
    assert done.returncode != 0
    assert not (checkout / ".venv").exists()
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_no_python_is_named(checkout: Path, commands: Path) -> None:
    said = sentence(make_install(checkout, commands), checkout)
    assert "Python 3.10 to 3.13 is needed" in said
    assert "apt install python3 python3-venv" in said


def test_a_python_that_does_not_run_is_passed_over(checkout: Path, commands: Path) -> None:
    write_script(commands / "python3", "echo 'version not installed' >&2\nexit 127\n")
    (commands / "python3.12").symlink_to(base_python())
    said = sentence(make_install(checkout, commands), checkout)
    assert "C compiler" in said


def test_a_named_python_that_does_not_run_is_named(checkout: Path, commands: Path) -> None:
    said = sentence(make_install(checkout, commands, PYTHON="python2"), checkout)
    assert "PYTHON=python2" in said


def test_the_python_of_an_active_environment_is_not_used_to_replace_it(tmp_path: Path) -> None:
    active = tmp_path / "active environment"
    venv.create(active, symlinks=True)
    environment = {"PATH": f"{active / 'bin'}{os.pathsep}{os.defpath}"}
    command = ["sh", str(ROOT / "tools" / "find_python")]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert not Path(found).is_relative_to(active)


def test_an_unknown_extra_is_named_with_those_that_there_are(checkout: Path, commands: Path) -> None:
    (commands / "python3").symlink_to(base_python())
    said = sentence(make_install(checkout, commands, EXTRAS="simulate,rocket"), checkout)
    assert "'rocket'" in said
    assert "simulate" in said


def test_a_missing_compiler_is_named(checkout: Path, commands: Path) -> None:
    (commands / "python3").symlink_to(base_python())
    said = sentence(make_install(checkout, commands), checkout)
    assert "compiler" in said
    assert "apt install build-essential" in said


def test_a_compiler_that_cannot_link_is_named(checkout: Path, commands: Path) -> None:
    (commands / "python3").symlink_to(base_python())
    for name in ("cc", "c++"):
        write_script(commands / name, "echo 'cannot find crt1.o' >&2\nexit 1\n")
    said = sentence(make_install(checkout, commands), checkout)
    assert "cannot build an empty program" in said
    assert "apt install build-essential" in said


def test_a_python_without_venv_is_named_with_its_package(checkout: Path, commands: Path, tmp_path: Path) -> None:
    # Debian leaves ensurepip out of its python3 package; a meta-path hook leaves it out of this one.
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(
        "import sys\n"
        "class WithoutEnsurepip:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'ensurepip':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, WithoutEnsurepip())\n"
    )
    write_script(commands / "python3", f"PYTHONPATH='{hooks}' exec '{base_python()}' \"$@\"\n")
    said = sentence(make_install(checkout, commands), checkout)
    assert f"apt install python3.{sys.version_info.minor}-venv" in said


def test_a_folder_that_is_no_environment_is_not_deleted(checkout: Path, commands: Path) -> None:
    (commands / "python3").symlink_to(base_python())
    (checkout / ".venv").mkdir()
    precious = checkout / ".venv" / "precious"
    precious.write_text("mine")
    done = make_install(checkout, commands)
    assert done.returncode != 0
    assert "is in the way" in done.stderr
    assert precious.read_text() == "mine"


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingPrerequisiteError, match="free some space"):
        prerequisites.check_disk(tmp_path, needed_bytes=10**18)


def test_a_machine_without_wheels_is_sent_to_colcon() -> None:
    with pytest.raises(MissingPrerequisiteError, match="colcon build"):
        prerequisites.check_machine("Linux", "aarch64")
