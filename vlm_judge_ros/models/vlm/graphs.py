"""ONNX graphs as they are: what they take and give is read from the files, never assumed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vlm_judge_ros.errors import Cancelled, JudgeError, ModelBroken
from vlm_judge_ros.models.vlm.external_data import external_files
from vlm_judge_ros.models.vlm.runtime import first_line, lacks_memory

Array: TypeAlias = NDArray[Any]
Value: TypeAlias = "Array | onnxruntime.OrtValue"
Providers: TypeAlias = Sequence[tuple[str, Mapping[str, Any]]]

CPU: Providers = (("CPUExecutionProvider", {}),)

_DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}
_DEVICES = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "cuda"}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph.

    Attributes:
        name: its name.
        shape: its axes; a name or None where the length is free.
        dtype: type of its elements.
    """

    name: str
    shape: tuple[int | str | None, ...]
    dtype: np.dtype[Any]


class GraphFailed(JudgeError):
    """The runtime gave up on a graph, for example for lack of memory."""


class Call:
    """One call of a model, which may run several graphs and can be cancelled from any thread."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self.run_options = onnxruntime.RunOptions()
        # The runtime logs a cancelled run as an error; it is none.
        self.run_options.log_severity_level = 4

    def cancel(self) -> None:
        """Stop the graph that runs, and let no other one start."""
        self._cancelled.set()
        self.run_options.terminate = True

    def check(self) -> None:
        """Go on only where the answer is still wanted.

        Raises:
            Cancelled: `cancel` was called.
        """
        if self._cancelled.is_set():
            raise Cancelled("The question was cancelled while the model worked on it.")


class Graph:
    """A graph, loaded and ready to run.

    Args:
        path: the file; external data is found beside it.
        providers: names and options of execution providers, in the order of preference.
        threads: threads that one run may use on the CPU.

    Attributes:
        inputs: what it takes, by name.
        outputs: what it gives, by name.
        size_bytes: size of its files, which is nearly that of its weights.
        provider: what it runs on first of all, for example "cuda".
        device: where that has its memory.
        device_id: which of several devices.

    Raises:
        ModelBroken: the file cannot be loaded, or uses a type of numbers that cannot be handled.
    """

    def __init__(self, path: Path, providers: Providers = CPU, threads: int = 1) -> None:
        self.path = path
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle threads of one graph that spin take the processor from the next graph, and from the rest of the robot.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A plan of the memory is of use only where shapes repeat, and one is kept for each shape that came.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                str(path),
                options,
                providers=[(name, dict(settings)) for name, settings in providers],
                enable_fallback=0,  # what does not run is said, and not tried on something else
            )
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            remedy = "fetch the file and its .onnx_data again, or upgrade onnxruntime"
            if lacks_memory(error):
                remedy = "the memory is not enough for it, so take the files of a smaller precision or a smaller model"
            raise ModelBroken(
                f"onnxruntime {onnxruntime.__version__} cannot load {path}: {first_line(error)}; {remedy}."
            ) from error
        self.size_bytes = path.stat().st_size + sum(file.stat().st_size for file in external_files(path))
        self.inputs = _ports(path, self._session.get_inputs())
        self.outputs = _ports(path, self._session.get_outputs())
        active = str(self._session.get_providers()[0])
        self.provider = active.removesuffix("ExecutionProvider").lower()
        self.device = _DEVICES.get(active, "cpu")
        self.device_id = int(self._session.get_provider_options().get(active, {}).get("device_id", 0))

    def require(self, known_inputs: Iterable[str], needed_inputs: Iterable[str], needed_outputs: Iterable[str]) -> None:
        """Refuse a graph of another kind.

        Args:
            known_inputs: the inputs that the caller can feed.
            needed_inputs: those without which the graph makes no sense.
            needed_outputs: the outputs that the caller reads.

        Raises:
            ModelBroken: an input is unknown, or an input or output is missing.
        """
        unknown = sorted(set(self.inputs) - set(known_inputs))
        if unknown:
            raise ModelBroken(
                f"The graph {self.path} takes the input {unknown[0]}, which no supported family has; "
                "use an export of Qwen2-VL, Qwen2.5-VL, Qwen3-VL, SmolVLM or Idefics3."
            )
        for kind, missing in (
            ("input", [name for name in needed_inputs if name not in self.inputs]),
            ("output", [name for name in needed_outputs if name not in self.outputs]),
        ):
            if missing:
                there = ", ".join(self.inputs if kind == "input" else self.outputs)
                raise ModelBroken(
                    f"The graph {self.path} has no {kind} {missing[0]} (it has {there}); export the model again, "
                    "for example with vlm-judge export."
                )

    def run(
        self, feeds: Mapping[str, Value], wanted: Sequence[str], call: Call, kept: Sequence[str] = ()
    ) -> tuple[list[Array], list[onnxruntime.OrtValue]]:
        """Run the graph once.

        Args:
            feeds: a value for each input; arrays are cast to the type that the input takes.
            wanted: outputs to be read, which are brought to the CPU.
            call: the call that this is a part of.
            kept: outputs that only another run will read; they stay on the device.

        Returns:
            The wanted outputs as arrays, and the kept ones as they are.

        Raises:
            Cancelled: the call was cancelled.
            GraphFailed: the runtime gave up, for example for lack of memory.
        """
        call.check()
        try:
            binding = self._session.io_binding()
            # The binding does not hold arrays on the CPU: this list does, until the run is over.
            values = [self._as_value(name, value) for name, value in feeds.items()]
            for name, value in zip(feeds, values, strict=True):
                binding.bind_ortvalue_input(name, value)
            for name in wanted:
                binding.bind_output(name, "cpu")
            for name in kept:
                binding.bind_output(name, self.device, self.device_id)
            self._session.run_with_iobinding(binding, call.run_options)
            outputs = binding.get_outputs()
            arrays = [value.numpy() for value in outputs[: len(wanted)]]
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            call.check()
            remedy = "try the files of another precision, or another provider"
            if lacks_memory(error):
                remedy = "the memory ran out, so lower the number of frames or of image tokens"
            raise GraphFailed(
                f"The graph {self.path.name} failed on {self.provider}: {first_line(error)}; {remedy}."
            ) from error
        return arrays, outputs[len(wanted) :]

    def _as_value(self, name: str, value: Value) -> onnxruntime.OrtValue:
        if isinstance(value, np.ndarray):
            array = np.ascontiguousarray(value, dtype=self.inputs[name].dtype)
            # ascontiguousarray makes a scalar one-dimensional.
            return onnxruntime.OrtValue.ortvalue_from_numpy(array.reshape(value.shape))
        return value


def _ports(path: Path, described: Sequence[Any]) -> dict[str, Port]:
    ports = {}
    for argument in described:
        if argument.type not in _DTYPES:
            raise ModelBroken(
                f"The graph {path} has {argument.name} as {argument.type}, which numpy does not know; use the files of "
                "another precision, for example fp16 or q4."
            )
        ports[argument.name] = Port(argument.name, tuple(argument.shape), np.dtype(_DTYPES[argument.type]))
    return ports
