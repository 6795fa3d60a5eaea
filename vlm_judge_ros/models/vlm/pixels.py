"""Turns images into what a vision graph takes, exactly as the models' own processors do."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.configuration import ModelConfig, ProcessorConfig
from vlm_judge_ros.models.vlm.prepared import PreparedImage

GREATEST_RATIO = 200
# Idefics3 never resizes an image beyond this.
LONGEST_EDGE = 4096


def prepare(
    rgb: NDArray[np.uint8], config: ModelConfig, processor: ProcessorConfig, max_tokens: int | None = None
) -> PreparedImage:
    """Resize, normalise and cut one image.

    Args:
        rgb: array of shape (height, width, 3).
        config: of the model.
        processor: of the model.
        max_tokens: most image tokens that it may become; None for what the model's own processor allows.

    Raises:
        JudgeError: the image is too long and narrow for the model, or cannot be had for so few tokens.
    """
    if max_tokens is not None and max_tokens < 1:
        raise JudgeError(f"An image cannot cost {max_tokens} tokens; allow at least 1.")
    if config.family.is_qwen:
        return _patches(rgb, config, processor, max_tokens)
    return _tile(rgb, config, processor, max_tokens)


def fitted_size(
    height: int, width: int, factor: int, min_pixels: int, max_pixels: int, max_tokens: int | None = None
) -> tuple[int, int]:
    """The size to which the Qwen families resize an image: near its ratio, both sides multiples of `factor`.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        factor: side, in pixels, of what becomes one image token.
        min_pixels: least area, which wins over the greatest one for images that are too small, as in the original.
        max_pixels: greatest area. Images much longer than wide go beyond it, as in the original.
        max_tokens: a bound that holds always, at the cost of the ratio.

    Returns:
        Height and width in pixels.

    Raises:
        JudgeError: one side is more than 200 times the other.
    """
    if max(height, width) > GREATEST_RATIO * min(height, width):
        raise JudgeError(
            f"An image of {width}x{height} pixels is too long and narrow for the model, which takes sides of "
            f"at most {GREATEST_RATIO}:1; crop it or use another camera."
        )
    if max_tokens is not None:
        max_pixels = min(max_pixels, max_tokens * factor**2)
        min_pixels = min(min_pixels, max_pixels)
    # Python rounds halves to even, and so does the original.
    rows, columns = round(height / factor), round(width / factor)
    if rows * columns * factor**2 > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        rows = max(1, math.floor(height / shrink / factor))
        columns = max(1, math.floor(width / shrink / factor))
    elif rows * columns * factor**2 < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        rows, columns = math.ceil(height * grow / factor), math.ceil(width * grow / factor)
    if max_tokens is not None and rows * columns > max_tokens:
        if rows > columns:
            columns = min(columns, max_tokens)
            rows = max_tokens // columns
        else:
            rows = min(rows, max_tokens)
            columns = max_tokens // rows
    return rows * factor, columns * factor


def longest_edge_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """The size to which Idefics3 resizes an image before it makes a tile of it.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        longest: length of the longer side afterwards; the shorter one becomes even.

    Returns:
        Height and width in pixels.
    """
    ratio = width / height
    if width >= height:
        short = int(longest / ratio)
        height, width = short + short % 2, longest
    else:
        short = int(longest * ratio)
        height, width = longest, short + short % 2
    height, width = max(height, 1), max(width, 1)
    ratio = width / height
    if width >= height and width > LONGEST_EDGE:
        height, width = int(LONGEST_EDGE / ratio), LONGEST_EDGE
    elif height > width and height > LONGEST_EDGE:
        height, width = LONGEST_EDGE, int(LONGEST_EDGE * ratio)
    return max(height, 1), max(width, 1)


def _patches(
    rgb: NDArray[np.uint8], config: ModelConfig, processor: ProcessorConfig, max_tokens: int | None
) -> PreparedImage:
    patch, merge, times = config.patch_size, config.merge_size, config.temporal_patch_size
    limits = (processor.min_pixels, processor.max_pixels)
    height, width = fitted_size(rgb.shape[0], rgb.shape[1], patch * merge, *limits, max_tokens)
    resized = _resized(rgb, ((height, width),), processor.resample)
    rows, columns = height // patch // merge, width // patch // merge
    # Patches lie in the order of the squares that become one token, and channels come before pixels.
    cut = resized.reshape(rows, merge, patch, columns, merge, patch, 3).transpose(0, 3, 1, 4, 6, 2, 5)
    values = _normalised(cut.reshape(-1, 3, patch * patch), processor)
    # A still fills all moments of a patch.
    repeated = np.repeat(values[:, :, None, :], times, axis=2)
    pixel_values = repeated.reshape(len(values), -1)
    return PreparedImage(pixel_values, (1, rows * merge, columns * merge), rows, columns)


def _tile(
    rgb: NDArray[np.uint8], config: ModelConfig, processor: ProcessorConfig, max_tokens: int | None
) -> PreparedImage:
    side = processor.tile_size
    tokens = side // config.patch_size // config.merge_size
    if max_tokens is not None and max_tokens < tokens**2:
        raise JudgeError(
            f"This model makes {tokens**2} tokens of every image, and {max_tokens} are allowed; "
            f"allow {tokens**2}, or use a Qwen model, whose images can be smaller."
        )
    # The original resizes twice, and rounds to whole numbers in between.
    first = longest_edge_size(rgb.shape[0], rgb.shape[1], processor.longest_edge)
    resized = _resized(rgb, (first, (side, side)), processor.resample)
    values = _normalised(resized.transpose(2, 0, 1).reshape(1, 3, -1), processor)
    return PreparedImage(values.reshape(1, 3, side, side), None, tokens, tokens)


def _resized(rgb: NDArray[np.uint8], sizes: Iterable[tuple[int, int]], resample: int) -> NDArray[np.uint8]:
    """Resize to each height and width in turn."""
    image = Image.fromarray(np.ascontiguousarray(rgb))
    for height, width in sizes:
        image = image.resize((width, height), resample=Image.Resampling(resample))
    return np.asarray(image)


def _normalised(channels: NDArray[np.uint8], processor: ProcessorConfig) -> NDArray[np.float32]:
    """Normalise an array of shape (n, 3, pixels).

    A table of the 256 values per channel gives, bit for bit, what rescaling in double and normalising in single
    precision gives.
    """
    rescaled = (np.arange(256, dtype=np.float64) * processor.rescale_factor).astype(np.float32)
    mean, std = np.array(processor.mean, dtype=np.float32), np.array(processor.std, dtype=np.float32)
    table = (rescaled[None, :] - mean[:, None]) / std[:, None]
    values = np.empty(channels.shape, dtype=np.float32)
    for channel in range(3):
        values[:, channel] = table[channel][channels[:, channel]]
    return values
