"""Which models can be written, and which parts of a loaded one make which graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.export.decoder import Decoder
from vlm_judge_ros.export.projection import replace_linear_layers
from vlm_judge_ros.export.vision_idefics3 import Idefics3Vision
from vlm_judge_ros.export.vision_qwen import QwenVision

QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
IDEFICS3 = ("idefics3", "smolvlm")
MODEL_TYPES = (*QWEN, *IDEFICS3)
ROTARY_TYPES = ("default", "linear", "yarn", "llama3")
"""Rotary embeddings whose frequencies do not depend on the length of the sequence."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The parts of a model, one for each graph.

    Attributes:
        model_type: `model_type` of config.json.
        vision: module from pixels to image features.
        decoder: module from embeddings to the last hidden state, keys and values.
        embedding: (vocabulary, hidden) of the text embedding.
        head: (vocabulary, hidden) of the vocabulary head.
        layers: decoder layers.
        key_value_heads: heads of keys and values.
        head_dim: size of a head.
        has_axes: position ids have three rows.
        deepstack: DeepStack features that the vision graph gives and the decoder takes.
        pixel_shape: (3, side, side) of a tile for Idefics3; (values of a patch,) for the Qwen families.
        grid_name: name of the input for the grids; empty for Idefics3.
    """

    model_type: str
    vision: nn.Module
    decoder: Decoder
    embedding: Tensor
    head: Tensor
    layers: int
    key_value_heads: int
    head_dim: int
    has_axes: bool
    deepstack: int
    pixel_shape: tuple[int, ...]
    grid_name: str

    @property
    def hidden(self) -> int:
        """Hidden size of the language model."""
        return int(self.embedding.shape[1])


def check_model_type(model_type: object, where: str) -> str:
    """Return `model_type` where graphs of it can be written.

    Raises:
        ModelBroken: they cannot.
    """
    if model_type not in MODEL_TYPES:
        raise ModelBroken(
            f"{where} names the model type {model_type!r}, which cannot be exported; "
            f"use one of {', '.join(MODEL_TYPES)}."
        )
    return str(model_type)


def take_apart(model: Any) -> Architecture:
    """Find the parts of a loaded transformers model; its linear layers are replaced, so it is used up.

    Raises:
        ModelBroken: the model has something that the graphs cannot express.
    """
    model_type = check_model_type(model.config.model_type, "The model")
    is_qwen = model_type in QWEN
    text_model = model.model.language_model if is_qwen else model.model.text_model
    _check_text_model(text_model.config)
    embedding, head = text_model.embed_tokens.weight.detach(), model.lm_head.weight.detach()
    deepstack = len(getattr(model.config.vision_config, "deepstack_visual_indexes", ()))
    decoder = Decoder(text_model, _position_axes(text_model, model_type), deepstack)
    vision_config = model.config.vision_config
    vision: nn.Module
    if is_qwen:
        vision = QwenVision(model.model.visual)
        pixel_shape: tuple[int, ...] = (
            vision_config.in_channels * vision_config.temporal_patch_size * vision_config.patch_size**2,
        )
    else:
        vision = Idefics3Vision(model.model)
        pixel_shape = (vision_config.num_channels, vision_config.image_size, vision_config.image_size)
    replace_linear_layers(vision)
    replace_linear_layers(decoder)
    return Architecture(
        model_type=model_type,
        vision=vision.eval(),
        decoder=decoder.eval(),
        embedding=embedding,
        head=head,
        layers=len(decoder.layers),
        key_value_heads=decoder.key_value_heads,
        head_dim=decoder.head_dim,
        has_axes=decoder.has_axes,
        deepstack=deepstack,
        pixel_shape=pixel_shape,
        grid_name=("grid_thw" if model_type == "qwen2_vl" else "image_grid_thw") if is_qwen else "",
    )


def _check_text_model(config: Any) -> None:
    kind = config.rope_parameters.get("rope_type", "default")
    if kind not in ROTARY_TYPES:
        raise ModelBroken(
            f"The model uses rotary positions of the type {kind!r}, which cannot be exported; "
            f"use a model with one of {', '.join(ROTARY_TYPES)}."
        )
    if "sliding_attention" in (getattr(config, "layer_types", None) or ()) or getattr(config, "sliding_window", None):
        raise ModelBroken("The model's text layers attend over a sliding window, which cannot be exported.")
    if config.model_type not in ("qwen2_vl_text", "qwen2_5_vl_text", "qwen3_vl_text", "llama"):
        raise ModelBroken(
            f"The model's text part is of the type {config.model_type!r}, which cannot be exported; use one with llama."
        )


def _position_axes(text_model: Any, model_type: str) -> list[int]:
    """For each rotary frequency, which of time, row and column turns it."""
    frequencies = len(text_model.rotary_emb.inv_freq)
    if model_type not in QWEN:
        return [0] * frequencies
    sections = list(text_model.config.rope_parameters["mrope_section"])
    if sum(sections) != frequencies:
        raise ModelBroken(
            f"config.json has an mrope_section of {sections}, which has to add up to {frequencies}; mend the file."
        )
    if model_type != "qwen3_vl":
        return [axis for axis, length in enumerate(sections) for _ in range(length)]
    axes = [0] * frequencies
    for axis in (1, 2):
        for index in range(axis, 3 * sections[axis], 3):
            axes[index] = axis
    return axes
