"""Draws the language model of all four families: embeddings and past keys and values in, logits out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from vlm_judge_ros.export.graph import MASKED, Graph

INTEGER, FLOAT = ir.DataType.INT64, ir.DataType.FLOAT
LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """What distinguishes one decoder of the Llama kind from the next.

    Attributes:
        hidden: hidden size.
        layers: number of layers.
        heads: query heads.
        key_value_heads: heads of keys and values.
        head_dim: size of a head.
        vocabulary: number of logits.
        epsilon: of the normalisations.
        activation: of the feed-forward layers.
        frequencies: of the rotary embedding, half as many as a head is large.
        rotary_scaling: factor on cosine and sine.
        position_axes: for each frequency, which row of the position ids turns it; empty where positions have one axis.
        deepstack: how many of the first layers take image features of their own.
    """

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    head_dim: int
    vocabulary: int
    epsilon: float
    activation: str
    frequencies: tuple[float, ...]
    rotary_scaling: float
    position_axes: tuple[int, ...]
    deepstack: int


def draw_embedding(shape: DecoderShape, weights: Mapping[str, Any], prefix: str) -> Graph:
    """Draw the graph from token ids to embeddings."""
    graph = Graph("embed_tokens", weights)
    ids = graph.input("input_ids", INTEGER, ("batch", "sequence"))
    embeddings = graph.op("Gather", graph.weight(f"{prefix}.embed_tokens.weight"), ids)
    graph.output("inputs_embeds", embeddings, ("batch", "sequence", shape.hidden))
    return graph


def draw_decoder(shape: DecoderShape, weights: Mapping[str, Any], prefix: str, head: str = "lm_head") -> Graph:
    """Draw the graph that continues a sequence.

    Args:
        shape: what to draw.
        weights: of the model, by name.
        prefix: name of the language model in the model.
        head: name of the vocabulary head in the model.
    """
    return _Drawing(shape, weights, prefix).draw(head)


class _Drawing:
    def __init__(self, shape: DecoderShape, weights: Mapping[str, Any], prefix: str) -> None:
        self._shape = shape
        self._prefix = prefix
        self._graph = graph = Graph("decoder_model_merged", weights)
        positions = (3, "batch", "sequence") if shape.position_axes else ("batch", "sequence")
        self._embeddings = graph.input("inputs_embeds", FLOAT, ("batch", "sequence", shape.hidden))
        self._attention_mask = graph.input("attention_mask", INTEGER, ("batch", "total"))
        self._position_ids = graph.input("position_ids", INTEGER, positions)
        self._kept = graph.input("num_logits_to_keep", INTEGER, ())
        self._deepstack = [
            graph.input(f"deepstack_embeds.{layer}", FLOAT, ("batch", "sequence", shape.hidden))
            for layer in range(shape.deepstack)
        ]
        state = ("batch", shape.key_value_heads, "past", shape.head_dim)
        self._past = [
            (
                graph.input(f"past_key_values.{layer}.key", FLOAT, state),
                graph.input(f"past_key_values.{layer}.value", FLOAT, state),
            )
            for layer in range(shape.layers)
        ]
        new, total = graph.axis_length(self._embeddings, 1), graph.axis_length(self._attention_mask, 1)
        self._mask = self._causal_mask(new, total)
        self._rotation = self._cosine_and_sine()
        # Shapes that the attention of every layer uses.
        heads, groups = shape.key_value_heads, shape.heads // shape.key_value_heads
        self._per_head = graph.op("Concat", graph.constant([0, heads, groups]), new, graph.constant([-1]), axis=0)
        self._as_rows = graph.op("Concat", graph.constant([0, heads, -1]), total, axis=0)

    def draw(self, head: str) -> Graph:
        graph, shape = self._graph, self._shape
        hidden = self._embeddings
        present: list[tuple[ir.Value, ir.Value]] = []
        for index in range(shape.layers):
            layer = f"{self._prefix}.layers.{index}"
            normal = graph.rms_norm(hidden, f"{layer}.input_layernorm", shape.epsilon)
            attended, key, value = self._attend(normal, f"{layer}.self_attn", *self._past[index])
            hidden = graph.op("Add", hidden, attended)
            normal = graph.rms_norm(hidden, f"{layer}.post_attention_layernorm", shape.epsilon)
            hidden = graph.op("Add", hidden, graph.gated_mlp(normal, f"{layer}.mlp", shape.activation))
            if index < shape.deepstack:
                hidden = graph.op("Add", hidden, self._deepstack[index])
            present.append((key, value))
        # Only the positions that are asked for are multiplied by the vocabulary; 0 asks for all.
        start = graph.op("Unsqueeze", graph.op("Neg", self._kept), graph.constant([0]))
        hidden = graph.op("Slice", hidden, start, graph.constant([LAST]), graph.constant([1]))
        hidden = graph.rms_norm(hidden, f"{self._prefix}.norm", shape.epsilon)
        logits = graph.linear(hidden, head)
        graph.output("logits", logits, ("batch", "kept", shape.vocabulary))
        state = ("batch", shape.key_value_heads, "total", shape.head_dim)
        for index, (key, value) in enumerate(present):
            graph.output(f"present.{index}.key", key, state)
            graph.output(f"present.{index}.value", value, state)
        return graph

    def _causal_mask(self, new: ir.Value, total: ir.Value) -> ir.Value:
        """What is added to the scores: (batch, 1, 1, new, total), 0 where a token may be seen."""
        graph = self._graph
        rows = graph.op("Add", graph.count(new), graph.op("Sub", total, new))
        columns = graph.op("Unsqueeze", graph.count(total), graph.constant([0]))
        earlier = graph.op("LessOrEqual", columns, graph.op("Unsqueeze", rows, graph.constant([1])))
        present = graph.op("Greater", self._attention_mask, graph.constant(0))
        present = graph.op("Unsqueeze", present, graph.constant([1]))
        seen = graph.op("Unsqueeze", graph.op("And", earlier, present), graph.constant([1, 2]))
        return graph.op("Where", seen, graph.number(0.0), graph.number(MASKED))

    def _cosine_and_sine(self) -> tuple[ir.Value, ir.Value]:
        """Cosine and sine (batch, 1, new, half a head)."""
        graph, shape = self._graph, self._shape
        if shape.position_axes:
            # (3, batch, new) -> the row that turns each frequency: (batch, new, frequencies).
            positions = graph.op("Gather", self._position_ids, graph.constant(shape.position_axes), axis=0)
            positions = graph.op("Transpose", positions, perm=[1, 2, 0])
        else:
            positions = graph.op("Unsqueeze", self._position_ids, graph.constant([2]))
        with graph.exactly():
            angles = graph.op("Mul", graph.to_float(positions), graph.constant(shape.frequencies, np.float32))
            angles = graph.op("Unsqueeze", angles, graph.constant([1]))
            cosine, sine = graph.op("Cos", angles), graph.op("Sin", angles)
        if shape.rotary_scaling != 1.0:
            factor = graph.number(shape.rotary_scaling)
            cosine, sine = graph.op("Mul", cosine, factor), graph.op("Mul", sine, factor)
        return cosine, sine

    def _attend(
        self, hidden: ir.Value, name: str, past_key: ir.Value, past_value: ir.Value
    ) -> tuple[ir.Value, ir.Value, ir.Value]:
        """Attention of one layer, and its key and value (batch, heads, total, head size)."""
        graph, shape = self._graph, self._shape

        def heads(projection: str, count: int, norm: str = "") -> ir.Value:
            projected = graph.linear(hidden, f"{name}.{projection}")
            projected = graph.op("Reshape", projected, graph.constant([0, 0, count, shape.head_dim]))
            if norm and graph.has_weight(f"{name}.{norm}.weight"):
                projected = graph.rms_norm(projected, f"{name}.{norm}", shape.epsilon)
            return graph.op("Transpose", projected, perm=[0, 2, 1, 3])

        query = graph.rotate(heads("q_proj", shape.heads, "q_norm"), *self._rotation)
        query = graph.op("Mul", query, graph.number(shape.head_dim**-0.5))
        key = graph.rotate(heads("k_proj", shape.key_value_heads, "k_norm"), *self._rotation)
        key = graph.op("Concat", past_key, key, axis=2)
        value = graph.op("Concat", past_value, heads("v_proj", shape.key_value_heads), axis=2)
        # The queries of a group are rows of one matrix, so that keys and values need not be repeated for each of them.
        rows = graph.op("Reshape", query, graph.constant([0, shape.key_value_heads, -1, shape.head_dim]))
        scores = graph.op("MatMul", rows, graph.op("Transpose", key, perm=[0, 1, 3, 2]))
        scores = graph.op("Add", graph.op("Reshape", scores, self._per_head), self._mask)
        shares = graph.op("Reshape", graph.op("Softmax", scores, axis=-1), self._as_rows)
        mixed = graph.op("MatMul", shares, value)
        mixed = graph.op("Reshape", mixed, graph.constant([0, shape.heads, -1, shape.head_dim]))
        mixed = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = graph.op("Reshape", mixed, graph.constant([0, 0, shape.heads * shape.head_dim]))
        return graph.linear(mixed, f"{name}.o_proj"), key, value
