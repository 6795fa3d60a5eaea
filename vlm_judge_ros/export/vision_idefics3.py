"""Draws the vision encoder of Idefics3 and SmolVLM, with the connector to the language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from vlm_judge_ros.export.graph import MASKED, Graph


@dataclass(frozen=True, slots=True)
class Idefics3VisionShape:
    """What distinguishes one such encoder from the next.

    Attributes:
        side: pixels along a side of a tile.
        patch: pixels along a side of a patch.
        channels: colours of a pixel.
        layers: number of layers.
        heads: attention heads.
        width: hidden size of the encoder.
        hidden: hidden size of the language model.
        epsilon: of the normalisations.
        activation: of the feed-forward layers.
        merge: patches along a side of a block that becomes one token.
    """

    side: int
    patch: int
    channels: int
    layers: int
    heads: int
    width: int
    hidden: int
    epsilon: float
    activation: str
    merge: int

    @property
    def patches(self) -> int:
        """Patches along a side of a tile."""
        return self.side // self.patch


def draw_idefics3_vision(shape: Idefics3VisionShape, weights: Mapping[str, Any], vision: str, connector: str) -> Graph:
    """Draw the graph from tiles to image features.

    Args:
        shape: what to draw.
        weights: of the model, by name.
        vision: name of the vision encoder in the model.
        connector: name of the connector in the model.
    """
    graph = Graph("vision_encoder", weights)
    pixels = graph.input("pixel_values", ir.DataType.FLOAT, ("batch", "tiles", shape.channels, shape.side, shape.side))
    mask = graph.input("pixel_attention_mask", ir.DataType.BOOL, ("batch", "tiles", shape.side, shape.side))
    seen = _seen_patches(graph, shape, mask)
    hidden = _embed(graph, shape, pixels, f"{vision}.embeddings")
    with graph.exactly():
        position_ids = _position_ids(graph, shape, seen)
    positions = graph.weight(f"{vision}.embeddings.position_embedding.weight")
    hidden = graph.op("Add", hidden, graph.op("Gather", positions, position_ids, axis=0))
    blind = graph.op("Reshape", seen, graph.constant([0, 1, 1, shape.patches**2]))
    blind = graph.op("Where", blind, graph.number(0.0), graph.number(MASKED))
    for index in range(shape.layers):
        layer = f"{vision}.encoder.layers.{index}"
        normal = graph.layer_norm(hidden, f"{layer}.layer_norm1", shape.epsilon)
        hidden = graph.op("Add", hidden, _attend(graph, shape, normal, f"{layer}.self_attn", blind))
        normal = graph.layer_norm(hidden, f"{layer}.layer_norm2", shape.epsilon)
        fed = graph.mlp(normal, f"{layer}.mlp.fc1", f"{layer}.mlp.fc2", shape.activation)
        hidden = graph.op("Add", hidden, fed)
    hidden = graph.layer_norm(hidden, f"{vision}.post_layernorm", shape.epsilon)
    features = graph.linear(_merge(graph, shape, hidden), f"{connector}.modality_projection.proj")
    graph.output("image_features", features, ("images", (shape.patches // shape.merge) ** 2, shape.hidden))
    return graph


def _seen_patches(graph: Graph, shape: Idefics3VisionShape, mask: ir.Value) -> ir.Value:
    """Which patches show some of the image: bool (tiles, rows, columns)."""
    # Pixels at the end that fill no patch are seen by none.
    used, nothing = graph.constant([shape.patches * shape.patch] * 2), graph.constant([0, 0])
    mask = graph.op("Slice", mask, nothing, used, graph.constant([2, 3]))
    split = graph.constant([-1, shape.patches, shape.patch, shape.patches, shape.patch])
    blocks = graph.op("Reshape", graph.to_float(mask), split)
    most = graph.op("ReduceMax", blocks, graph.constant([2, 4]), keepdims=0)
    return graph.op("Greater", most, graph.number(0.0))


def _embed(graph: Graph, shape: Idefics3VisionShape, pixels: ir.Value, name: str) -> ir.Value:
    """Patch embeddings (tiles, patches, width)."""
    tiles = graph.op("Reshape", pixels, graph.constant([-1, shape.channels, shape.side, shape.side]))
    kernel, bias = (graph.weight(f"{name}.patch_embedding.{part}") for part in ("weight", "bias"))
    sides = [shape.patch, shape.patch]
    embedded = graph.op("Conv", tiles, kernel, bias, name=f"{name}.patch_embedding", kernel_shape=sides, strides=sides)
    embedded = graph.op("Reshape", embedded, graph.constant([0, 0, shape.patches**2]))
    return graph.op("Transpose", embedded, perm=[0, 2, 1])


def _position_ids(graph: Graph, shape: Idefics3VisionShape, seen: ir.Value) -> ir.Value:
    """Row of the position table for each patch: the seen part of a tile is stretched over the whole table."""
    count = shape.patches
    # In single precision, as the model computes them, so that a patch on a border falls on the same side of it.
    borders = graph.constant(np.arange(1 / count, 1.0, 1 / count), np.float32)
    steps = graph.constant(np.arange(count), np.float32)
    flags = graph.to_float(seen)

    def stretched(axis: int) -> ir.Value:
        line = graph.op("Gather", flags, graph.constant(0), axis=axis)
        total = graph.op("ReduceSum", line, graph.constant([1]), keepdims=1)
        share = graph.op("Mul", steps, graph.op("Div", graph.number(1.0), total))
        share = graph.op("Unsqueeze", graph.op("Min", share, graph.number(1.0 - 1e-6)), graph.constant([2]))
        passed = graph.to_integer(graph.op("GreaterOrEqual", share, borders))
        return graph.op("ReduceSum", passed, graph.constant([2]), keepdims=0)

    rows = graph.op("Unsqueeze", graph.op("Mul", stretched(2), graph.constant(count)), graph.constant([2]))
    columns = graph.op("Unsqueeze", stretched(1), graph.constant([1]))
    ids = graph.op("Where", seen, graph.op("Add", rows, columns), graph.constant(0))
    return graph.op("Reshape", ids, graph.constant([0, count * count]))


def _attend(graph: Graph, shape: Idefics3VisionShape, hidden: ir.Value, name: str, mask: ir.Value) -> ir.Value:
    head_dim = shape.width // shape.heads

    def heads(projection: str, order: list[int]) -> ir.Value:
        projected = graph.linear(hidden, f"{name}.{projection}")
        projected = graph.op("Reshape", projected, graph.constant([0, 0, shape.heads, head_dim]))
        return graph.op("Transpose", projected, perm=order)

    query = graph.op("Mul", heads("q_proj", [0, 2, 1, 3]), graph.number(head_dim**-0.5))
    scores = graph.op("MatMul", query, heads("k_proj", [0, 2, 3, 1]))
    shares = graph.op("Softmax", graph.op("Add", scores, mask), axis=-1)
    mixed = graph.op("MatMul", shares, heads("v_proj", [0, 2, 1, 3]))
    mixed = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.linear(graph.op("Reshape", mixed, graph.constant([0, 0, shape.width])), f"{name}.out_proj")


def _merge(graph: Graph, shape: Idefics3VisionShape, hidden: ir.Value) -> ir.Value:
    """Lay the patches of a block side by side in one token."""
    blocks, merge = shape.patches // shape.merge, shape.merge
    split = graph.op("Reshape", hidden, graph.constant([-1, blocks, merge, blocks, merge, shape.width]))
    together = graph.op("Transpose", split, perm=[0, 1, 3, 2, 4, 5])
    return graph.op("Reshape", together, graph.constant([-1, blocks * blocks, merge * merge * shape.width]))
