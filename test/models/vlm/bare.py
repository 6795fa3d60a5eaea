"""Model folders with everything but sensible graphs, made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tokenizers
from onnx import TensorProto, helper, numpy_helper

from vlm_judge_ros.models.vlm.families import Family

QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
IDEFICS3_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<fake_token_around_image>",
    "<image>",
    "<end_of_utterance>",
    "<global-img>",
)
VOCABULARY_SIZE = 400
STEMS = ("vision_encoder", "embed_tokens", "decoder_model_merged")


def byte_level_tokenizer(special: Iterable[str], text: str = "The answer is: True " * 20) -> tokenizers.Tokenizer:
    """A byte-level BPE tokenizer as those of Qwen and SmolLM are, trained in place."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    tokenizer.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in special])
    return tokenizer


def model_fields(family: Family, image_token_id: int) -> dict[str, Any]:
    """What config.json says."""
    text: dict[str, Any] = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY_SIZE,
        "max_position_embeddings": 4096,
        "eos_token_id": 1,
    }
    if family is Family.IDEFICS3:
        vision: dict[str, Any] = {"patch_size": 16, "image_size": 512}
        return {
            "model_type": "smolvlm",
            "image_token_id": image_token_id,
            "scale_factor": 4,
            "text_config": text,
            "vision_config": vision,
        }
    text["rope_scaling"] = {"type": "mrope", "mrope_section": [2, 3, 3]}
    vision = {"patch_size": 16 if family is Family.QWEN3_VL else 14, "spatial_merge_size": 2, "temporal_patch_size": 2}
    if family is Family.QWEN3_VL:
        vision["deepstack_visual_indexes"] = [0, 1]
    fields = {"model_type": family.value, "image_token_id": image_token_id, "vision_config": vision}
    # The published Qwen2-VL and Qwen2.5-VL have their text configuration flat, Qwen3-VL has it nested.
    return fields | ({"text_config": text} if family is Family.QWEN3_VL else text)


def processor_fields(family: Family) -> dict[str, Any]:
    """What preprocessor_config.json says, as the published ones do."""
    if family is Family.IDEFICS3:
        return {
            "do_image_splitting": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
            "max_image_size": {"longest_edge": 512},
            "resample": 1,
            "rescale_factor": 0.00392156862745098,
            "size": {"longest_edge": 2048},
        }
    if family is Family.QWEN3_VL:
        return {
            "size": {"longest_edge": 16777216, "shortest_edge": 65536},
            "patch_size": 16,
            "temporal_patch_size": 2,
            "merge_size": 2,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        }
    return {
        "min_pixels": 3136,
        "max_pixels": 12845056,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }


def write_graph(path: Path, external: str | None = None) -> None:
    """A graph that adds a weight to its input; the weight lies in another file where that is named."""
    weight = numpy_helper.from_array(np.arange(256, dtype=np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "weight"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [256])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    if external is None:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=external, size_threshold=0)


def write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields), encoding="utf-8")


def bare_folder(path: Path, family: Family, suffixes: Iterable[str] = ("",)) -> Path:
    """A folder that opens; graphs with each of the suffixes."""
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_level_tokenizer(IDEFICS3_SPECIAL if family is Family.IDEFICS3 else QWEN_SPECIAL)
    tokenizer.save(str(path / "tokenizer.json"))
    image_id = tokenizer.token_to_id(family.markers.image)
    write_json(path / "tokenizer_config.json", {"add_bos_token": False})
    write_json(path / "config.json", model_fields(family, image_id))
    write_json(path / "preprocessor_config.json", processor_fields(family))
    for suffix in suffixes:
        for stem in STEMS:
            write_graph(path / "onnx" / f"{stem}{suffix}.onnx")
    return path
