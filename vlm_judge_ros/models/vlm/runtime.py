"""The ONNX Runtime that is installed: which of its packages, compiled for what, and what it lacks."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnxruntime

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.architectures import Target, targets

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
"""Names of providers here, and those in ONNX Runtime."""
PACKAGES = ("onnxruntime", "onnxruntime-gpu")
# Of the C++ library, of the arenas for CPU and CUDA, of CUDA itself, and of its libraries.
_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|out of memory|fail\w* to allocate|ALLOC_FAILED|available memory of", re.IGNORECASE
)
_LIBRARIES = {
    "cuda": "libonnxruntime_providers_cuda.so",
    "tensorrt": "libonnxruntime_providers_tensorrt.so",
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """An installed ONNX Runtime.

    Attributes:
        version: what runs.
        package: the package that it was taken from; empty where it does not say, as in builds of one's own.
        installed: version of each of `PACKAGES` that pip counts as installed. Both write into one folder, so that the
            files of whichever came last are the ones that run.
        providers: execution providers that it was compiled for, which says nothing about whether they run.
        cuda: CUDA version that it was built with; empty for none.
    """

    version: str
    package: str
    installed: dict[str, str]
    providers: tuple[str, ...]
    cuda: str

    @property
    def description(self) -> str:
        """The runtime in words."""
        built = f" built with CUDA {self.cuda}" if self.cuda else ""
        return f"{self.package or 'onnxruntime'} {self.version}{built}"


def runtime() -> Runtime:
    """What this process runs.

    Raises:
        JudgeError: files of it are missing.
    """
    if not hasattr(onnxruntime, "InferenceSession"):
        # What is left where one of two packages in the same folder was uninstalled.
        raise JudgeError(
            "Files of ONNX Runtime are missing; run `pip install --no-deps --force-reinstall onnxruntime`, or the same "
            "with onnxruntime-gpu where there is a GPU."
        )
    installed = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed[package] = importlib.metadata.version(package)
    built = None
    with contextlib.suppress(ImportError):  # builds of one's own may lack it
        built = importlib.import_module("onnxruntime.capi.build_and_package_info")
    return Runtime(
        version=str(onnxruntime.__version__),
        package=str(getattr(built, "package_name", "")),
        installed=installed,
        providers=tuple(onnxruntime.get_available_providers()),
        cuda=str(getattr(built, "cuda_version", "")),
    )


def first_line(error: BaseException) -> str:
    """What an error says, without the trace that onnxruntime puts below it."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".;") if text else type(error).__name__


def lacks_memory(error: BaseException) -> bool:
    """Whether what onnxruntime says is that memory, of the machine or of the GPU, ran out."""
    return _OUT_OF_MEMORY.search(str(error)) is not None


def library(provider: str) -> Path:
    """The file that holds a provider, "cuda" or "tensorrt"; it need not be there."""
    return Path(str(onnxruntime.__file__)).parent / "capi" / _LIBRARIES[provider]


@cache
def compiled_for() -> frozenset[Target]:
    """GPUs that the CUDA provider was compiled for; empty where that cannot be told."""
    try:
        return targets(library("cuda"))
    except (OSError, ValueError):
        return frozenset()


@cache
def load_libraries() -> None:
    """Load what the CUDA and TensorRT providers need from the packages of this Python.

    Those packages lie where the system does not look for libraries. Where they are not installed, the system's own
    libraries are found later, as on a Jetson.
    """
    if hasattr(onnxruntime, "preload_dlls") and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        # It prints what it does not find, and that need not be a fault.
        with contextlib.redirect_stdout(None), contextlib.suppress(OSError, RuntimeError):
            onnxruntime.preload_dlls()
    for path in _tensorrt_libraries():
        with contextlib.suppress(OSError):
            ctypes.CDLL(str(path))


def missing_library(provider: str) -> str:
    """What the system's loader says about a provider, "cuda" or "tensorrt"; empty where it loads.

    ONNX Runtime itself tells that only in its log.
    """
    load_libraries()
    with contextlib.suppress(OSError):
        ctypes.CDLL(str(library(provider).with_name("libonnxruntime_providers_shared.so")), ctypes.RTLD_GLOBAL)
    try:
        ctypes.CDLL(str(library(provider)))
    except OSError as error:
        return str(error)
    return ""


@cache
def tensorrt_version() -> str:
    """Version of the TensorRT that providers use; empty where there is none."""
    load_libraries()
    try:
        number = int(ctypes.CDLL("libnvinfer.so.10").getInferLibVersion())
    except (OSError, AttributeError):
        return ""
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def _tensorrt_libraries() -> Iterator[Path]:
    specification = importlib.util.find_spec("tensorrt_libs")
    for folder in (specification.submodule_search_locations if specification else None) or ():
        # The parser needs the library of the first name.
        for name in ("libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10"):
            yield from Path(folder).glob(name)
