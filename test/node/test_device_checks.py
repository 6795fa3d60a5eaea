from __future__ import annotations

from dataclasses import replace

from models.vlm.test_remedies import (
    CARD,
    CPU_CAME_LAST,
    FOR_GPU,
    GPU_CAME_LAST,
    NO_KERNEL,
    ORIN,
    ORIN_GPU,
    PLAIN,
    SERVER_TARGETS,
)

from vlm_judge_ros.models.vlm.remedies import Surroundings, explained, obstacle
from vlm_judge_ros.models.vlm.runtime import PROVIDERS
from vlm_judge_ros.models.vlm.trial import Trial
from vlm_judge_ros.node.device_checks import described_surroundings, provider
from vlm_judge_ros.node.observation import Health

RAN = Trial(PROVIDERS["cuda"], True, first_s=0.8, warm_s=0.00004, process_bytes=400_000_000, device_bytes=300_000_000)


def lines(around: Surroundings) -> dict[str, tuple[Health, str]]:
    return {seen.subject: (seen.health, seen.text) for seen in described_surroundings(around)}


def test_a_jetson_is_named_with_its_gpu_and_what_the_runtime_was_compiled_for() -> None:
    seen = lines(Surroundings(FOR_GPU, ORIN, ORIN_GPU, compiled_for=SERVER_TARGETS))
    assert seen["board"] == (Health.WELL, "NVIDIA Jetson Orin NX, Jetson Linux 36.4.3 (JetPack 6)")
    assert seen["GPU"] == (Health.WELL, "Orin, sm_87, 8.6 GB of memory shared with the processor")
    assert "compiled for cpu, cuda, tensorrt, its GPU code for sm_89, sm_90, sm_120, sm_121" in seen["ONNX Runtime"][1]


def test_a_runtime_that_was_not_made_for_the_board_is_broken() -> None:
    around = Surroundings(FOR_GPU, ORIN, ORIN_GPU, compiled_for=SERVER_TARGETS)
    trial = Trial(PROVIDERS["cuda"], False, explained("cuda", NO_KERNEL, around))
    seen = provider("cuda", trial, around)
    assert seen.health is Health.BROKEN
    assert "docs/jetson.md" in seen.text and "sm_87" in seen.text


def test_a_runtime_without_cuda_is_no_fault_but_says_what_would_bring_it() -> None:
    for around in (Surroundings(PLAIN), Surroundings(PLAIN, ORIN, ORIN_GPU)):
        seen = provider("cuda", Trial(PROVIDERS["cuda"], False, obstacle("cuda", around)), around)
        assert seen.health is Health.ABSENT
        assert "docs/" in seen.text


def test_a_provider_that_runs_says_what_it_costs() -> None:
    seen = provider("cuda", RAN, Surroundings(FOR_GPU, gpu=CARD))
    assert seen.health is Health.WELL
    assert seen.text == (
        "really runs: 800 ms the first inference, 0.040 ms the next, 400 MB of memory and 300 MB of the GPU's"
    )


def test_a_cpu_that_does_not_run_is_broken() -> None:
    seen = provider("cpu", replace(RAN, ran=False, fault="CPU cannot run: so."), Surroundings(PLAIN))
    assert seen.health is Health.BROKEN


def test_two_packages_are_a_fault_only_where_the_wrong_one_runs() -> None:
    assert lines(Surroundings(CPU_CAME_LAST))["packages"][0] is Health.BROKEN
    assert lines(Surroundings(GPU_CAME_LAST))["packages"][0] is Health.WELL
    assert "packages" not in lines(Surroundings(PLAIN))
