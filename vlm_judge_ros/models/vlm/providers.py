"""What a model runs on: execution providers by name, tried in order, with the options that suit each graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm import board, runtime
from vlm_judge_ros.models.vlm.engines import EngineKey, engines_folder, profile
from vlm_judge_ros.models.vlm.gpu import Driver, Gpu, NoGpu
from vlm_judge_ros.models.vlm.remedies import Surroundings, explained, obstacle
from vlm_judge_ros.models.vlm.runtime import PROVIDERS
from vlm_judge_ros.models.vlm.trial import Trial, run_trial, run_trial_apart

Provider = tuple[str, dict[str, str]]
"""Name and options of an execution provider, as ONNX Runtime takes them."""

GRAPHS = ("vision", "embed", "decoder")

MEBIBYTE = 1 << 20
# What TensorRT may use while it builds and runs an engine of a vision encoder.
_WORKSPACE_MB = 1024


@dataclass(frozen=True, slots=True)
class Placement:
    """How the GPU is used.

    Attributes:
        device: number of the GPU.
        memory_limit_mb: most memory, in MiB, that the CUDA provider takes for each graph; 0 for no limit. Weights and
            results count, what cuDNN and cuBLAS take for themselves does not.
        engine: what TensorRT's engine for the vision graph belongs to, with the shapes that it is built for; None
            keeps no engine, so that every start builds it anew.
        engines: folder of all engines; None for the one in the user's cache.
    """

    device: int = 0
    memory_limit_mb: int = 0
    engine: EngineKey | None = None
    engines: Path | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The providers that a model will run on.

    Attributes:
        names: those that were proved, in the order in which they were asked for.
        refusals: why others that were asked for cannot run, one sentence each.
    """

    names: tuple[str, ...]
    refusals: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """What runs and what does not, as sentences for diagnostics."""
        return " ".join((f"Runs on {', '.join(self.names)}.", *self.refusals))


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """The names as given, where each is known and none comes twice.

    Raises:
        JudgeError: there is no such provider, one comes twice, or there is none at all.
    """
    for name in names:
        if name not in PROVIDERS:
            raise JudgeError(f"There is no provider called {name!r}; choose among {', '.join(PROVIDERS)}.")
        if names.count(name) > 1:
            raise JudgeError(f"The provider {name} is named {names.count(name)} times; name it once.")
    if not names:
        raise JudgeError(f"No provider is named; name at least one of {', '.join(PROVIDERS)}.")
    return tuple(names)


def resolve(names: Sequence[str], graph: str, placement: Placement | None = None) -> list[Provider]:
    """Providers and options for a session of one graph, in the order of preference.

    TensorRT takes the vision graph only: the decoder's attention and its 4-bit products are not among its operations.
    There "tensorrt" stands for CUDA, which also takes over what TensorRT leaves of the vision graph. The table of
    embeddings stays on the CPU: it is large, and looking up a few rows of it is little work.

    Args:
        names: "tensorrt", "cuda" or "cpu", the preferred one first.
        graph: "vision", "embed" or "decoder".
        placement: how the GPU is used.

    Raises:
        JudgeError: a name is not known.
    """
    assert graph in GRAPHS
    placement = placement or Placement()
    wanted: list[str] = []
    for name in checked(names):
        if graph == "embed":
            wanted.append("cpu")
        elif name == "tensorrt":
            wanted += ["tensorrt", "cuda"] if graph == "vision" else ["cuda"]
        else:
            wanted.append(name)
    return [(PROVIDERS[name], _options(name, placement)) for name in dict.fromkeys(wanted)]


def choose(names: Sequence[str], attempt: Callable[[str], Trial] | None = None) -> Choice:
    """Keep the providers that compute something here, in the order asked for.

    Args:
        names: "tensorrt", "cuda" or "cpu", the preferred one first.
        attempt: tries a provider; by default in this process.

    Raises:
        JudgeError: a name is not known, or none of them runs; the message says why.
    """
    attempt = attempt or try_provider
    trials = {name: attempt(name) for name in checked(names)}
    refusals = tuple(trial.fault for trial in trials.values() if not trial.ran)
    running = tuple(name for name, trial in trials.items() if trial.ran)
    if not running:
        raise JudgeError(f"{' '.join(refusals)} Add cpu to the providers to fall back to it.")
    return Choice(running, refusals)


