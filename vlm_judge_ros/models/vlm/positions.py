"""Positions of tokens, as the rotary embedding of each family counts them.

Both functions take the tokens that follow position `start`, and give an array of shape (axes, tokens) and the position
of the next token. With images in between, that is less than the number of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Positions: TypeAlias = NDArray[np.int64]
PositionRule: TypeAlias = Callable[[NDArray[np.bool_], Sequence[tuple[int, int]], int], tuple[Positions, int]]


def linear(is_image: NDArray[np.bool_], shapes: Sequence[tuple[int, int]], start: int) -> tuple[Positions, int]:
    """Count every token alike, as Idefics3 and SmolVLM do.

    Args:
        is_image: which tokens stand for a part of an image, shape (tokens,).
        shapes: rows and columns of tokens of each image; not looked at.
        start: position of the first token.

    Returns:
        Positions of shape (1, tokens), and the position of the token after them.
    """
    end = start + len(is_image)
    return np.arange(start, end, dtype=np.int64)[None, :], end


def multimodal(is_image: NDArray[np.bool_], shapes: Sequence[tuple[int, int]], start: int) -> tuple[Positions, int]:
    """Give image tokens a row and a column and one moment in time, as the Qwen families do (M-RoPE).

    Text moves on all three axes by one. A still image of (rows, columns) tokens lies at one time, spreads over its
    rows and columns, and moves the position on by the larger of the two.

    Args:
        is_image: which tokens stand for a part of an image, shape (tokens,).
        shapes: rows and columns of tokens of each image, in order.
        start: position of the first token.

    Returns:
        Positions of shape (3, tokens), axes time, row, column; and the position of the token after them.

    Raises:
        ValueError: the image tokens are not as many as the shapes say, or an image is torn apart.
    """
    positions = np.empty((3, len(is_image)), dtype=np.int64)
    index, position = 0, start
    for rows, columns in shapes:
        text_end = index + _leading(~is_image[index:])
        positions[:, index:text_end] = np.arange(position, position + text_end - index)
        position += text_end - index
        index = text_end + rows * columns
        if index > len(is_image) or not is_image[text_end:index].all():
            raise ValueError(f"an image of {rows} x {columns} tokens has fewer tokens in the text")
        row, column = np.divmod(np.arange(rows * columns), columns)
        positions[:, text_end:index] = position + np.stack([np.zeros_like(row), row, column])
        position += max(rows, columns)
    if is_image[index:].any():
        raise ValueError("there are more image tokens than images account for")
    positions[:, index:] = np.arange(position, position + len(is_image) - index)
    return positions, position + len(is_image) - index


def _leading(flags: NDArray[np.bool_]) -> int:
    """How many flags are set before the first that is not."""
    return len(flags) if flags.all() else int(np.argmin(flags))
