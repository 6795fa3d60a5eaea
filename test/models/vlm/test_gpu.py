from __future__ import annotations

from typing import Any

import pytest

from vlm_judge_ros.models.vlm.gpu import Driver, NoGpu


class FakeLibrary:
    """The functions of NVIDIA's driver that are used, on a machine that has no GPU."""

    def __init__(self, init: int = 0, memory_info: int = 0) -> None:
        self.retained = 0
        self.pushed = 0
        self._init = init
        self._memory_info = memory_info

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self._init

    def cuDeviceGet(self, device: Any, index: int) -> int:  # noqa: N802
        device._obj.value = index
        return 0 if index == 0 else 101

    def cuDeviceGetName(self, name: Any, length: int, device: Any) -> int:  # noqa: N802
        name.value = b"Orin"
        return 0

    def cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> int:  # noqa: N802
        memory._obj.value = 8 << 30
        return 0

    def cuDeviceGetAttribute(self, value: Any, number: int, device: Any) -> int:  # noqa: N802
        value._obj.value = {75: 8, 76: 7, 18: 1}[number]
        return 0

    def cuDevicePrimaryCtxRetain(self, context: Any, device: Any) -> int:  # noqa: N802
        self.retained += 1
        return 0

    def cuDevicePrimaryCtxRelease_v2(self, device: Any) -> int:  # noqa: N802
        self.retained -= 1
        return 0

    def cuCtxPushCurrent_v2(self, context: Any) -> int:  # noqa: N802
        self.pushed += 1
        return 0

    def cuCtxPopCurrent_v2(self, context: Any) -> int:  # noqa: N802
        self.pushed -= 1
        return 0

    def cuMemGetInfo_v2(self, free: Any, total: Any) -> int:  # noqa: N802
        free._obj.value, total._obj.value = 6 << 30, 8 << 30
        return self._memory_info


def test_a_gpu_is_described_by_its_driver() -> None:
    gpu = Driver(FakeLibrary()).gpu()
    assert (gpu.name, gpu.compute_capability, gpu.is_integrated, gpu.memory_bytes) == ("Orin", (8, 7), True, 8 << 30)


def test_used_memory_is_told_and_the_context_given_back() -> None:
    library = FakeLibrary()
    assert Driver(library).used_bytes() == 2 << 30
    assert (library.retained, library.pushed) == (0, 0)


def test_a_driver_that_does_not_tell_its_memory_gives_the_context_back() -> None:
    library = FakeLibrary(memory_info=999)
    with pytest.raises(NoGpu, match="error 999"):
        Driver(library).used_bytes()
    assert (library.retained, library.pushed) == (0, 0)


@pytest.mark.parametrize(("status", "reason"), [(100, "finds no GPU"), (803, "error 803 of cuInit")])
def test_a_driver_without_a_gpu_says_so(status: int, reason: str) -> None:
    with pytest.raises(NoGpu, match=reason):
        Driver(FakeLibrary(init=status))


def test_a_gpu_of_another_number_is_not_there() -> None:
    with pytest.raises(NoGpu, match="no GPU number 3"):
        Driver(FakeLibrary()).gpu(3)