def try_provider(name: str, placement: Placement | None = None, apart: bool = False) -> Trial:
    """Prove a provider with one small inference that nothing else may do for it.

    Args:
        name: "cpu", "cuda" or "tensorrt".
        placement: how the GPU is used.
        apart: in a process of its own, which may crash.

    Returns:
        How it went; what went wrong is a sentence with the remedy.
    """
    placement = placement or Placement()
    around = surroundings(placement.device)
    fault = obstacle(name, around)
    if fault:
        return Trial(PROVIDERS[name], False, fault)
    engine = _trial_engine(placement) if name == "tensorrt" else None
    run = run_trial_apart if apart else run_trial
    trial = run(PROVIDERS[name], _options(name, replace(placement, engine=engine)))
    return trial if trial.ran else replace(trial, fault=explained(name, trial.fault, around))


def surroundings(device: int = 0) -> Surroundings:
    """What this machine and its ONNX Runtime offer."""
    installed = runtime.runtime()
    there = [name for name, provider in PROVIDERS.items() if name != "cpu" and provider in installed.providers]
    gpu: Gpu | None = None
    no_gpu = ""
    try:
        gpu = Driver().gpu(device)
    except NoGpu as error:
        no_gpu = str(error)
    return Surroundings(
        runtime=installed,
        jetson=board.detect(),
        gpu=gpu,
        no_gpu=no_gpu,
        missing_libraries={name: runtime.missing_library(name) for name in there},
        compiled_for=runtime.compiled_for() if there else frozenset(),
    )


def engine_key(model_hash: str, shapes: dict[str, tuple[int, ...]], device: int = 0) -> EngineKey:
    """What an engine for this GPU and this software belongs to.

    Args:
        model_hash: of everything that decides what the model answers.
        shapes: of the inputs of the vision graph.
        device: number of the GPU.

    Raises:
        JudgeError: there is no GPU, or no TensorRT.
    """
    version = runtime.tensorrt_version()
    if not version:
        raise JudgeError("There is no TensorRT 10 here; install it as docs/gpu.md says.")
    try:
        gpu = Driver().gpu(device)
    except NoGpu as error:
        raise JudgeError(f"An engine needs a GPU, and {error}; use a machine with one.") from error
    return EngineKey(
        model_hash=model_hash,
        shapes=tuple(sorted(shapes.items())),
        device=gpu.name,
        compute_capability=gpu.compute_capability,
        tensorrt=version,
        runtime=runtime.runtime().version,
    )


def _trial_engine(placement: Placement) -> EngineKey | None:
    """Keeps the engine of the trial, which would else be built at every start; its shapes are those of the graph."""
    try:
        key = engine_key("trial", {}, placement.device)
        (placement.engines or engines_folder()).joinpath(key.folder).mkdir(parents=True, exist_ok=True)
    except (JudgeError, OSError):
        return None
    return key


def _options(name: str, placement: Placement) -> dict[str, str]:
    if name == "cuda":
        return _cuda_options(placement)
    return _tensorrt_options(placement) if name == "tensorrt" else {}


def _cuda_options(placement: Placement) -> dict[str, str]:
    options = {
        "device_id": str(placement.device),
        # Doubling the arena at each growth could take twice what is needed.
        "arena_extend_strategy": "kSameAsRequested",
        # Trying out all algorithms costs seconds and workspace at the first run of every new shape.
        "cudnn_conv_algo_search": "HEURISTIC",
        "cudnn_conv_use_max_workspace": "0",
    }
    if placement.memory_limit_mb:
        options["gpu_mem_limit"] = str(placement.memory_limit_mb * MEBIBYTE)
    return options


def _tensorrt_options(placement: Placement) -> dict[str, str]:
    workspace_mb = min(_WORKSPACE_MB, placement.memory_limit_mb or _WORKSPACE_MB)
    options = {
        "device_id": str(placement.device),
        "trt_fp16_enable": "1",
        # Squares of activations overflow half precision.
        "trt_layer_norm_fp32_fallback": "1",
        "trt_max_workspace_size": str(workspace_mb * MEBIBYTE),
    }
    engine = placement.engine
    if engine is not None:
        folder = placement.engines or engines_folder()
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(folder / engine.folder),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(folder / engine.device_folder),
        }
        shapes = profile(dict(engine.shapes))
        if shapes:
            options |= {f"trt_profile_{bound}_shapes": shapes for bound in ("min", "opt", "max")}
    return options
