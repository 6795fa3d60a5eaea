"""The extra `gpu`: what it asks for on which machine, and that the runtime for GPUs is the one that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from setup_steps.installation import runtime_for_gpu

ROOT = Path(__file__).resolve().parents[2]


def requirements() -> list[Requirement]:
    """Those of the extra; Python 3.10 has no tomllib."""
    found = re.search(r"^gpu = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return [Requirement(text) for text in re.findall(r'^ +"(.+)",', found[1], re.MULTILINE)]


def names_on(machine: str, python: str) -> dict[str, Requirement]:
    environment = {"platform_machine": machine, "python_version": python}
    return {
        requirement.name: requirement
        for requirement in requirements()
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }


@pytest.mark.parametrize(
    ("python", "runtime", "tensorrt"),
    [
        ("3.10", "1.23.2", "tensorrt-cu12"),
        ("3.11", "1.31.1", "tensorrt-cu13"),
        ("3.12", "1.31.1", "tensorrt-cu13"),
        ("3.13", "1.31.1", "tensorrt-cu13"),
    ],
)
def test_runtime_and_tensorrt_are_of_one_cuda(python: str, runtime: str, tensorrt: str) -> None:
    wanted = names_on("x86_64", python)
    assert set(wanted) == {"onnxruntime-gpu", tensorrt}
    assert wanted["onnxruntime-gpu"].specifier.contains(runtime)
    assert wanted["onnxruntime-gpu"].extras == {"cuda", "cudnn"}
    # The provider links libnvinfer.so.10.
    assert wanted[tensorrt].specifier.contains("10.16.1.11")
    assert not wanted[tensorrt].specifier.contains("11.0.0.114")


def test_a_jetson_is_asked_for_nothing_that_would_not_run_there() -> None:
    assert names_on("aarch64", "3.12") == {}


def test_the_runtime_for_gpus_is_installed_last_in_the_version_that_is_there(tmp_path: Path) -> None:
    assert runtime_for_gpu(tmp_path) == ""
    for name in ("onnxruntime-1.31.0.dist-info", "onnxruntime_gpu-1.31.1.dist-info"):
        (tmp_path / name).mkdir()
    assert runtime_for_gpu(tmp_path) == "onnxruntime-gpu==1.31.1"
