"""What an installed package must hold, whichever way it was built."""

from __future__ import annotations

import importlib
import os
import re
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import vlm_judge_ros

ROOT = Path(__file__).resolve().parents[2]
PREFIX = Path(sys.prefix)
SHARE = PREFIX / "share" / "vlm_judge_ros"
EXECUTABLES = ("judge_node", "vlm-judge")
# What pip calls it, and the rosdep key under which a robot gets it.
ROSDEP_KEYS = {
    "jinja2": "python3-jinja2",
    "numpy": "python3-numpy",
    "onnxruntime": "python3-onnxruntime-pip",
    "openai": "python3-openai-pip",
    "opencv-python-headless": "python3-opencv",
    "pillow": "python3-pil",
    "pydantic": "python3-pydantic",
    "PyYAML": "python3-yaml",
    "rich": "python3-rich",
    "rosbags": "python3-rosbags-pip",
}
# README has the line for pip.
WITHOUT_ROSDEP_KEY = {"mcap", "simplejpeg", "tokenizers"}


def toml_list(name: str) -> list[str]:
    """The strings of one list in pyproject.toml; Python 3.10 has no tomllib."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(rf"^{name} = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return re.findall(r'^ +"(.+)",', found[1], re.MULTILINE)


def package_name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def manifest() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


def test_the_installed_package_is_the_one_tested() -> None:
    assert Path(vlm_judge_ros.__file__).is_relative_to(PREFIX)


@pytest.mark.parametrize("path", sorted(ROOT.glob("msg/*.msg")) + sorted(ROOT.glob("srv/*.srv")), ids=lambda p: p.stem)
def test_every_message_and_service_imports(path: Path) -> None:
    interface = getattr(importlib.import_module(f"vlm_judge_ros.{path.suffix[1:]}"), path.stem)
    # Loads the compiled code, without which a message is a Python class that cannot be sent.
    interface.__class__.__import_type_support__()
    assert interface.__class__._TYPE_SUPPORT is not None


def test_every_file_of_the_package_is_installed() -> None:
    source = ROOT / "vlm_judge_ros"
    installed = Path(vlm_judge_ros.__file__).parent
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert (installed / path.relative_to(source)).is_file(), path


@pytest.mark.parametrize("folder", ["launch", "config"])
def test_launch_and_configuration_files_are_where_ros_looks(folder: str) -> None:
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert (SHARE / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_ros_finds_the_package_by_name() -> None:
    assert (SHARE / "package.xml").is_file()
    assert (PREFIX / "share" / "ament_index" / "resource_index" / "packages" / "vlm_judge_ros").is_file()


@pytest.mark.parametrize("name", EXECUTABLES)
def test_ros_finds_the_executables(name: str) -> None:
    path = PREFIX / "lib" / "vlm_judge_ros" / name
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_text().splitlines()[0] == "#!/usr/bin/env python3"


def test_an_executable_runs_in_its_environment_though_that_is_not_active() -> None:
    """As launch starts it from a shell in which another Python comes first."""
    base = Path(sys.base_prefix) / "bin"
    environment = {"PATH": f"{base}{os.pathsep}{os.defpath}", "HOME": os.environ.get("HOME", "/")}
    command = [str(PREFIX / "lib" / "vlm_judge_ros" / "vlm-judge"), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "vlm-judge" in done.stdout


def test_both_manifests_name_one_version() -> None:
    assert manifest().findtext("version") == vlm_judge_ros.__version__


def test_every_python_dependency_has_its_rosdep_key() -> None:
    names = {package_name(requirement) for requirement in toml_list("dependencies")}
    wanted = {ROSDEP_KEYS[name] for name in names - WITHOUT_ROSDEP_KEY}
    named = {element.text for element in manifest().iter("exec_depend") if str(element.text).startswith("python3-")}
    assert named == wanted


def test_the_readme_tells_robots_how_to_get_what_rosdep_does_not_know() -> None:
    (line,) = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("pip install ")]
    assert set(line.split("#")[0].split()) >= WITHOUT_ROSDEP_KEY


@pytest.mark.parametrize("distro", ["kilted", "jazzy"])
def test_every_ros_package_of_the_manifest_is_among_the_wheels(distro: str) -> None:
    wheels = {package_name(requirement).removeprefix(f"ros-{distro}-") for requirement in toml_list(distro)}
    depends = {element.text or "" for tag in ("depend", "exec_depend") for element in manifest().iter(tag)}
    # The wheels bring the first by themselves, and have neither launch nor TF.
    elsewhere = {"rosidl_default_runtime", "launch", "launch_ros", "tf2_msgs"}
    ros_packages = {name.replace("_", "-") for name in depends - elsewhere if not name.startswith("python3-")}
    assert ros_packages == wheels


def test_python_started_in_a_checkout_finds_the_compiled_messages() -> None:
    command = [sys.executable, "-c", "import vlm_judge_ros.msg; print(vlm_judge_ros.__file__)"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(ROOT / "vlm_judge_ros")


def test_a_package_that_is_too_old_is_named_in_one_sentence(tmp_path: Path) -> None:
    """As on a robot whose distribution packages pydantic 1."""
    (tmp_path / "pydantic.py").write_text("class BaseModel: ...\ndef Field(*values, **named): ...\n")
    command = [str(PREFIX / "lib" / "vlm_judge_ros" / "judge_node")]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "pydantic>=2" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
