"""Makes smaller variants of a graph with the quantization tools of ONNX Runtime."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.tape import Tape

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.export.graph import EXACT, save

PRECISIONS = ("fp16", "q8", "q4", "q4f16", "int8", "uint8")
BLOCK = 32
"""Weights that share a scale where only weights are quantized."""

EMBEDDING = "embed_tokens"
STATE = ("past_key_values.", "present.")


def write_variant(source: Path, target: Path, precision: str) -> None:
    """Write a variant of a graph.

    Args:
        source: the graph in single precision.
        target: file to write; large weights go to `<name>_data` beside it.
        precision: one of `PRECISIONS`.

    Raises:
        ModelBroken: the tools cannot handle the graph.
    """
    try:
        with _quiet():
            if precision == "fp16":
                save(_half(source), target)
            elif source.name.startswith(EMBEDDING):
                save(_eight_bit_rows(source), target)
            elif precision == "q4f16":
                save(_block_quantized(ir.serde.serialize_model(_half(source)), 4), target)
            elif precision in ("q4", "q8"):
                save(_block_quantized(onnx.load(source), int(precision[1:])), target)
            else:
                _write_dynamic(source, target, signed=precision == "int8")
    except OSError:
        raise
    # The tools raise whatever they meet.
    except Exception as error:
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelBroken(f"{source} cannot be turned into {precision} ({cause[0]}); export it again.") from error


def _block_quantized(model: onnx.ModelProto, bits: int) -> ir.Model:
    """Weights of matrix products in blocks of 4 or 8 bits; everything is still computed in floating point."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(model, bits=bits, block_size=BLOCK, is_symmetric=True)
    quantizer.process()
    return ir.serde.deserialize_model(quantizer.model.model)


def _half(source: Path) -> ir.Model:
    """Half precision but for what it would spoil; inputs and outputs stay single, keys and values become half."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    plain = onnx.load(source, load_external_data=False)
    kept = [value.name for value in (*plain.graph.input, *plain.graph.output) if not value.name.startswith(STATE)]
    exact = [node.name for node in plain.graph.node if node.name.startswith(EXACT)]
    proto = convert_float_to_float16(str(source), keep_io_types=kept, node_block_list=exact)
    # The tool converts a value once for each node that wants it in single precision, every time under the same name.
    first = {node.name: node for node in reversed(proto.graph.node)}
    proto.graph.ClearField("node")
    proto.graph.node.extend(reversed(first.values()))
    model = ir.serde.deserialize_model(proto)
    _keep_single(model.graph)
    model.graph.sort()
    return model


def _keep_single(graph: ir.Graph) -> None:
    """Take out the detours to half precision on the way from one node in single precision to the next."""
    for node in list(graph):
        half = node.inputs[0] if node.op_type == "Cast" else None
        producer = half.producer() if half is not None else None
        if producer is None or producer.op_type != "Cast" or half is None:
            continue
        wide = producer.inputs[0]
        is_detour = node.attributes["to"].as_int() == ir.DataType.FLOAT and half.dtype == ir.DataType.FLOAT16
        if wide is not None and is_detour and wide.dtype == ir.DataType.FLOAT and not node.outputs[0].is_graph_output():
            node.outputs[0].replace_all_uses_with(wide)
    for node in reversed(list(graph)):
        if node.op_type == "Cast" and not node.outputs[0].uses() and not node.outputs[0].is_graph_output():
            graph.remove(node, safe=True)


def _write_dynamic(source: Path, target: Path, *, signed: bool) -> None:
    """8-bit weights and, for each call, 8-bit activations with a range of their own."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # The tool names the file of the weights in its own way, and keeps it from other users.
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        written = Path(folder) / target.name
        quantize_dynamic(
            source,
            written,
            op_types_to_quantize=["MatMul"],
            weight_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            per_channel=True,
            # Without VNNI, x86 processors add products of signed weights in 16 bits, which 8-bit ones overflow.
            reduce_range=signed,
            use_external_data_format=True,
            extra_options={"MatMulConstBOnly": True},
        )
        save(ir.external_data.load_to_model(ir.load(written)), target)


def _eight_bit_rows(source: Path) -> ir.Model:
    """The embedding with each row in 8 bits and a scale of its own, in operators that every provider has."""
    model = ir.load(source)
    graph = model.graph
    picking = next((node for node in graph if _table(node) is not None), None)
    given = None if picking is None else _table(picking)
    if picking is None or given is None or given.const_value is None:
        raise ValueError("it picks from no table")
    table = given.const_value.numpy().astype(np.float32)
    largest = np.abs(table).max(axis=1, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    rows = np.clip(np.round(table / scales), -127, 127).astype(np.int8)
    tape, tokens, output = Tape(graph), picking.inputs[1], picking.outputs[0]
    picked = tape.op("Gather", [tape.initializer(ir.Tensor(rows, name="rows")), tokens])
    scale = tape.op("Gather", [tape.initializer(ir.Tensor(scales, name="scales")), tokens])
    embedding = tape.op("Mul", [tape.op("Cast", [picked], {"to": int(ir.DataType.FLOAT)}), scale])
    embedding.shape, embedding.type = output.shape, output.type
    output.name, embedding.name = None, output.name
    output.replace_all_uses_with(embedding, replace_graph_outputs=True)
    graph.remove(picking, safe=True)
    del graph.initializers[str(given.name)]
    graph.sort()
    return ir.external_data.load_to_model(model)


def _table(node: ir.Node) -> ir.Value | None:
    """The table in single precision that a node picks rows from; None where it does something else."""
    table = node.inputs[0] if node.op_type == "Gather" else None
    constant = None if table is None else table.const_value
    is_table = constant is not None and constant.dtype == ir.DataType.FLOAT and len(constant.shape) == 2
    return table if is_table else None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the notes of the tools, node by node, off the screen."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(disabled)
