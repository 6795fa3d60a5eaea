"""The GPUs of this machine, asked of NVIDIA's driver itself: it is there wherever a GPU can be used."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from vlm_judge_ros.models.vlm.board import ComputeCapability

_LIBRARY = "libcuda.so.1"
# Numbers of the driver's interface, the same in all its versions.
_INTEGRATED, _CAPABILITY_MAJOR, _CAPABILITY_MINOR = 18, 75, 76
_NO_DEVICE = 100


class NoGpu(Exception):
    """No GPU can be used; the message says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU.

    Attributes:
        name: what it is called.
        compute_capability: what code it runs.
        is_integrated: it shares its memory with the processor, as on a Jetson.
        memory_bytes: size of its memory.
    """

    name: str
    compute_capability: ComputeCapability
    is_integrated: bool
    memory_bytes: int


class Driver:
    """NVIDIA's driver.

    Args:
        library: the loaded library; by default it is loaded.

    Raises:
        NoGpu: there is no driver, or no GPU behind it.
    """

    def __init__(self, library: Any = None) -> None:
        try:
            self._library = ctypes.CDLL(_LIBRARY) if library is None else library
        except OSError:
            raise NoGpu(f"there is no NVIDIA driver here ({_LIBRARY} is missing)") from None
        status = self._library.cuInit(0)
        if status == _NO_DEVICE:
            raise NoGpu("the NVIDIA driver finds no GPU")
        if status:
            raise NoGpu(f"the NVIDIA driver does not start (error {status} of cuInit)")

    def gpu(self, index: int = 0) -> Gpu:
        """Describe a GPU.

        Raises:
            NoGpu: there is none of this number.
        """
        device = ctypes.c_int()
        if self._library.cuDeviceGet(ctypes.byref(device), index):
            raise NoGpu(f"the NVIDIA driver knows no GPU number {index}")
        name = ctypes.create_string_buffer(256)
        memory = ctypes.c_size_t()
        self._check(self._library.cuDeviceGetName(name, len(name), device), "cuDeviceGetName")
        self._check(self._library.cuDeviceTotalMem_v2(ctypes.byref(memory), device), "cuDeviceTotalMem")
        major, minor, integrated = (
            self._attribute(device, number) for number in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR, _INTEGRATED)
        )
        return Gpu(name.value.decode(errors="replace"), (major, minor), bool(integrated), memory.value)

    def used_bytes(self, index: int = 0) -> int:
        """Memory of a GPU that is in use, by whomever.

        Raises:
            NoGpu: it cannot be told.
        """
        device, context = ctypes.c_int(), ctypes.c_void_p()
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._check(self._library.cuDeviceGet(ctypes.byref(device), index), "cuDeviceGet")
        # The context that the runtime uses, too: no second one is made.
        retained = self._library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
        self._check(retained, "cuDevicePrimaryCtxRetain")
        try:
            self._check(self._library.cuCtxPushCurrent_v2(context), "cuCtxPushCurrent")
            try:
                status = self._library.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
                self._check(status, "cuMemGetInfo")
            finally:
                self._library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        finally:
            self._library.cuDevicePrimaryCtxRelease_v2(device)
        return total.value - free.value

    def _attribute(self, device: ctypes.c_int, number: int) -> int:
        value = ctypes.c_int()
        self._check(self._library.cuDeviceGetAttribute(ctypes.byref(value), number, device), "cuDeviceGetAttribute")
        return value.value

    def _check(self, status: int, function: str) -> None:
        if status:
            raise NoGpu(f"the NVIDIA driver answers {function} with error {status}")
