"""Writes the three graphs of a model under the names that published models have made customary.

| graph | in | out |
| --- | --- | --- |
| embed_tokens | input_ids | inputs_embeds |
| vision_encoder | pixel_values and grid_thw, image_grid_thw or pixel_attention_mask | image_features, deepstack_features.{i} |
| decoder_model_merged | inputs_embeds, attention_mask, position_ids, num_logits_to_keep, deepstack_embeds.{i}, past_key_values.{i}.key and .value | logits, present.{i}.key and .value |
"""  # noqa: E501

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes.common import RemoveUnusedOpsetsPass
from torch import Tensor, nn

from vlm_judge_ros.export.architecture import Architecture

OPSET = 18
VISION, EMBED, DECODER = "vision_encoder", "embed_tokens", "decoder_model_merged"
LARGEST_SINGLE_FILE = 1_900_000_000
"""Bytes of weights above which they go to a file of their own; a protobuf file ends at 2 GiB."""

_INTEGER, _FLOAT = ir.DataType.INT64, ir.DataType.FLOAT


def write_embedding(architecture: Architecture, path: Path) -> None:
    """Write the graph from token ids to embeddings."""
    weight = _constant("embed_tokens.weight", architecture.embedding)
    ids = _value("input_ids", _INTEGER, ("batch", "sequence"))
    node = ir.node("Gather", [weight, ids], num_outputs=1)
    node.outputs[0].name = "inputs_embeds"
    node.outputs[0].dtype = _FLOAT
    node.outputs[0].shape = ir.Shape(("batch", "sequence", architecture.hidden))
    graph = ir.Graph(
        [ids], node.outputs, nodes=[node], initializers=[weight], opset_imports={"": OPSET}, name="embed_tokens"
    )
    _save(ir.Model(graph, ir_version=10), path)


def write_vision(architecture: Architecture, path: Path) -> None:
    """Write the graph from pixels to image features."""
    outputs = ["image_features", *(f"deepstack_features.{index}" for index in range(architecture.deepstack))]
    if architecture.grid_name:
        patches, images = torch.export.Dim("patches"), torch.export.Dim("images")
        model = _trace(
            architecture.vision,
            (torch.zeros(24, *architecture.pixel_shape), torch.tensor([[1, 4, 4], [1, 2, 4]])),
            ({0: patches}, {0: images}),
            ["pixel_values", architecture.grid_name],
            outputs,
        )
        _name_axes(model.graph.outputs, [("tokens", architecture.hidden)] * len(outputs))
    else:
        batch, tiles = torch.export.Dim("batch"), torch.export.Dim("tiles")
        side = architecture.pixel_shape[1:]
        model = _trace(
            architecture.vision,
            (torch.zeros(2, 3, *architecture.pixel_shape), torch.ones(2, 3, *side, dtype=torch.bool)),
            ({0: batch, 1: tiles}, {0: batch, 1: tiles}),
            ["pixel_values", "pixel_attention_mask"],
            outputs,
        )
    _save(model, path)


