"""Draws ONNX graphs node by node, with the layers that all the models share.

Written out by hand a graph takes as long to make as its weights take to copy, has the same nodes whichever version of
transformers loaded the weights, and has its matrices where quantization tools look for them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir
from numpy.typing import ArrayLike
from onnx_ir.tape import Tape

from vlm_judge_ros import __version__
from vlm_judge_ros.errors import ModelBroken

OPSET = 18
IR_VERSION = 8
"""The oldest that the opset allows, so that older runtimes read the files."""

LARGEST_SINGLE_FILE = 1_900_000_000
"""Bytes of weights above which they go to a file of their own; a protobuf file ends at 2 GiB."""

MASKED = float(np.finfo(np.float32).min)

EXACT = "exact/"
"""Beginning of the names of nodes that half precision would spoil."""

Shape: TypeAlias = Sequence[str | int]


class Graph:
    """A graph being drawn.

    Every method that computes takes values of the graph and returns one.
    """

    def __init__(self, name: str, weights: Mapping[str, Any]) -> None:
        """Begin an empty graph.

        Args:
            name: name of the graph.
            weights: torch tensors by their name in the model.
        """
        self._name = name
        self._weights = weights
        self._tape = Tape()
        self._inputs: list[ir.Value] = []
        self._outputs: list[ir.Value] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], ir.Value] = {}
        self._exact = 0
        self._count = 0

    def input(self, name: str, dtype: ir.DataType, shape: Shape) -> ir.Value:
        """Declare an input."""
        value = ir.Value(name=name, type=ir.TensorType(dtype), shape=ir.Shape(shape))
        self._inputs.append(value)
        return value

    def output(self, name: str, value: ir.Value, shape: Shape) -> None:
        """Declare a value, in single precision, as an output."""
        value.name, value.shape, value.type = name, ir.Shape(shape), ir.TensorType(ir.DataType.FLOAT)
        self._outputs.append(value)

    def op(self, kind: str, *inputs: ir.Value, name: str | None = None, **attributes: Any) -> ir.Value:
        """Add a node with one output."""
        return self._tape.op(kind, inputs, attributes, name=self._node_name(name or kind))

    def split(self, value: ir.Value, parts: int, axis: int) -> Sequence[ir.Value]:
        """Cut an axis into equal parts."""
        return self._tape.op_multi_out(
            "Split", [value], {"axis": axis, "num_outputs": parts}, num_outputs=parts, name=self._node_name("Split")
        )

    @contextlib.contextmanager
    def exactly(self) -> Iterator[None]:
        """Mark the nodes added meanwhile as ones that stay in single precision."""
        self._exact += 1
        try:
            yield
        finally:
            self._exact -= 1

    def constant(self, content: ArrayLike, dtype: type[np.generic] = np.int64) -> ir.Value:
        """Return a constant; equal ones are held once."""
        array = np.asarray(content, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            tensor = ir.Tensor(array, name=f"constant_{len(self._constants)}")
            self._constants[key] = self._tape.initializer(tensor)
        return self._constants[key]

    def number(self, content: float) -> ir.Value:
        """Return a scalar constant in single precision."""
        return self.constant(content, np.float32)

    def has_weight(self, name: str) -> bool:
        """Whether the model has a weight of this name."""
        return name in self._weights

    def weight(self, name: str, *, columns: int | None = None) -> ir.Value:
        """Return a weight of the model.

        Args:
            name: of the weight.
            columns: make it a matrix of so many columns and transpose that, as ONNX multiplies.

        Raises:
            ModelBroken: the model has no such weight.
        """
        try:
            tensor = self._weights[name]
        except KeyError:
            raise ModelBroken(
                f"The model has no weight {name!r}, which models of its type have; download it again."
            ) from None
        if columns is not None:
            tensor = tensor.reshape(-1, columns).t()

        def load() -> ir.TensorProtocol:
            return ir.Tensor(np.ascontiguousarray(tensor.float().numpy()), name=name)

        # Transposed copies are made one by one while the file is written.
        lazy = ir.LazyTensor(load, dtype=ir.DataType.FLOAT, shape=ir.Shape(tensor.shape), name=name)
        return self._tape.initializer(lazy)

    def linear(self, value: ir.Value, name: str) -> ir.Value:
        """Apply the linear layer of this name."""
        columns = int(self._weights[f"{name}.weight"].flatten(1).shape[1])
        product = self.op("MatMul", value, self.weight(f"{name}.weight", columns=columns), name=name)
        return self.op("Add", product, self.weight(f"{name}.bias")) if self.has_weight(f"{name}.bias") else product

    def layer_norm(self, value: ir.Value, name: str, epsilon: float) -> ir.Value:
        """Normalise the last axis to mean 0 and variance 1, then scale and shift it."""
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.op("LayerNormalization", value, scale, shift, name=name, axis=-1, epsilon=epsilon)

    def rms_norm(self, value: ir.Value, name: str, epsilon: float) -> ir.Value:
        """Normalise the last axis to a mean square of 1, then scale it."""
        # Squares of the hidden states of real models are too large for half precision.
        with self.exactly():
            mean = self.op("ReduceMean", self.op("Pow", value, self.number(2.0)), self.constant([-1]), keepdims=1)
            normal = self.op("Div", value, self.op("Sqrt", self.op("Add", mean, self.number(epsilon))))
        return self.op("Mul", normal, self.weight(f"{name}.weight"))

    def activation(self, value: ir.Value, kind: str) -> ir.Value:
        """Apply an activation by the name that configurations give it.

        Raises:
            ModelBroken: it is not known.
        """
        if kind in ("silu", "swish"):
            return self.op("Mul", value, self.op("Sigmoid", value))
        if kind == "quick_gelu":
            return self.op("Mul", value, self.op("Sigmoid", self.op("Mul", value, self.number(1.702))))
        if kind == "gelu":
            inner = self.op("Erf", self.op("Div", value, self.number(np.sqrt(2.0))))
            return self.op("Mul", self.op("Mul", value, self.op("Add", inner, self.number(1.0))), self.number(0.5))
        if kind == "gelu_pytorch_tanh":
            cube = self.op("Mul", self.op("Pow", value, self.number(3.0)), self.number(0.044715))
            inner = self.op("Mul", self.op("Add", value, cube), self.number(np.sqrt(2.0 / np.pi)))
            grown = self.op("Add", self.op("Tanh", inner), self.number(1.0))
            return self.op("Mul", self.op("Mul", value, self.number(0.5)), grown)
        raise ModelBroken(f"The model uses the activation {kind!r}, which cannot be exported; use another model.")

    def gated_mlp(self, value: ir.Value, name: str, activation: str) -> ir.Value:
        """Apply a feed-forward layer whose activation gates a second projection."""
        gate = self.activation(self.linear(value, f"{name}.gate_proj"), activation)
        return self.linear(self.op("Mul", gate, self.linear(value, f"{name}.up_proj")), f"{name}.down_proj")

    def mlp(self, value: ir.Value, first: str, second: str, activation: str) -> ir.Value:
        """Apply a feed-forward layer of two projections."""
        return self.linear(self.activation(self.linear(value, first), activation), second)

    def rotate(self, heads: ir.Value, cosine: ir.Value, sine: ir.Value) -> ir.Value:
        """Apply a rotary embedding; `cosine` and `sine` have half the size of a head."""
        first, second = self.split(heads, 2, -1)
        turned_first = self.op("Sub", self.op("Mul", first, cosine), self.op("Mul", second, sine))
        turned_second = self.op("Add", self.op("Mul", second, cosine), self.op("Mul", first, sine))
        return self.op("Concat", turned_first, turned_second, axis=-1)

    def axis_length(self, value: ir.Value, axis: int) -> ir.Value:
        """Return the length of an axis, shape (1,)."""
        return self.op("Shape", value, start=axis, end=axis + 1)

    def count(self, length: ir.Value) -> ir.Value:
        """Return 0, 1, ... up to, but without, a length of shape (1,)."""
        return self.op("Range", self.constant(0), self.op("Squeeze", length), self.constant(1))

    def to_float(self, value: ir.Value) -> ir.Value:
        """Convert to single precision."""
        return self.op("Cast", value, to=int(ir.DataType.FLOAT))

    def to_integer(self, value: ir.Value) -> ir.Value:
        """Convert to 64-bit integers, towards zero."""
        return self.op("Cast", value, to=int(ir.DataType.INT64))

    def save(self, path: Path) -> None:
        """Write the graph; weights too large for one file go to `<name>_data` beside it."""
        initializers = self._tape.initializers
        graph = ir.Graph(
            self._inputs,
            self._outputs,
            nodes=self._tape.nodes,
            initializers=initializers,
            opset_imports={"": OPSET},
            name=self._name,
        )
        model = ir.Model(graph, ir_version=IR_VERSION, producer_name="vlm_judge_ros", producer_version=__version__)
        save(model, path)

    def _node_name(self, stem: str) -> str:
        self._count += 1
        return f"{EXACT if self._exact else ''}{stem}.{self._count}"


def save(model: ir.Model, path: Path) -> None:
    """Write a model; weights too large for one file go to `<name>_data` beside it."""
    weights = (value.const_value for value in model.graph.initializers.values())
    size = sum(weight.nbytes for weight in weights if weight is not None)
    ir.save(model, path, external_data=f"{path.name}_data" if size > LARGEST_SINGLE_FILE else None)
