"""Installs packages and the project itself with the environment's pip."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from setup_steps.command import Commands
from setup_steps.progress import Progress

PACKAGE_SOURCES = ("vlm_judge_ros", "launch", "config", "msg", "srv", "scripts")
PACKAGE_FILES = ("CMakeLists.txt", "package.xml", "pyproject.toml", "setup.py", "README.md", "LICENSE")
# Only the bar on the screen depends on it: packages that pip collects for the whole environment.
EXPECTED_PACKAGES = 150
PIP = ("-m", "pip", "--no-input", "--disable-pip-version-check")
# Python 3.10 has no tomllib; its pip carries one.
READ_REQUIREMENTS = """
import sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in sys.argv[3:])]
with open(sys.argv[2], "w") as file:
    file.writelines(requirement + "\\n" for group in groups for requirement in group)
"""


def known_extras(root: Path) -> set[str]:
    """Names of the extras in pyproject.toml."""
    _, _, rest = (root / "pyproject.toml").read_text().partition("\n[project.optional-dependencies]\n")
    section, _, _ = rest.partition("\n[")
    return set(re.findall(r"^([\w-]+) = \[", section, re.MULTILINE))


def requirements_hash(root: Path, distro: str) -> str:
    """Hash of what decides which packages are installed."""
    project, _, _ = (root / "pyproject.toml").read_text().partition("\n[tool.")
    return hashlib.sha256(f"{distro}\n{project}".encode()).hexdigest()


def sources_hash(root: Path) -> str:
    """Hash of every file that is installed or decides how."""
    paths = [root / name for name in PACKAGE_FILES]
    for folder in PACKAGE_SOURCES:
        paths += (path for path in (root / folder).rglob("*") if "__pycache__" not in path.parts)
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        content = path.read_bytes()
        executable = path.stat().st_mode & 0o100
        digest.update(f"{path.relative_to(root)}\0{len(content)}\0{executable}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def install_packages(
    root: Path, environment: Path, distro: str, extras: Sequence[str], commands: Commands, progress: Progress
) -> None:
    """Install ROS 2 and the other packages from the package index.

    Raises:
        StepFailedError: pip failed.
    """
    python = str(environment / "bin" / "python3")
    collected = 0
    installing = 0
    site_packages = next(environment.glob("lib/python3*/site-packages"))
    present = sum(1 for _ in site_packages.glob("*.dist-info"))

    def on_line(line: str) -> None:
        nonlocal collected, installing
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            collected += 1
            name = line.removeprefix("Collecting ").removeprefix("Requirement already satisfied: ")
            progress.update(0.6 * min(collected / EXPECTED_PACKAGES, 1.0), re.split(r"[^\w.-]", name, maxsplit=1)[0])
        elif line.startswith("Installing collected packages: "):
            installing = line.count(",") + 1

    def on_tick() -> None:
        if installing:
            done = sum(1 for _ in site_packages.glob("*.dist-info")) - present
            progress.update(0.6 + 0.4 * done / installing, f"{done} of {installing} installed")
        else:
            progress.update(0.0)

    with tempfile.TemporaryDirectory() as folder:
        requirements = str(Path(folder) / "requirements.txt")
        selected = [requirements, distro, f"build-{distro}", *extras]
        commands.run([python, "-c", READ_REQUIREMENTS, str(root / "pyproject.toml"), *selected], progress, on_line)
        # Most of what is installed is never imported: what is, is compiled when it is.
        options = ["--progress-bar", "off", "--no-compile"]
        commands.run([python, *PIP, "install", *options, "-r", requirements], progress, on_line, on_tick)
    gpu_runtime = runtime_for_gpu(site_packages)
    if gpu_runtime:
        again = ["--no-deps", "--force-reinstall", gpu_runtime]
        commands.run([python, *PIP, "install", *options, *again], progress, on_line, progress.update)


def runtime_for_gpu(site_packages: Path) -> str:
    """The requirement of the ONNX Runtime for GPUs that is installed; empty where none is.

    It shares its folder with the one for CPUs, whose files pip puts over it. Installed once more, it comes last.
    """
    for folder in site_packages.glob("onnxruntime_gpu-*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        return f"{name.replace('_', '-')}=={version}"
    return ""


def install_package(root: Path, environment: Path, commands: Commands, progress: Progress) -> None:
    """Build the messages where they changed, and install the project.

    Raises:
        StepFailedError: The build failed.
    """

    def on_line(line: str) -> None:
        percentage = re.match(r"\[ *(\d+)%\] (?:Building|Generating)", line)
        if percentage:
            progress.update(0.05 + 0.9 * int(percentage[1]) / 100, "compiling messages")

    python = str(environment / "bin" / "python3")
    command = [python, *PIP, "install", "-v", "--no-deps", "--no-build-isolation", "--force-reinstall", str(root)]
    commands.run(command, progress, on_line, progress.update)
