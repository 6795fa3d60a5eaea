"""Why a provider does not run here and what to do about it, in one sentence."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from vlm_judge_ros.models.vlm.architectures import Target, described
from vlm_judge_ros.models.vlm.board import Jetson
from vlm_judge_ros.models.vlm.gpu import Gpu
from vlm_judge_ros.models.vlm.runtime import PROVIDERS, Runtime

TITLES = {"cpu": "CPU", "cuda": "CUDA", "tensorrt": "TensorRT"}
REPAIR = "pip install --no-deps --force-reinstall onnxruntime-gpu"
"""Puts the files of onnxruntime-gpu over those of onnxruntime, where both are installed."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides whether a provider can run.

    Attributes:
        runtime: the installed ONNX Runtime.
        jetson: the board; None where this is no Jetson.
        gpu: the GPU; None where none can be used.
        no_gpu: why none can be used; empty where one can.
        missing_libraries: by provider, what the system's loader says; empty where the provider loads.
        compiled_for: GPUs that the CUDA provider was compiled for; empty where that is not known.
    """

    runtime: Runtime
    jetson: Jetson | None = None
    gpu: Gpu | None = None
    no_gpu: str = ""
    missing_libraries: Mapping[str, str] = field(default_factory=dict)
    compiled_for: Collection[Target] = ()


def obstacle(name: str, around: Surroundings) -> str:
    """What certainly keeps a provider from running, as a sentence; empty where nothing does.

    Args:
        name: "cpu", "cuda" or "tensorrt".
        around: what there is.
    """
    if name == "cpu":
        return ""
    if PROVIDERS[name] not in around.runtime.providers:
        reason = f"the installed {around.runtime.description} has no {TITLES[name]} provider"
        return _sentence(name, reason, _other_package(around))
    # Before the libraries: without a driver they are of no use.
    if around.gpu is None:
        return _sentence(name, around.no_gpu or "there is no GPU", "use a machine with an NVIDIA GPU and its driver")
    missing = around.missing_libraries.get(name, "")
    if missing:
        return _sentence(name, f"its library does not load ({missing})", _libraries(name, around))
    return ""


def explained(name: str, fault: str, around: Surroundings) -> str:
    """The fault of a provider that was tried, as a sentence.

    Args:
        name: "cpu", "cuda" or "tensorrt".
        fault: what the runtime said.
        around: what there is.
    """
    reason = _plain(fault)
    gpu = around.gpu
    if name != "cpu" and gpu is not None and around.compiled_for:
        covered = any(target.covers(gpu.compute_capability, gpu.is_integrated) for target in around.compiled_for)
        if not covered:
            major, minor = gpu.compute_capability
            reason = (
                f"the installed {around.runtime.description} was compiled for {described(around.compiled_for)}, "
                f"and {gpu.name} is sm_{major}{minor}"
            )
            return _sentence(name, reason, _other_package(around))
    if name == "cpu":
        return _sentence(name, reason, "reinstall onnxruntime")
    return _sentence(name, reason, "see docs/jetson.md" if around.jetson else "see docs/gpu.md")


def package_warning(runtime: Runtime) -> str:
    """What is wrong with how ONNX Runtime was installed, as a sentence; empty where nothing is."""
    if len(runtime.installed) < 2:
        return ""
    both = " and ".join(f"{package} {version}" for package, version in sorted(runtime.installed.items()))
    if runtime.package == "onnxruntime-gpu":
        return (
            f"{both} are installed into one folder and onnxruntime-gpu came last, so that it runs; do not uninstall "
            "onnxruntime, which would take files of both away."
        )
    return f"{both} are installed into one folder and onnxruntime came last, so that there is no GPU: run `{REPAIR}`."


def _sentence(name: str, reason: str, remedy: str) -> str:
    return f"{TITLES[name]} cannot run: {reason}; {remedy}."


def _other_package(around: Surroundings) -> str:
    if around.jetson is not None:
        return f"install the one for {around.jetson.family or 'this board'} that docs/jetson.md names"
    if "onnxruntime-gpu" in around.runtime.installed and around.runtime.package == "onnxruntime":
        return f"run `{REPAIR}`"
    return "install onnxruntime-gpu as docs/gpu.md says"


def _libraries(name: str, around: Surroundings) -> str:
    if around.jetson is not None:
        return "install the onnxruntime-gpu that docs/jetson.md names for this JetPack"
    if name == "tensorrt":
        return "install TensorRT 10 as docs/gpu.md says"
    return "install the CUDA libraries with `pip install 'onnxruntime-gpu[cuda,cudnn]'`"


def _plain(fault: str) -> str:
    """What the runtime said, without the places in its sources."""
    cuda = re.search(r"CUDA failure \d+: ([^;]+)", fault) or re.search(r"CUDA error \w+:([^;]+)", fault)
    if cuda:
        return f"the CUDA runtime says: {cuda[1].strip()}"
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", fault)
    text = re.sub(r"/onnxruntime_src/\S+\s+(?:\S+ )*?\S+\([^)]*\)\s*", "", text)
    return text.strip().rstrip(".;") or "it does not say why"
