"""What the tests show to a model, and the parts of a model, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.models.scorer import Content
from vlm_judge_ros.models.vlm.decoder import DecoderGraph
from vlm_judge_ros.models.vlm.folder import ModelFolder, open_folder
from vlm_judge_ros.models.vlm.graphs import Call, Graph
from vlm_judge_ros.models.vlm.local import position_rule
from vlm_judge_ros.models.vlm.prefix import Piece, PrefixEngine
from vlm_judge_ros.models.vlm.vision import VisionGraph

PROMPTS = (" Is the task done? The answer is:", " True or False?", " The robot opened the drawer. True or not?")


class Picture:
    """An image that counts how often it is decoded."""

    def __init__(self, seed: int, height: int = 84, width: int = 112) -> None:
        self._rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        self.decoded = 0

    @property
    def size_bytes(self) -> int:
        return self._rgb.nbytes

    @property
    def form(self) -> str:
        return "test"

    def rgb(self) -> NDArray[np.uint8]:
        self.decoded += 1
        return self._rgb


def frame(seed: int, camera: str = "front", height: int = 84, width: int = 112) -> Frame:
    return Frame(camera, seed * 10**9, Picture(seed, height, width), np.zeros((24, 32), np.uint8))


def labelled(frames: Sequence[Frame]) -> list[Content]:
    """Each frame after its label, as a judge shows them."""
    return [item for shown in frames for item in (f"{shown.camera} camera, {shown.stamp_ns * 1e-9:.1f} s:", shown)]


@dataclass(frozen=True)
class Parts:
    """A model in parts, so that tests can look at whole rows of logits."""

    folder: ModelFolder
    vision: VisionGraph
    engine: PrefixEngine

    def pieces(self, content: Sequence[Content]) -> list[Piece]:
        tokens, read = self.folder.tokens, []
        for item in content:
            if isinstance(item, str):
                read.append(Piece(tokens.encode(item)))
            else:
                image = self.folder.prepare(item.image.rgb())
                read.append(Piece(tokens.image_piece(image), self.vision.see(image, Call())))
        return read

    def suffixes(self, prompts: Sequence[str] = PROMPTS) -> list[NDArray[np.int64]]:
        return [self.folder.tokens.encode(prompt) for prompt in prompts]

    def whole(self, pieces: Sequence[Piece], prompts: Sequence[str] = PROMPTS) -> NDArray[np.float32]:
        """Logits of the naive way: everything anew for every prompt."""
        return np.stack([self.engine.whole_logits(pieces, suffix, Call()) for suffix in self.suffixes(prompts)])


def parts_of(path: Path) -> Parts:
    folder = open_folder(path)
    deepstack = len(folder.config.deepstack_indexes)
    decoder = DecoderGraph(Graph(folder.decoder), deepstack, folder.config.key_value_heads, folder.config.head_dim)
    engine = PrefixEngine(Graph(folder.embed), decoder, folder.tokens.image_id, position_rule(folder, decoder))
    return Parts(folder, VisionGraph(Graph(folder.vision), deepstack), engine)


def transformers_logits(model: Any, parts: Parts, content: Sequence[Content], prompt: str) -> NDArray[np.float32]:
    """What the original makes of the last token, given the same ids and pixels."""
    import torch

    tokens = parts.folder.tokens
    ids, pixels, grids = [], [], []
    for item in (*content, prompt):
        if isinstance(item, str):
            ids.append(tokens.encode(item))
            continue
        image = parts.folder.prepare(item.image.rgb())
        ids.append(tokens.image_piece(image))
        pixels.append(image.pixel_values)
        grids.append(image.grid)
    joined = torch.from_numpy(np.concatenate(ids))[None]
    shown: dict[str, Any] = {"pixel_values": torch.from_numpy(np.concatenate(pixels))}
    if parts.folder.family.is_qwen:
        shown["image_grid_thw"] = torch.tensor(grids)
        shown["mm_token_type_ids"] = (joined == tokens.image_id).int()
    else:
        values = shown["pixel_values"][None]
        shown = {
            "pixel_values": values,
            "pixel_attention_mask": torch.ones(*values.shape[:2], *values.shape[3:]).bool(),
        }
    with torch.no_grad():
        return np.asarray(model(input_ids=joined, **shown).logits[0, -1])
