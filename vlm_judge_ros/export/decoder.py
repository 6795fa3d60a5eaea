"""The language model of all four families as one module that ONNX can hold: keys and values go in and come out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

MASKED = torch.finfo(torch.float32).min


class Decoder(nn.Module):
    """Decoder layers of the Llama kind, grouped-query attention, rotary positions of one or three axes.

    The layers of the transformers model are used as they are; only the order of work is ours. The vocabulary head is
    not part of it, so that the writer of the graph can put the choice of positions before it.
    """

    frequencies: Tensor
    axes: Tensor

    def __init__(self, text_model: Any, position_axes: list[int], deepstack_layers: int) -> None:
        """Take over the layers of a loaded model.

        Args:
            text_model: the `language_model` or `text_model` of a loaded transformers model.
            position_axes: for each rotary frequency, which row of the position ids turns it; all zero for positions of
                one axis.
            deepstack_layers: how many of the first layers take image features of their own.
        """
        super().__init__()
        config = text_model.config
        self.layers = text_model.layers
        self.norm = text_model.norm
        self.head_dim: int = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.key_value_heads: int = config.num_key_value_heads
        self.groups: int = config.num_attention_heads // config.num_key_value_heads
        self.has_axes = any(position_axes)
        self.deepstack_layers = deepstack_layers
        self.rotary_scaling = float(text_model.rotary_emb.attention_scaling)
        self.register_buffer("frequencies", text_model.rotary_emb.inv_freq.clone().float(), persistent=False)
        self.register_buffer("axes", torch.tensor(position_axes), persistent=False)

    def forward(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        *others: Tensor,
    ) -> tuple[Tensor, ...]:
        """Continue a sequence.

        Args:
            inputs_embeds: (batch, new, hidden).
            attention_mask: (batch, past + new), 1 where a token may be seen.
            position_ids: (batch, new), or (3, batch, new) for positions of three axes.
            others: first DeepStack features for each of the first layers, (batch, new, hidden), added after the layer,
                zero where there is no image; then key and value of each layer, (batch, heads, past, head size).

        Returns:
            The normalised last hidden state, then key and value of each layer, past and new together.
        """
        deepstack, past = others[: self.deepstack_layers], others[self.deepstack_layers :]
        rotation = self._rotation(position_ids)
        mask = _causal_mask(attention_mask, inputs_embeds.shape[1])
        hidden = inputs_embeds
        present: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            attended, key, value = self._attend(
                layer.self_attn,
                layer.input_layernorm(hidden),
                rotation,
                mask,
                (past[2 * index], past[2 * index + 1]),
            )
            hidden = hidden + attended
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
            if index < self.deepstack_layers:
                hidden = hidden + deepstack[index]
            present += [key, value]
        return (self.norm(hidden), *present)

    def _rotation(self, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine (batch, 1, new, head size) of the rotary embedding."""
        positions = position_ids.float()
        # (3, batch, new) -> the row that turns each frequency: (batch, new, frequencies).
        turned = positions[self.axes].permute(1, 2, 0) if self.has_axes else positions[:, :, None]
        angles = turned * self.frequencies
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        return angles.cos() * self.rotary_scaling, angles.sin() * self.rotary_scaling

    def _attend(
        self,
        attention: Any,
        hidden: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor,
        past: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch, length, _ = hidden.shape
        query = attention.q_proj(hidden).view(batch, length, -1, self.head_dim)
        key = attention.k_proj(hidden).view(batch, length, -1, self.head_dim)
        value = attention.v_proj(hidden).view(batch, length, -1, self.head_dim).transpose(1, 2)
        if hasattr(attention, "q_norm"):
            query, key = attention.q_norm(query), attention.k_norm(key)
        query, key = _rotate(query.transpose(1, 2), *rotation), _rotate(key.transpose(1, 2), *rotation)
        key, value = torch.cat((past[0], key), dim=2), torch.cat((past[1], value), dim=2)
        # The queries of a group are rows of one matrix, so that keys and values need not be repeated for each of them.
        rows = query.reshape(batch, self.key_value_heads, self.groups * length, self.head_dim)
        scores = (rows * self.head_dim**-0.5) @ key.transpose(2, 3)
        scores = scores.view(batch, self.key_value_heads, self.groups, length, -1) + mask
        weights = torch.softmax(scores, dim=-1)
        rows = weights.view(batch, self.key_value_heads, self.groups * length, -1) @ value
        mixed = rows.view(batch, self.key_value_heads * self.groups, length, self.head_dim).transpose(1, 2)
        return attention.o_proj(mixed.reshape(batch, length, -1)), key, value


def _rotate(heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = heads.chunk(2, dim=-1)
    return heads * cosine + torch.cat((-second, first), dim=-1) * sine


def _causal_mask(attention_mask: Tensor, length: int) -> Tensor:
    """What is added to the scores: (batch, 1, 1, new, past + new), 0 where a token may be seen."""
    total = attention_mask.shape[1]
    rows = torch.arange(length)[:, None] + (total - length)
    columns = torch.arange(total)[None, :]
    seen = (columns <= rows)[None] & (attention_mask > 0)[:, None]
    return torch.where(seen, 0.0, MASKED)[:, None, None]
