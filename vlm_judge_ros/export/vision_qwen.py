"""The vision encoders of Qwen2-VL, Qwen2.5-VL and Qwen3-VL as modules that ONNX can hold.

The transformers models cut the patches of several images apart with lists of lengths, which a graph cannot. Here every
patch knows its image, its row and its column from arithmetic, and attention is masked to what belongs together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vlm_judge_ros.export.projection import Projection

MASKED = torch.finfo(torch.float32).min


@dataclass(frozen=True, slots=True)
class _Places:
    """Where each patch lies; every field is (patches,).

    Attributes:
        frame_start: index of the first patch of the frame that the patch is of.
        row: its row in patches.
        column: its column in patches.
        rows: rows of its frame.
        columns: columns of its frame.
    """

    frame_start: Tensor
    row: Tensor
    column: Tensor
    rows: Tensor
    columns: Tensor


def _locate(grid: Tensor, count: int, merge: int) -> _Places:
    """Find the places of `count` patches of images with these grids (images, 3).

    Patches come in blocks of merge x merge, the blocks row by row.
    """
    sizes = grid[:, 0] * grid[:, 1] * grid[:, 2]
    ends = torch.cumsum(sizes, dim=0)
    index = torch.arange(count)
    image = (index[:, None] >= ends[None, :]).sum(dim=1)
    start = (ends - sizes)[image]
    rows, columns = grid[:, 1][image], grid[:, 2][image]
    in_frame = (index - start) % (rows * columns)
    in_block = in_frame % (merge * merge)
    block = in_frame // (merge * merge)
    blocks_per_row = columns // merge
    return _Places(
        frame_start=index - in_frame,
        row=block // blocks_per_row * merge + in_block // merge,
        column=block % blocks_per_row * merge + in_block % merge,
        rows=rows,
        columns=columns,
    )


class QwenVision(nn.Module):
    """Vision encoder of a Qwen family: patches in; out come image features, and DeepStack features where there are."""

    frequencies: Tensor

    def __init__(self, visual: Any) -> None:
        """Take over the parts of the `visual` of a loaded transformers model."""
        super().__init__()
        config = visual.config
        self.merge: int = config.spatial_merge_size
        self.heads: int = config.num_heads
        self.blocks = visual.blocks
        self.merger = visual.merger
        # A convolution whose kernel is as large as its input is a matrix product.
        convolution = visual.patch_embed.proj
        self.patch_embed = Projection(convolution.weight.flatten(1), convolution.bias)
        self.position_embedding: nn.Module | None = getattr(visual, "pos_embed", None)
        self.positions_per_side: int = getattr(visual, "num_grid_per_side", 0)
        self.deepstack_layers: list[int] = list(getattr(visual, "deepstack_visual_indexes", ()))
        self.deepstack_mergers = getattr(visual, "deepstack_merger_list", nn.ModuleList())
        self.window = _window_side(config)
        self.full_attention: list[int] = list(getattr(config, "fullatt_block_indexes", ()))
        self.register_buffer("frequencies", visual.rotary_pos_emb.inv_freq.clone().float(), persistent=False)

    def forward(self, pixel_values: Tensor, grid: Tensor) -> tuple[Tensor, ...]:
        """Encode images.

        Args:
            pixel_values: (patches, values of a patch), the images one after the other.
            grid: (images, 3), frames, rows and columns of each image in patches.

        Returns:
            Image features (tokens, hidden of the language model), then DeepStack features of the same shape per layer.
        """
        places = _locate(grid, pixel_values.shape[0], self.merge)
        hidden = self.patch_embed(pixel_values)
        if self.position_embedding is not None:
            hidden = hidden + self._position_embedding(self.position_embedding, places)
        rotation = self._rotation(places)
        same_frame = _mask(places.frame_start)
        same_window = _mask(self._window_index(places)) if self.window else same_frame
        deepstack: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            mask = same_frame if not self.window or index in self.full_attention else same_window
            hidden = hidden + self._attend(block.attn, block.norm1(hidden), rotation, mask)
            hidden = hidden + block.mlp(block.norm2(hidden))
            if index in self.deepstack_layers:
                deepstack.append(self.deepstack_mergers[self.deepstack_layers.index(index)](hidden))
        return (self.merger(hidden), *deepstack)

    def _rotation(self, places: _Places) -> tuple[Tensor, Tensor]:
        """Cosine and sine (1, patches, head size)."""
        rows = places.row.float()[:, None] * self.frequencies
        columns = places.column.float()[:, None] * self.frequencies
        angles = torch.cat((rows, columns, rows, columns), dim=-1)[None]
        return angles.cos(), angles.sin()

    def _window_index(self, places: _Places) -> Tensor:
        """A number that patches of the same window share, and no others."""
        side = self.window * self.merge
        windows_per_row = (places.columns + side - 1) // side
        return places.frame_start + places.row // side * windows_per_row + places.column // side

    def _position_embedding(self, table: nn.Module, places: _Places) -> Tensor:
        """The learned square table, stretched bilinearly over the image so that the corners meet."""
        side = self.positions_per_side

        def between(index: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            at = index.float() * (side - 1) / torch.clamp(count - 1, min=1).float()
            low = at.floor()
            return low.long(), torch.clamp(low.long() + 1, max=side - 1), at - low

        top, bottom, down = between(places.row, places.rows)
        left, right, along = between(places.column, places.columns)
        down, along = down[:, None], along[:, None]
        upper = table(top * side + left) * (1 - along) + table(top * side + right) * along
        lower = table(bottom * side + left) * (1 - along) + table(bottom * side + right) * along
        embedding: Tensor = upper * (1 - down) + lower * down
        return embedding

    def _attend(self, attention: Any, hidden: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        count = hidden.shape[0]
        parts = attention.qkv(hidden).view(count, 3, self.heads, -1).permute(1, 2, 0, 3)
        query, key, value = parts[0], parts[1], parts[2]
        query, key = _rotate(query, *rotation), _rotate(key, *rotation)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(1, 2) + mask
        mixed = torch.softmax(scores, dim=-1) @ value
        projected: Tensor = attention.proj(mixed.transpose(0, 1).reshape(count, -1))
        return projected


def _window_side(config: Any) -> int:
    """Side of an attention window in merged patches; 0 where every block sees the whole image."""
    if not getattr(config, "fullatt_block_indexes", None):
        return 0
    return int(config.window_size // config.spatial_merge_size // config.patch_size)


def _mask(group: Tensor) -> Tensor:
    """What is added to the scores: (1, patches, patches), 0 within a group."""
    return torch.where(group[:, None] == group[None, :], 0.0, MASKED)[None]


def _rotate(heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = heads.chunk(2, dim=-1)
    return heads * cosine + torch.cat((-second, first), dim=-1) * sine
