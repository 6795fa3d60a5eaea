"""Draws the vision encoders of Qwen2-VL, Qwen2.5-VL and Qwen3-VL.

The transformers models cut the patches of several images apart with lists of lengths, which a graph cannot. Here every
patch knows its image, its row and its column from arithmetic, and attention is masked to what belongs together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from vlm_judge_ros.export.graph import MASKED, Graph

EPSILON = 1e-6
"""Of all normalisations; the models have it fixed in their code."""


@dataclass(frozen=True, slots=True)
class QwenVisionShape:
    """What distinguishes one Qwen vision encoder from the next.

    Attributes:
        generation: "2", "2.5" or "3".
        patch_values: numbers in a patch.
        layers: number of blocks.
        heads: attention heads.
        head_dim: size of a head.
        hidden: hidden size of the language model.
        merge: patches along a side of a block that becomes one token.
        activation: of the feed-forward layers.
        frequencies: of the rotary embedding, a quarter as many as a head is large.
        window: side of an attention window in patches; 0 where every block sees the whole image.
        full_attention: blocks that see the whole image in spite of windows.
        positions_per_side: side of the learned table of positions; 0 where there is none.
        deepstack_layers: blocks after which features are taken for the first layers of the language model.
    """

    generation: str
    patch_values: int
    layers: int
    heads: int
    head_dim: int
    hidden: int
    merge: int
    activation: str
    frequencies: tuple[float, ...]
    window: int = 0
    full_attention: tuple[int, ...] = ()
    positions_per_side: int = 0
    deepstack_layers: tuple[int, ...] = ()

    @property
    def grid_name(self) -> str:
        """Name that the input with the grids has in published models."""
        return "grid_thw" if self.generation == "2" else "image_grid_thw"


@dataclass(frozen=True, slots=True)
class _Places:
    """Where each patch lies; every field is an integer (patches,).

    Attributes:
        frame_start: index of the first patch of the frame that the patch is of.
        row: its row in patches.
        column: its column in patches.
        rows: rows of its frame.
        columns: columns of its frame.
    """

    frame_start: ir.Value
    row: ir.Value
    column: ir.Value
    rows: ir.Value
    columns: ir.Value


def draw_qwen_vision(shape: QwenVisionShape, weights: Mapping[str, Any], prefix: str) -> Graph:
    """Draw the graph from patches to image features.

    Args:
        shape: what to draw.
        weights: of the model, by name.
        prefix: name of the vision encoder in the model.
    """
    return _Drawing(shape, weights, prefix).draw()


class _Drawing:
    def __init__(self, shape: QwenVisionShape, weights: Mapping[str, Any], prefix: str) -> None:
        self._shape = shape
        self._prefix = prefix
        self._graph = graph = Graph("vision_encoder", weights)
        self._pixels = graph.input("pixel_values", ir.DataType.FLOAT, ("patches", shape.patch_values))
        self._grid = graph.input(shape.grid_name, ir.DataType.INT64, ("images", 3))
        self._places = self._locate()
        self._rotation = self._cosine_and_sine()
        self._same_frame = self._mask(self._places.frame_start)
        self._same_window = self._mask(self._window_index()) if shape.window else self._same_frame

    def draw(self) -> Graph:
        graph, shape = self._graph, self._shape
        # A convolution whose kernel is as large as its input is a matrix product.
        hidden = graph.linear(self._pixels, f"{self._prefix}.patch_embed.proj")
        if shape.positions_per_side:
            hidden = graph.op("Add", hidden, self._position_embedding())
        deepstack: list[ir.Value] = []
        for index in range(shape.layers):
            block = f"{self._prefix}.blocks.{index}"
            sees_all = not shape.window or index in shape.full_attention
            mask = self._same_frame if sees_all else self._same_window
            hidden = graph.op("Add", hidden, self._attend(self._norm(hidden, f"{block}.norm1"), f"{block}.attn", mask))
            hidden = graph.op("Add", hidden, self._feed_forward(self._norm(hidden, f"{block}.norm2"), f"{block}.mlp"))
            if index in shape.deepstack_layers:
                merger = f"{self._prefix}.deepstack_merger_list.{shape.deepstack_layers.index(index)}"
                deepstack.append(self._merge(hidden, merger, norm_after=True))
        graph.output("image_features", self._merge(hidden, f"{self._prefix}.merger"), ("tokens", shape.hidden))
        for index, features in enumerate(deepstack):
            graph.output(f"deepstack_features.{index}", features, ("tokens", shape.hidden))
        return graph

    def _locate(self) -> _Places:
        """Patches come in blocks of merge x merge, the blocks row by row, the images one after the other."""
        graph, merge = self._graph, self._shape.merge

        def of_images(axis: int) -> ir.Value:
            return graph.op("Gather", self._grid, graph.constant(axis), axis=1)

        one = graph.constant([1])
        frame_sizes = graph.op("Mul", of_images(1), of_images(2))
        sizes = graph.op("Mul", of_images(0), frame_sizes)
        ends = graph.op("CumSum", sizes, graph.constant(0))
        index = graph.count(graph.axis_length(self._pixels, 0))
        passed = graph.op(
            "GreaterOrEqual", graph.op("Unsqueeze", index, one), graph.op("Unsqueeze", ends, graph.constant([0]))
        )
        image = graph.op("ReduceSum", graph.to_integer(passed), one, keepdims=0)

        def of_patches(values: ir.Value) -> ir.Value:
            return graph.op("Gather", values, image, axis=0)

        start = of_patches(graph.op("Sub", ends, sizes))
        in_frame = graph.op("Mod", graph.op("Sub", index, start), of_patches(frame_sizes))
        side, area = graph.constant(merge), graph.constant(merge * merge)
        in_block = graph.op("Mod", in_frame, area)
        block = graph.op("Div", in_frame, area)
        columns = of_patches(of_images(2))
        blocks_per_row = graph.op("Div", columns, side)

        def place(of_block: ir.Value, within: ir.Value) -> ir.Value:
            return graph.op("Add", graph.op("Mul", of_block, side), within)

        return _Places(
            frame_start=graph.op("Sub", index, in_frame),
            row=place(graph.op("Div", block, blocks_per_row), graph.op("Div", in_block, side)),
            column=place(graph.op("Mod", block, blocks_per_row), graph.op("Mod", in_block, side)),
            rows=of_patches(of_images(1)),
            columns=columns,
        )

    def _cosine_and_sine(self) -> tuple[ir.Value, ir.Value]:
        """Cosine and sine (patches, half a head): the first half of the frequencies turn with the row."""
        graph = self._graph
        frequencies = graph.constant(self._shape.frequencies, np.float32)

        def angles(places: ir.Value) -> ir.Value:
            return graph.op("Mul", graph.op("Unsqueeze", graph.to_float(places), graph.constant([1])), frequencies)

        with graph.exactly():
            both = graph.op("Concat", angles(self._places.row), angles(self._places.column), axis=-1)
            return graph.op("Cos", both), graph.op("Sin", both)

    def _mask(self, group: ir.Value) -> ir.Value:
        """What is added to the scores: (patches, patches), 0 within a group."""
        graph = self._graph
        down, along = (graph.op("Unsqueeze", group, graph.constant([axis])) for axis in (1, 0))
        return graph.op("Where", graph.op("Equal", down, along), graph.number(0.0), graph.number(MASKED))

    def _window_index(self) -> ir.Value:
        """A number that patches of the same window share, and no others."""
        graph, places = self._graph, self._places
        side = graph.constant(self._shape.window)
        grown = graph.op("Add", places.columns, graph.constant(self._shape.window - 1))
        windows_per_row = graph.op("Div", grown, side)
        before = graph.op("Mul", graph.op("Div", places.row, side), windows_per_row)
        within = graph.op("Add", before, graph.op("Div", places.column, side))
        return graph.op("Add", places.frame_start, within)

    def _position_embedding(self) -> ir.Value:
        """The learned square table, stretched bilinearly over the image so that the corners meet."""
        graph, places, side = self._graph, self._places, self._shape.positions_per_side
        table = graph.weight(f"{self._prefix}.pos_embed.weight")
        one, last = graph.constant(1), graph.constant(side - 1)

        def between(index: ir.Value, count: ir.Value) -> tuple[ir.Value, ir.Value, Sequence[ir.Value]]:
            steps = graph.to_float(graph.op("Max", graph.op("Sub", count, one), one))
            at = graph.op("Div", graph.op("Mul", graph.to_float(index), graph.number(side - 1)), steps)
            low = graph.op("Floor", at)
            first = graph.to_integer(low)
            second = graph.op("Min", graph.op("Add", first, one), last)
            share = graph.op("Unsqueeze", graph.op("Sub", at, low), graph.constant([1]))
            return first, second, (graph.op("Sub", graph.number(1.0), share), share)

        with graph.exactly():
            top, bottom, down = between(places.row, places.rows)
            left, right, along = between(places.column, places.columns)

        def look_up(row: ir.Value, column: ir.Value) -> ir.Value:
            index = graph.op("Add", graph.op("Mul", row, graph.constant(side)), column)
            return graph.op("Gather", table, index, axis=0)

        def mix(first: ir.Value, second: ir.Value, shares: Sequence[ir.Value]) -> ir.Value:
            return graph.op("Add", graph.op("Mul", first, shares[0]), graph.op("Mul", second, shares[1]))

        upper = mix(look_up(top, left), look_up(top, right), along)
        lower = mix(look_up(bottom, left), look_up(bottom, right), along)
        return mix(upper, lower, down)

    def _norm(self, hidden: ir.Value, name: str) -> ir.Value:
        if self._shape.generation == "2.5":
            return self._graph.rms_norm(hidden, name, EPSILON)
        return self._graph.layer_norm(hidden, name, EPSILON)

    def _feed_forward(self, hidden: ir.Value, name: str) -> ir.Value:
        if self._shape.generation == "2.5":
            return self._graph.gated_mlp(hidden, name, self._shape.activation)
        first, second = ("fc1", "fc2") if self._shape.generation == "2" else ("linear_fc1", "linear_fc2")
        return self._graph.mlp(hidden, f"{name}.{first}", f"{name}.{second}", self._shape.activation)

    def _merge(self, hidden: ir.Value, name: str, *, norm_after: bool = False) -> ir.Value:
        """Make one token of each block of patches."""
        graph, shape = self._graph, self._shape
        width = shape.heads * shape.head_dim * shape.merge * shape.merge
        norm = f"{name}.norm" if shape.generation == "3" else f"{name}.ln_q"
        if not norm_after:
            hidden = self._norm(hidden, norm)
        hidden = graph.op("Reshape", hidden, graph.constant([-1, width]))
        if norm_after:
            hidden = self._norm(hidden, norm)
        first, second = ("linear_fc1", "linear_fc2") if shape.generation == "3" else ("mlp.0", "mlp.2")
        return graph.mlp(hidden, f"{name}.{first}", f"{name}.{second}", "gelu")

    def _attend(self, hidden: ir.Value, name: str, mask: ir.Value) -> ir.Value:
        graph, shape = self._graph, self._shape
        parts = graph.op(
            "Reshape", graph.linear(hidden, f"{name}.qkv"), graph.constant([-1, 3, shape.heads, shape.head_dim])
        )
        parts = graph.op("Transpose", parts, perm=[1, 2, 0, 3])
        query, key, value = (graph.op("Squeeze", part, graph.constant([0])) for part in graph.split(parts, 3, 0))
        query, key = graph.rotate(query, *self._rotation), graph.rotate(key, *self._rotation)
        query = graph.op("Mul", query, graph.number(shape.head_dim**-0.5))
        scores = graph.op("MatMul", query, graph.op("Transpose", key, perm=[0, 2, 1]))
        shares = graph.op("Softmax", graph.op("Add", scores, mask), axis=-1)
        mixed = graph.op("Transpose", graph.op("MatMul", shares, value), perm=[1, 0, 2])
        mixed = graph.op("Reshape", mixed, graph.constant([-1, shape.heads * shape.head_dim]))
        return graph.linear(mixed, f"{name}.proj")
