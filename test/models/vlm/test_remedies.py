from __future__ import annotations

import re

import pytest

from vlm_judge_ros.models.vlm.architectures import Target
from vlm_judge_ros.models.vlm.board import Jetson
from vlm_judge_ros.models.vlm.gpu import Gpu
from vlm_judge_ros.models.vlm.remedies import Surroundings, explained, obstacle, package_warning
from vlm_judge_ros.models.vlm.runtime import Runtime

CPU_ONLY = ("AzureExecutionProvider", "CPUExecutionProvider")
WITH_GPU = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")

PLAIN = Runtime("1.31.1", "onnxruntime", {"onnxruntime": "1.31.1"}, CPU_ONLY, "")
FOR_GPU = Runtime("1.31.1", "onnxruntime-gpu", {"onnxruntime-gpu": "1.31.1"}, WITH_GPU, "13.0")
BOTH = {"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"}
CPU_CAME_LAST = Runtime("1.31.1", "onnxruntime", BOTH, CPU_ONLY, "")
GPU_CAME_LAST = Runtime("1.31.1", "onnxruntime-gpu", BOTH, WITH_GPU, "13.0")

CARD = Gpu("NVIDIA GeForce RTX 4090", (8, 9), False, 24 << 30)
ORIN_GPU = Gpu("Orin", (8, 7), True, 8 << 30)
THOR_GPU = Gpu("NVIDIA Thor", (11, 0), True, 128 << 30)
ORIN = Jetson("NVIDIA Jetson Orin NX", "Orin", (8, 7), "36.4.3", 6)
THOR = Jetson("NVIDIA Jetson AGX Thor Developer Kit", "Thor", (11, 0), "38.2.0", 7)
# What the aarch64 wheel of onnxruntime-gpu 1.31.1 on PyPI holds.
SERVER_TARGETS = frozenset(Target(capability, False) for capability in ((8, 9), (9, 0), (12, 0), (12, 1)))
NO_LIBRARY = {"cuda": "libcublasLt.so.13: cannot open shared object file: No such file or directory"}
NO_KERNEL = (
    "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Conv node. Name:'' Status Message: "
    "CUDA error cudaErrorNoKernelImageForDevice:no kernel image is available for execution on the device"
)


def test_nothing_is_in_the_way_of_the_cpu() -> None:
    assert obstacle("cpu", Surroundings(PLAIN)) == ""


def test_nothing_certain_is_in_the_way_where_all_is_there() -> None:
    assert obstacle("cuda", Surroundings(FOR_GPU, gpu=CARD)) == ""
    assert obstacle("tensorrt", Surroundings(FOR_GPU, gpu=CARD)) == ""


@pytest.mark.parametrize(
    ("around", "reason", "remedy"),
    [
        (Surroundings(PLAIN, gpu=CARD), "onnxruntime 1.31.1 has no CUDA provider", "docs/gpu.md"),
        (Surroundings(PLAIN, ORIN, ORIN_GPU), "has no CUDA provider", "the one for Orin that docs/jetson.md names"),
        (Surroundings(CPU_CAME_LAST, gpu=CARD), "has no CUDA provider", "pip install --no-deps --force-reinstall"),
        (Surroundings(FOR_GPU, no_gpu="the NVIDIA driver finds no GPU"), "finds no GPU", "and its driver"),
        (
            Surroundings(FOR_GPU, gpu=CARD, missing_libraries=NO_LIBRARY),
            "does not load (libcublasLt.so.13",
            r"onnxruntime-gpu\[cuda,cudnn\]",
        ),
        (Surroundings(FOR_GPU, ORIN, ORIN_GPU, "", NO_LIBRARY), "libcublasLt.so.13", "docs/jetson.md"),
    ],
)
def test_what_keeps_cuda_from_running_is_one_sentence_with_the_remedy(
    around: Surroundings, reason: str, remedy: str
) -> None:
    sentence = obstacle("cuda", around)
    assert sentence.startswith("CUDA cannot run: ")
    assert reason in sentence
    assert re.search(remedy, sentence)
    assert sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize(("jetson", "gpu", "capability"), [(ORIN, ORIN_GPU, "sm_87"), (THOR, THOR_GPU, "sm_110")])
def test_a_wheel_for_servers_is_told_from_one_for_the_board(jetson: Jetson, gpu: Gpu, capability: str) -> None:
    around = Surroundings(FOR_GPU, jetson, gpu, compiled_for=SERVER_TARGETS)
    sentence = explained("cuda", NO_KERNEL, around)
    assert "was compiled for sm_89, sm_90, sm_120, sm_121" in sentence
    assert f"{gpu.name} is {capability}; install the one for {jetson.family} that docs/jetson.md names." in sentence


def test_a_fault_of_a_gpu_that_is_covered_is_told_as_the_runtime_tells_it() -> None:
    fault = (
        "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:129 std::conditional_t<THRW, void, Status> "
        "onnxruntime::CudaCall(ERRTYPE, const char*) [with ERRTYPE = cudaError] CUDA failure 2: out of memory ; "
        "GPU=0 ; hostname=robot ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_allocator.cc"
    )
    sentence = explained("cuda", fault, Surroundings(FOR_GPU, gpu=CARD, compiled_for=SERVER_TARGETS))
    assert sentence == "CUDA cannot run: the CUDA runtime says: out of memory; see docs/gpu.md."


def test_where_the_targets_are_not_known_the_fault_stands() -> None:
    assert "no kernel image is available" in explained("cuda", NO_KERNEL, Surroundings(FOR_GPU, ORIN, ORIN_GPU))


def test_two_packages_in_one_folder_are_warned_of_and_the_one_that_runs_is_named() -> None:
    assert package_warning(PLAIN) == package_warning(FOR_GPU) == ""
    assert "there is no GPU: run `pip install --no-deps --force-reinstall" in package_warning(CPU_CAME_LAST)
    assert "onnxruntime-gpu came last, so that it runs; do not uninstall" in package_warning(GPU_CAME_LAST)
