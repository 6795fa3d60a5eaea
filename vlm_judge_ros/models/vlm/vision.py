"""The vision graph: an image in, what the decoder takes for its image tokens out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.graphs import Array, Call, Graph
from vlm_judge_ros.models.vlm.prepared import PreparedImage

_GRID_NAMES = ("image_grid_thw", "grid_thw")
_DEEPSTACK = "deepstack_features."


@dataclass(frozen=True, slots=True, eq=False)
class ImageFeatures:
    """What an image has become.

    Attributes:
        features: embeddings of its image tokens, shape (tokens, hidden size).
        deepstack: further embeddings of the same shape, which the first layers of the decoder add (Qwen3-VL).
        rows: rows of image tokens.
        columns: image tokens in a row.
    """

    features: Array
    deepstack: tuple[Array, ...]
    rows: int
    columns: int


class VisionGraph:
    """Runs one image at a time: each is an own run, so that a frame costs the same whatever comes with it.

    Args:
        graph: the graph.
        deepstack_count: number of DeepStack outputs that the model's configuration asks for.

    Raises:
        ModelBroken: the graph does not have the inputs and outputs of a vision encoder.
    """

    def __init__(self, graph: Graph, deepstack_count: int = 0) -> None:
        self._graph = graph
        self._deepstack = [f"{_DEEPSTACK}{index}" for index in range(deepstack_count)]
        if missing := [name for name in self._deepstack if name not in graph.outputs]:
            raise ModelBroken(
                f"The graph {graph.path} has no output {missing[0]}: it drops the DeepStack features that Qwen3-VL "
                "needs; export the model with vlm-judge export."
            )
        graph.require({"pixel_values", "pixel_attention_mask", *_GRID_NAMES}, ["pixel_values"], [])
        others = [name for name in graph.outputs if not name.startswith(_DEEPSTACK)]
        if "image_features" not in others and len(others) != 1:
            raise ModelBroken(
                f"The graph {graph.path} has no output image_features (it has {', '.join(graph.outputs)}); "
                "export the model again, for example with vlm-judge export."
            )
        self._output = "image_features" if "image_features" in others else others[0]

    @property
    def provider(self) -> str:
        """What the graph runs on."""
        return self._graph.provider

    def feeds(self, image: PreparedImage) -> dict[str, Array]:
        """What the graph takes for one image, by the names of its inputs."""
        pixels: Array = image.pixel_values
        if len(self._graph.inputs["pixel_values"].shape) == pixels.ndim + 1:
            pixels = pixels[None]
        feeds = {"pixel_values": pixels}
        if "pixel_attention_mask" in self._graph.inputs:
            # Every pixel counts: images fill their tiles.
            feeds["pixel_attention_mask"] = np.ones((*pixels.shape[:-3], *pixels.shape[-2:]), dtype=np.bool_)
        for name in _GRID_NAMES:
            if name in self._graph.inputs:
                feeds[name] = np.array([image.grid], dtype=np.int64)
        return feeds

    def see(self, image: PreparedImage, call: Call) -> ImageFeatures:
        """Encode one image.

        Raises:
            Cancelled: the call was cancelled.
            JudgeError: the runtime failed.
            ModelBroken: the graph gives another number of tokens than the image has.
        """
        (features, *deepstack), _ = self._graph.run(self.feeds(image), [self._output, *self._deepstack], call)
        hidden = features.shape[-1]
        if features.size != image.token_count * hidden:
            raise ModelBroken(
                f"The graph {self._graph.path} turns an image of {image.token_count} tokens into "
                f"{features.size // hidden}; its files and preprocessor_config.json do not belong together."
            )
        return ImageFeatures(
            features.reshape(-1, hidden),
            tuple(extra.reshape(-1, hidden) for extra in deepstack),
            image.rows,
            image.columns,
        )
