"""A made-up question with two images, asked of a transformers model and of graphs alike, to compare their logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.configuration import (
    CONFIG_FILE,
    read_fields,
    read_model_config,
    read_processor_config,
)

Array = NDArray[Any]

GRAPHS = ("embed_tokens", "vision_encoder", "decoder_model_merged")
"""Names of the files without precision."""

TEXT_TOKENS = 6
"""Tokens of text before, between and after the images."""

GRIDS = ((1, 4, 6), (1, 10, 8))
"""Frames, rows and columns in patches of the two images, for the families whose images vary in size."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A question in numbers.

    Attributes:
        input_ids: (1, tokens).
        pixels: inputs of the vision graph but for the grids.
        grid: (2, 3) for the Qwen families; None for Idefics3.
        image_token_id: id of the tokens that image features replace.
        merge: patches along a side of a block that becomes one token.
    """

    input_ids: Array
    pixels: dict[str, Array]
    grid: Array | None
    image_token_id: int
    merge: int

    @property
    def is_image(self) -> Array:
        """Which tokens are images, (1, tokens)."""
        return np.asarray(self.input_ids == self.image_token_id)


def make_probe(folder: Path, seed: int = 0) -> Probe:
    """Make up a question for a model.

    Args:
        folder: of the model, with its configuration.
        seed: decides texts and pixels.

    Raises:
        ModelBroken: the configuration is missing or not understood.
    """
    config = read_model_config(folder)
    random = np.random.default_rng(seed)
    if config.family.is_qwen:
        grid = np.array(GRIDS, np.int64)
        shape = (int(grid.prod(axis=1).sum()), 3 * config.temporal_patch_size * config.patch_size**2)
        pixels: dict[str, Array] = {"pixel_values": random.normal(size=shape).astype(np.float32)}
        lengths = [int(count) for count in grid.prod(axis=1) // config.merge_size**2]
    else:
        grid, side = None, read_processor_config(folder, config).tile_size
        mask = np.ones((1, 2, side, side), np.bool_)
        # The second image fills its tile only in part.
        mask[0, 1, side // 2 :] = False
        tiles = random.normal(size=(1, 2, 3, side, side)).astype(np.float32)
        pixels = {"pixel_values": tiles * mask[:, :, None], "pixel_attention_mask": mask}
        lengths = [(side // config.patch_size // config.merge_size) ** 2] * 2
    # The first ids are text in the vocabularies of all families.
    text = random.integers(0, min(config.image_token_id, 256), size=(3, TEXT_TOKENS))
    image, start = config.image_token_id, read_fields(folder / CONFIG_FILE).get("vision_start_token_id")
    if start is not None:
        # By this token older transformers find the images when they number the places.
        text[:2, -1] = start
    ids = np.concatenate([text[0], np.full(lengths[0], image), text[1], np.full(lengths[1], image), text[2]])
    return Probe(ids[None].astype(np.int64), pixels, grid, image, config.merge_size)


def ask_transformers(model: Any, probe: Probe) -> Array:
    """Logits of a loaded transformers model, (tokens, vocabulary)."""
    import torch

    inputs = {"input_ids": torch.from_numpy(probe.input_ids)}
    inputs |= {name: torch.from_numpy(values) for name, values in probe.pixels.items()}
    if probe.grid is not None:
        inputs["image_grid_thw"] = torch.from_numpy(probe.grid)
        inputs["mm_token_type_ids"] = torch.from_numpy(probe.is_image.astype(np.int64))
    with torch.no_grad():
        logits: Array = model(**inputs).logits[0].float().numpy()
    return logits


def ask_graphs(graphs: Mapping[str, Path], probe: Probe) -> Array:
    """Logits of three graphs, (tokens, vocabulary).

    Args:
        graphs: their files, by the names without precision.
        probe: the question.

    Raises:
        ModelBroken: a graph cannot be run.
    """
    features = _run(graphs["vision_encoder"], _vision_inputs(probe))
    embeddings = _run(graphs["embed_tokens"], {"input_ids": probe.input_ids})["inputs_embeds"].astype(np.float32)
    count = probe.input_ids.shape[1]
    inputs = {
        "inputs_embeds": _placed(features.pop("image_features"), probe, embeddings),
        "attention_mask": np.ones((1, count), np.int64),
        "position_ids": np.arange(count)[None] if probe.grid is None else _positions(probe),
        "num_logits_to_keep": np.array(0),
    }
    for name, values in features.items():
        inputs[name.replace("features", "embeds")] = _placed(values, probe, np.zeros_like(embeddings))
    logits: Array = _run(graphs["decoder_model_merged"], inputs)["logits"][0].astype(np.float32)
    return logits


def _vision_inputs(probe: Probe) -> dict[str, Array]:
    grids = {} if probe.grid is None else {"grid_thw": probe.grid, "image_grid_thw": probe.grid}
    return {**probe.pixels, **grids}


def _placed(features: Array, probe: Probe, onto: Array) -> Array:
    """Write image features over the image tokens of `onto`."""
    placed = onto.copy()
    placed[probe.is_image] = features.reshape(-1, features.shape[-1])
    return placed


def _positions(probe: Probe) -> Array:
    """Time, row and column of each token, (3, 1, tokens)."""
    assert probe.grid is not None
    pieces: list[Array] = []
    start = 0
    for grid in probe.grid:
        pieces.append(np.tile(np.arange(start, start + TEXT_TOKENS), (3, 1)))
        start += TEXT_TOKENS
        _, rows, columns = (int(size) for size in grid)
        places = np.indices((1, rows // probe.merge, columns // probe.merge)).reshape(3, -1)
        pieces.append(places + start)
        start += max(rows, columns) // probe.merge
    pieces.append(np.tile(np.arange(start, start + TEXT_TOKENS), (3, 1)))
    return np.concatenate(pieces, axis=1)[:, None].astype(np.int64)


_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


def _run(path: Path, values: Mapping[str, Array]) -> dict[str, Array]:
    """Run a graph from an empty past; of `values` it gets those it has inputs for."""
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        feeds = {}
        for wanted in session.get_inputs():
            dtype = _TYPES[wanted.type]
            if wanted.name.startswith("past_key_values."):
                _, heads, _, size = wanted.shape
                feeds[wanted.name] = np.zeros((1, heads, 0, size), dtype)
            else:
                feeds[wanted.name] = values[wanted.name].astype(dtype)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds), strict=True))
    # ONNX Runtime has no common class of its errors.
    except Exception as error:
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelBroken(f"{path} cannot be run ({cause[0]}); write it again.") from error


def largest_error(logits: Array, expected: Array) -> float:
    """Largest difference; infinite where a logit is not a number."""
    error = np.abs(logits - expected).max()
    return float(error) if np.isfinite(error) else float("inf")
