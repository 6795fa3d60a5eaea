"""Which models can be written, and what of a configuration decides how their graphs look."""

from __future__ import annotations

from typing import Any

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.export.decoder import DecoderShape, draw_decoder, draw_embedding
from vlm_judge_ros.export.graph import Graph
from vlm_judge_ros.export.vision_idefics3 import Idefics3VisionShape, draw_idefics3_vision
from vlm_judge_ros.export.vision_qwen import QwenVisionShape, draw_qwen_vision

QWEN_GENERATIONS = {"qwen2_vl": "2", "qwen2_5_vl": "2.5", "qwen3_vl": "3"}
IDEFICS3 = ("idefics3", "smolvlm")
MODEL_TYPES = (*QWEN_GENERATIONS, *IDEFICS3)
TEXT_TYPES = ("qwen2_vl_text", "qwen2_5_vl_text", "qwen3_vl_text", "llama")
ROTARY_TYPES = ("default", "linear", "yarn", "llama3")
"""Rotary embeddings whose frequencies do not depend on the length of the sequence."""

EMBEDDING, VISION, DECODER = "embed_tokens", "vision_encoder", "decoder_model_merged"


def check_model_type(model_type: object, where: str) -> None:
    """Refuse models whose graphs cannot be drawn.

    Raises:
        ModelBroken: it is such a model.
    """
    if model_type not in MODEL_TYPES:
        raise ModelBroken(
            f"{where} names the model type {model_type!r}, which cannot be exported; "
            f"use a model of one of the types {', '.join(MODEL_TYPES)}."
        )


def draw(model: Any) -> dict[str, Graph]:
    """Draw the three graphs of a loaded transformers model, by the names of their files.

    Raises:
        ModelBroken: the model has something that the graphs cannot express.
    """
    config = model.config
    check_model_type(config.model_type, "The model")
    weights = model.state_dict()
    is_qwen = config.model_type in QWEN_GENERATIONS
    text_model = model.model.language_model if is_qwen else model.model.text_model
    text = "model.language_model" if is_qwen else "model.text_model"
    decoder = _decoder_shape(text_model, config)
    if is_qwen:
        vision = draw_qwen_vision(
            _qwen_vision_shape(model.model.visual, config, decoder.hidden), weights, "model.visual"
        )
    else:
        shape = _idefics3_vision_shape(config, decoder.hidden)
        vision = draw_idefics3_vision(shape, weights, "model.vision_model", "model.connector")
    return {
        EMBEDDING: draw_embedding(decoder, weights, text),
        VISION: vision,
        DECODER: draw_decoder(decoder, weights, text),
    }


def _decoder_shape(text_model: Any, config: Any) -> DecoderShape:
    text, rotary = text_model.config, text_model.rotary_emb
    kind = text.rope_parameters.get("rope_type", "default")
    if text.model_type not in TEXT_TYPES:
        raise ModelBroken(
            f"The model's language model is of the type {text.model_type!r}, which cannot be exported; "
            f"use a model with one of {', '.join(TEXT_TYPES)}."
        )
    if kind not in ROTARY_TYPES:
        raise ModelBroken(
            f"The model has rotary positions of the type {kind!r}, which cannot be exported; "
            f"use a model with one of {', '.join(ROTARY_TYPES)}."
        )
    if "sliding_attention" in (getattr(text, "layer_types", None) or ()):
        raise ModelBroken(
            "The model attends to text over a sliding window, which cannot be exported; use another model."
        )
    frequencies = tuple(rotary.inv_freq.float().tolist())
    return DecoderShape(
        hidden=text.hidden_size,
        layers=text.num_hidden_layers,
        heads=text.num_attention_heads,
        key_value_heads=text.num_key_value_heads,
        head_dim=getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads,
        vocabulary=text.vocab_size,
        epsilon=text.rms_norm_eps,
        activation=text.hidden_act,
        frequencies=frequencies,
        rotary_scaling=float(rotary.attention_scaling),
        position_axes=_position_axes(text, config.model_type, len(frequencies)),
        deepstack=len(getattr(config.vision_config, "deepstack_visual_indexes", ())),
    )


def _position_axes(text: Any, model_type: str, frequencies: int) -> tuple[int, ...]:
    """For each rotary frequency, which of time, row and column turns it; empty for models with plain positions."""
    if model_type not in QWEN_GENERATIONS:
        return ()
    sections = list(text.rope_parameters["mrope_section"])
    if len(sections) != 3 or sum(sections) != frequencies:
        raise ModelBroken(
            f"config.json has the mrope_section {sections}, whose three numbers have to add up to {frequencies}; "
            "download it again."
        )
    if model_type != "qwen3_vl":
        return tuple(axis for axis, length in enumerate(sections) for _ in range(length))
    axes = [0] * frequencies
    for axis in (1, 2):
        for index in range(axis, 3 * sections[axis], 3):
            axes[index] = axis
    return tuple(axes)


def _qwen_vision_shape(visual: Any, config: Any, hidden: int) -> QwenVisionShape:
    vision = config.vision_config
    width = vision.embed_dim if config.model_type == "qwen2_vl" else vision.hidden_size
    has_windows = config.model_type == "qwen2_5_vl"
    has_table = config.model_type == "qwen3_vl"
    return QwenVisionShape(
        generation=QWEN_GENERATIONS[config.model_type],
        patch_values=vision.in_channels * vision.temporal_patch_size * vision.patch_size**2,
        layers=vision.depth,
        heads=vision.num_heads,
        head_dim=width // vision.num_heads,
        hidden=hidden,
        merge=vision.spatial_merge_size,
        activation=vision.hidden_act,
        frequencies=tuple(visual.rotary_pos_emb.inv_freq.float().tolist()),
        # Windows are cut between tokens, not between patches.
        window=vision.window_size // (vision.spatial_merge_size * vision.patch_size) * vision.spatial_merge_size
        if has_windows
        else 0,
        full_attention=tuple(vision.fullatt_block_indexes) if has_windows else (),
        positions_per_side=round(vision.num_position_embeddings**0.5) if has_table else 0,
        deepstack_layers=tuple(vision.deepstack_visual_indexes) if has_table else (),
    )


def _idefics3_vision_shape(config: Any, hidden: int) -> Idefics3VisionShape:
    vision = config.vision_config
    return Idefics3VisionShape(
        side=vision.image_size,
        patch=vision.patch_size,
        channels=vision.num_channels,
        layers=vision.num_hidden_layers,
        heads=vision.num_attention_heads,
        width=vision.hidden_size,
        hidden=hidden,
        epsilon=vision.layer_norm_eps,
        activation=vision.hidden_act,
        merge=config.scale_factor,
    )
