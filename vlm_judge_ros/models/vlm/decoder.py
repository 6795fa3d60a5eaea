"""The decoder graph: key/values and new embeddings in, longer key/values or logits out."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnxruntime

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.graphs import Array, Call, Graph, Value
from vlm_judge_ros.models.vlm.positions import Positions

KeyValues: TypeAlias = tuple[onnxruntime.OrtValue, ...]
"""Keys and values of all layers, each of shape (batch, heads, tokens, head size). Never written to."""

PACKED_BYTES = 256 * 2**20
"""What the copies of key/values for prompts asked at once may take; more prompts are asked in several groups."""

_PAST = "past_key_values."
_PRESENT = "present."
_DEEPSTACK = "deepstack_embeds."
_LOGIT_COUNTS = ("num_logits_to_keep", "logits_to_keep")
_TOKEN_AXIS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """New tokens for the decoder.

    Attributes:
        embeddings: shape (batch, tokens, hidden size).
        deepstack: of the same shape each, zero at text tokens (Qwen3-VL); else empty.
        positions: shape (axes, tokens), the same for all of the batch.
        lengths: true number of tokens of each of the batch; what comes after is padding.
    """

    embeddings: Array
    deepstack: tuple[Array, ...]
    positions: Positions
    lengths: tuple[int, ...]


class DecoderGraph:
    """Continues a sequence of tokens.

    Args:
        graph: the graph.
        deepstack_count: number of DeepStack inputs that the model's configuration asks for.
        key_value_heads: where the graph leaves this open.
        head_size: where the graph leaves this open.

    Raises:
        ModelBroken: the graph does not have the inputs and outputs of a decoder with key/values.
    """

    def __init__(self, graph: Graph, deepstack_count: int, key_value_heads: int, head_size: int) -> None:
        self._graph = graph
        self._past = [name for name in graph.inputs if name.startswith(_PAST)]
        self._present = [_PRESENT + name.removeprefix(_PAST) for name in self._past]
        self._deepstack = [f"{_DEEPSTACK}{index}" for index in range(deepstack_count)]
        if missing := [name for name in self._deepstack if name not in graph.inputs]:
            raise ModelBroken(
                f"The graph {graph.path} has no input {missing[0]}: it drops the DeepStack features that Qwen3-VL "
                "needs; export the model with vlm-judge export."
            )
        optional = {"position_ids", *_LOGIT_COUNTS, *self._deepstack}
        needed = ["inputs_embeds", "attention_mask", *self._past]
        graph.require({*needed, *optional}, needed, ["logits", *self._present])
        if not self._past:
            raise ModelBroken(f"The graph {graph.path} takes no past key/values; use decoder_model_merged.onnx.")
        first = graph.inputs[self._past[0]]
        self.key_value_dtype = first.dtype
        heads, size = first.shape[1], first.shape[3]
        self._heads = heads if isinstance(heads, int) else key_value_heads
        self._head_size = size if isinstance(size, int) else head_size
        self._logit_count = next((name for name in _LOGIT_COUNTS if name in graph.inputs), None)

    @property
    def provider(self) -> str:
        """What the graph runs on."""
        return self._graph.provider

    @property
    def deepstack_count(self) -> int:
        """Number of DeepStack inputs."""
        return len(self._deepstack)

    @property
    def is_on_cpu(self) -> bool:
        """Whether key/values lie in the memory of the CPU."""
        return self._graph.device == "cpu"

    @property
    def position_axes(self) -> int | None:
        """Axes of the positions that the graph takes: 1 or 3; None where it counts by itself."""
        if "position_ids" not in self._graph.inputs:
            return None
        shape = self._graph.inputs["position_ids"].shape
        return 1 if len(shape) == 2 else int(shape[0]) if isinstance(shape[0], int) else 3

    @property
    def key_value_bytes_per_token(self) -> int:
        """What one token of context costs in memory."""
        return len(self._past) * self._heads * self._head_size * self.key_value_dtype.itemsize

    def packing_limit(self, length: int) -> int:
        """How many prompts to ask at once after `length` tokens.

        A run reads all weights, so each prompt that goes along with another saves that. But it needs a copy of the
        key/values, which is written once by us, and read and written again by the run.
        """
        copy_bytes = max(1, self.key_value_bytes_per_token * length)
        if 3 * copy_bytes > self._graph.size_bytes:
            return 1
        return max(1, PACKED_BYTES // copy_bytes)

    def empty(self) -> KeyValues:
        """Key/values of no tokens."""
        shape = (1, self._heads, 0, self._head_size)
        return tuple(
            onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(shape, self.key_value_dtype)) for _ in self._past
        )

    def extend(self, past: KeyValues, step: Step, call: Call) -> KeyValues:
        """Compute the key/values of new tokens.

        Returns:
            Key/values of the past and the new tokens; `past` stays as it is.

        Raises:
            Cancelled: the call was cancelled.
            JudgeError: the runtime failed.
        """
        _, present = self._graph.run(self._feeds(past, step, 1), [], call, kept=self._present)
        return tuple(present)

    def logits(self, past: KeyValues, step: Step, call: Call) -> Array:
        """Compute what the model makes of the last token of each of the batch.

        Returns:
            Logits of shape (batch, vocabulary), float32.

        Raises:
            Cancelled: the call was cancelled.
            JudgeError: the runtime failed.
        """
        _, (value,) = self._graph.run(self._feeds(past, step, _last(step)), [], call, kept=["logits"])
        return _logits_at_ends(value, step)

    def follow(self, past: KeyValues, step: Step, call: Call) -> tuple[KeyValues, Array]:
        """Both `extend` and `logits`, in one run.

        Raises:
            Cancelled: the call was cancelled.
            JudgeError: the runtime failed.
        """
        feeds = self._feeds(past, step, _last(step))
        _, (value, *present) = self._graph.run(feeds, [], call, kept=["logits", *self._present])
        return tuple(present), _logits_at_ends(value, step)

    def repeated(self, past: KeyValues, count: int) -> KeyValues:
        """Copies of key/values, for a batch of several continuations."""
        return tuple(self._placed(np.repeat(host_view(value), count, axis=0)) for value in past)

    def truncated(self, past: KeyValues, length: int) -> KeyValues:
        """The first tokens only: what came later has not touched them."""
        return tuple(self._placed(host_view(value)[:, :, :length].copy()) for value in past)

    def _placed(self, array: Array) -> onnxruntime.OrtValue:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array, self._graph.device, self._graph.device_id)

    def _feeds(self, past: KeyValues, step: Step, logit_count: int) -> dict[str, Value]:
        batch, count = step.embeddings.shape[:2]
        length = past[0].shape()[_TOKEN_AXIS]
        mask = np.arange(length + count)[None, :] < (length + np.array(step.lengths))[:, None]
        feeds: dict[str, Value] = {"inputs_embeds": step.embeddings, "attention_mask": mask}
        if self.position_axes == 1:
            feeds["position_ids"] = np.broadcast_to(step.positions[0], (batch, count))
        elif self.position_axes is not None:
            feeds["position_ids"] = np.broadcast_to(step.positions[:, None], (len(step.positions), batch, count))
        if self._logit_count is not None:
            shape = self._graph.inputs[self._logit_count].shape
            feeds[self._logit_count] = np.full((1,) * len(shape), logit_count, dtype=np.int64)
        feeds.update(zip(self._deepstack, step.deepstack, strict=True))
        feeds.update(zip(self._past, past, strict=True))
        return feeds


def _last(step: Step) -> int:
    """Of how many tokens, counted from the end, the logits are needed."""
    return int(step.embeddings.shape[1]) - min(step.lengths) + 1


def _logits_at_ends(value: onnxruntime.OrtValue, step: Step) -> Array:
    # Without an input for their number the graph gives the logits of all tokens, each as long as the vocabulary.
    logits = host_view(value)
    skipped = step.embeddings.shape[1] - logits.shape[1]
    ends = np.array(step.lengths) - 1 - skipped
    return np.asarray(logits[np.arange(len(ends)), ends], dtype=np.float32)


def host_view(value: onnxruntime.OrtValue) -> Array:
    """A tensor as an array: without a copy where it lies in the memory of the CPU. Valid while `value` lives."""
    if value.device_name() != "cpu" or not all(value.shape()):
        return np.asarray(value.numpy())
    dtype = np.float16 if value.data_type() == "tensor(float16)" else np.float32
    memory = (ctypes.c_char * value.tensor_size_in_bytes()).from_address(value.data_ptr())
    return np.frombuffer(memory, dtype=dtype).reshape(value.shape())
