"""The vision encoder of Idefics3 and SmolVLM as a module that ONNX can hold."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

MASKED = torch.finfo(torch.float32).min


class Idefics3Vision(nn.Module):
    """Square tiles in, image features out; the connector to the language model is part of it."""

    borders: Tensor

    def __init__(self, model: Any) -> None:
        """Take over the parts of the `model` of a loaded transformers model for conditional generation."""
        super().__init__()
        vision = model.vision_model
        self.patch_size: int = vision.config.patch_size
        self.per_side: int = vision.config.image_size // vision.config.patch_size
        self.heads: int = vision.config.num_attention_heads
        self.patch_embedding = vision.embeddings.patch_embedding
        self.position_embedding = vision.embeddings.position_embedding
        self.layers = vision.encoder.layers
        self.norm = vision.post_layernorm
        self.connector = model.connector
        self.register_buffer("borders", torch.arange(1 / self.per_side, 1.0, 1 / self.per_side), persistent=False)

    def forward(self, pixel_values: Tensor, pixel_attention_mask: Tensor) -> Tensor:
        """Encode tiles.

        Args:
            pixel_values: (batch, tiles, 3, side, side).
            pixel_attention_mask: bool (batch, tiles, side, side), true where there is an image.

        Returns:
            Image features (batch * tiles, tokens of a tile, hidden of the language model).
        """
        side = self.per_side
        pixels = pixel_values.flatten(0, 1)
        blocks = pixel_attention_mask.view(-1, side, self.patch_size, side, self.patch_size)
        seen = blocks.float().amax(dim=(2, 4)) > 0
        hidden = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        hidden = hidden + self.position_embedding(self._position_ids(seen))
        mask = torch.where(seen.flatten(1), 0.0, MASKED)[:, None, None]
        for layer in self.layers:
            hidden = hidden + self._attend(layer.self_attn, layer.layer_norm1(hidden), mask)
            hidden = hidden + layer.mlp(layer.layer_norm2(hidden))
        features: Tensor = self.connector(self.norm(hidden))
        return features

    def _position_ids(self, seen: Tensor) -> Tensor:
        """Row of the position table for each patch: the seen part of a tile is stretched over the whole table."""

        def stretched(count: Tensor) -> Tensor:
            share = torch.arange(self.per_side).float() * (1.0 / count.float())[:, None]
            share = torch.clamp(share, max=1.0 - 1e-6)
            return (share[:, :, None] >= self.borders).sum(dim=2)

        rows = stretched(seen[:, :, 0].sum(dim=1))
        columns = stretched(seen[:, 0, :].sum(dim=1))
        ids = rows[:, :, None] * self.per_side + columns[:, None, :]
        return torch.where(seen, ids, 0).flatten(1)

    def _attend(self, attention: Any, hidden: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = hidden.shape

        def split(projected: Tensor) -> Tensor:
            return projected.view(batch, length, self.heads, -1).transpose(1, 2)

        query, key, value = (split(part(hidden)) for part in (attention.q_proj, attention.k_proj, attention.v_proj))
        scores = (query * (width // self.heads) ** -0.5) @ key.transpose(2, 3) + mask
        mixed = torch.softmax(scores, dim=-1) @ value
        projected: Tensor = attention.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return projected