def write_decoder(architecture: Architecture, path: Path) -> None:
    """Write the graph from embeddings and past keys and values to logits."""
    batch, new, past = 2, 3, 4
    state = (architecture.key_value_heads, past, architecture.head_dim)
    layers, deepstack = range(architecture.layers), range(architecture.deepstack)
    inputs = (
        torch.zeros(batch, new, architecture.hidden),
        torch.ones(batch, past + new, dtype=torch.int64),
        torch.zeros((3, batch, new) if architecture.has_axes else (batch, new), dtype=torch.int64),
        *(torch.zeros(batch, new, architecture.hidden) for _ in deepstack),
        *(torch.zeros(batch, *state) for _ in (*layers, *layers)),
    )
    dim = torch.export.Dim
    b, s, p = dim("batch"), dim("sequence"), dim("past")
    positions = {1: b, 2: s} if architecture.has_axes else {0: b, 1: s}
    shapes = (
        {0: b, 1: s},
        {0: b, 1: torch.export.Dim.DYNAMIC},
        positions,
        tuple([{0: b, 1: s}] * architecture.deepstack + [{0: b, 2: p}] * (2 * architecture.layers)),
    )
    present = [f"present.{index}.{kind}" for index in layers for kind in ("key", "value")]
    model = _trace(
        architecture.decoder,
        inputs,
        shapes,
        [
            "inputs_embeds",
            "attention_mask",
            "position_ids",
            *(f"deepstack_embeds.{index}" for index in deepstack),
            *(name.replace("present", "past_key_values") for name in present),
        ],
        ["last_hidden_state", *present],
    )
    _append_head(model.graph, architecture.head)
    _name_axes(
        model.graph.outputs,
        [
            ("batch", "kept", int(architecture.head.shape[0])),
            *([("batch", architecture.key_value_heads, "past + sequence", architecture.head_dim)] * len(present)),
        ],
    )
    by_name = {value.name: value for value in model.graph.inputs}
    by_name["attention_mask"].shape = ir.Shape(("batch", "past + sequence"))
    _save(model, path)


def _append_head(graph: ir.Graph, head: Tensor) -> None:
    """Multiply the last positions, as many as `num_logits_to_keep` says (0: all), by the vocabulary head."""
    hidden = graph.outputs[0]
    kept = _value("num_logits_to_keep", _INTEGER, ())
    graph.inputs.insert(3, kept)
    weight = _constant("lm_head.weight", head.t().contiguous())
    axis, last = _constant("head.axis", torch.tensor([1])), _constant("head.last", torch.tensor([2**63 - 1]))
    row = _constant("head.row", torch.tensor([0]))
    for constant in (weight, axis, last, row):
        graph.register_initializer(constant)
    negative = ir.node("Neg", [kept])
    start = ir.node("Unsqueeze", [negative.outputs[0], row])
    chosen = ir.node("Slice", [hidden, start.outputs[0], last, axis])
    logits = ir.node("MatMul", [chosen.outputs[0], weight], name="lm_head")
    for number, node in enumerate((negative, start, chosen)):
        node.outputs[0].name = f"head.{number}"
    logits.outputs[0].name, logits.outputs[0].dtype = "logits", _FLOAT
    graph.extend([negative, start, chosen, logits])
    graph.outputs[0] = logits.outputs[0]


def _trace(
    module: nn.Module,
    inputs: tuple[Any, ...],
    dynamic_shapes: tuple[Any, ...],
    input_names: list[str],
    output_names: list[str],
) -> ir.Model:
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module,
            inputs,
            dynamo=True,
            input_names=input_names,
            output_names=output_names,
            dynamic_shapes=dynamic_shapes,
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model
    # Stack traces and file names of the machine that wrote the graph say nothing to its readers.
    for node in model.graph:
        node.metadata_props.clear()
        node.doc_string = None
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    RemoveUnusedOpsetsPass()(model)
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the notes of the exporter, which are for its own developers, off the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _save(model: ir.Model, path: Path) -> None:
    size = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value is not None)
    ir.save(model, path, external_data=f"{path.name}_data" if size > LARGEST_SINGLE_FILE else None)


def _name_axes(values: Sequence[ir.Value], shapes: Sequence[tuple[str | int, ...]]) -> None:
    for value, shape in zip(values, shapes, strict=True):
        value.shape = ir.Shape(shape)


def _value(name: str, dtype: ir.DataType, shape: tuple[str | int, ...]) -> ir.Value:
    return ir.Value(name=name, type=ir.TensorType(dtype), shape=ir.Shape(shape))


def _constant(name: str, tensor: Tensor) -> ir.Value:
    array = ir.Tensor(np.ascontiguousarray(tensor.detach().numpy()), name=name)
    return ir.Value(name=name, type=ir.TensorType(array.dtype), shape=array.shape, const_value=array)
