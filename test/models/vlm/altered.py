"""Model folders whose decoder was altered, as other exporters and quantizers write it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DECODER = "onnx/decoder_model_merged.onnx"


def with_decoder(folder: Path, target: Path, alter: Callable[[onnx.ModelProto], onnx.ModelProto]) -> Path:
    """Copy a model folder to `target` and put an altered decoder into it."""
    shutil.copytree(folder, target)
    onnx.save(alter(onnx.load(folder / DECODER)), target / DECODER)
    return target


def half_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=False)


def four_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(model, block_size=32, is_symmetric=True)
    quantizer.process()
    return quantizer.model.model


def dynamic_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    import tempfile

    from onnxruntime.quantization import quantize_dynamic

    with tempfile.TemporaryDirectory() as place:
        onnx.save(model, f"{place}/full.onnx")
        quantize_dynamic(f"{place}/full.onnx", f"{place}/int8.onnx")
        return onnx.load(f"{place}/int8.onnx")


def with_all_logits(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without num_logits_to_keep: the logits of all tokens are computed."""
    _drop_input(model, "num_logits_to_keep")
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), "num_logits_to_keep"))
    return model


def with_positions_from_the_mask(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without position_ids: tokens are counted in the graph."""
    _drop_input(model, "position_ids")
    constants = {"p.one": [1], "p.last": [2**63 - 1], "p.begin": [1], "p.end": [2]}
    for name, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
    model.graph.initializer.append(numpy_helper.from_array(np.array(1, np.int64), "p.axis"))
    nodes = [
        helper.make_node("CumSum", ["attention_mask", "p.axis"], ["p.counted"]),
        helper.make_node("Sub", ["p.counted", "p.one"], ["p.all"]),
        helper.make_node("Shape", ["inputs_embeds"], ["p.shape"]),
        helper.make_node("Slice", ["p.shape", "p.begin", "p.end"], ["p.count"]),
        helper.make_node("Neg", ["p.count"], ["p.start"]),
        helper.make_node("Slice", ["p.all", "p.start", "p.last", "p.one"], ["position_ids"]),
    ]
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    return model


def without_positions_of_three_axes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without position_ids, which no mask can stand in for where images have rows and columns."""
    _drop_input(model, "position_ids")
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((3, 1, 1), np.int64), "position_ids"))
    return model


def that_refuses_batches(model: onnx.ModelProto) -> onnx.ModelProto:
    """As graphs with GroupQueryAttention do where there is a past."""
    hidden = next(value for value in model.graph.input if value.name == "inputs_embeds").type.tensor_type.shape.dim[2]
    shape = numpy_helper.from_array(np.array([1, -1, hidden.dim_value], np.int64), "b.shape")
    model.graph.initializer.append(shape)
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == "inputs_embeds" and node.op_type != "Shape":
                node.input[index] = "b.single"
    model.graph.node.insert(0, helper.make_node("Reshape", ["inputs_embeds", "b.shape"], ["b.single"]))
    return model


def with_a_convolution_state(model: onnx.ModelProto) -> onnx.ModelProto:
    """As in hybrids of attention and convolution."""
    model.graph.input.append(helper.make_tensor_value_info("past_conv.0", TensorProto.FLOAT, [1, 4, 3]))
    return model


def with_bfloat16(model: onnx.ModelProto) -> onnx.ModelProto:
    """With an input of a type that numpy does not know."""
    model.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.BFLOAT16, [1]))
    return model


def without_present(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the last of the outputs."""
    del model.graph.output[-1]
    return model


def _drop_input(model: onnx.ModelProto, name: str) -> None:
    model.graph.input.remove(next(value for value in model.graph.input if value.name == name))


def with_grouped_queries(model: onnx.ModelProto) -> onnx.ModelProto:
    """Another decoder of the same inputs, built around GroupQueryAttention as published ones are.

    The operator turns keys and queries by itself and counts tokens from the mask, so there are no position_ids. It
    computes the logits of all tokens.
    """
    sizes = {value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in model.graph.input}
    hidden, (heads, size) = sizes["inputs_embeds"][2], np.array(sizes["past_key_values.0.key"])[[1, 3]].tolist()
    layers = sum(name.endswith(".key") for name in sizes)
    vocabulary = model.graph.output[0].type.tensor_type.shape.dim[2].dim_value
    random, queries, longest = np.random.default_rng(0), hidden // size, 4096
    angles = np.arange(longest)[:, None] / 10_000 ** (np.arange(0, size, 2) / size)
    weights = {"cos": np.cos(angles), "sin": np.sin(angles), "head": random.normal(size=(hidden, vocabulary))}
    nodes = [
        helper.make_node("ReduceSum", ["attention_mask", "row"], ["seen"], keepdims=0),
        helper.make_node("Sub", ["seen", "one"], ["last"]),
        helper.make_node("Cast", ["last"], ["last32"], to=TensorProto.INT32),
        helper.make_node("Shape", ["attention_mask"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["total"]),
        helper.make_node("Cast", ["total"], ["total32"], to=TensorProto.INT32),
    ]
    state = "inputs_embeds"
    for layer in range(layers):
        for part, width in (("q", hidden), ("k", heads * size), ("v", heads * size), ("o", hidden)):
            weights[f"{part}{layer}"] = random.normal(size=(hidden, width)) * hidden**-0.5
        nodes += [helper.make_node("MatMul", [state, f"{part}{layer}"], [f"{part}{layer}.out"]) for part in "qkv"]
        past, present = f"past_key_values.{layer}", f"present.{layer}"
        nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                [
                    *(f"{part}{layer}.out" for part in "qkv"),
                    f"{past}.key",
                    f"{past}.value",
                    "last32",
                    "total32",
                    "cos",
                    "sin",
                ],
                [f"mixed{layer}", f"{present}.key", f"{present}.value"],
                domain="com.microsoft",
                num_heads=queries,
                kv_num_heads=heads,
                do_rotary=1,
            )
        )
        nodes.append(helper.make_node("MatMul", [f"mixed{layer}", f"o{layer}"], [f"o{layer}.out"]))
        nodes.append(helper.make_node("Add", [state, f"o{layer}.out"], [f"state{layer}"]))
        state = f"state{layer}"
    nodes.append(helper.make_node("MatMul", [state, "head"], ["logits"]))
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1], np.int64), "row"))
    constants.append(numpy_helper.from_array(np.array(1, np.int64), "one"))
    for name in ("position_ids", "num_logits_to_keep"):
        _drop_input(model, name)
    graph = helper.make_graph(nodes, "decoder", model.graph.input, model.graph.output, constants)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)], ir_version=10
    )
