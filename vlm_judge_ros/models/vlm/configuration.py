"""What the JSON files of a model say, checked and brought into one form for all families."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.families import ARCHITECTURES, MODEL_TYPES, Family

CONFIG_FILE = "config.json"
PREPROCESSOR_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"
GENERATION_FILE = "generation_config.json"
TEMPLATE_FILE = "chat_template.jinja"
TEMPLATE_JSON_FILE = "chat_template.json"
GET_AGAIN = "download it again from where the model came from"

# transformers leaves out of a file what equals the default of Llama, which is the decoder of this family; the published
# SmolVLM2 2.2B lacks its number of heads.
LLAMA_DEFAULTS = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
}

Fields = Mapping[str, Any]
Model = TypeVar("Model", bound=pydantic.BaseModel)


class ModelConfig(pydantic.BaseModel):
    """The shape of a model.

    Attributes:
        family: its architecture.
        hidden_size: length of an embedding.
        layers: layers of the decoder.
        key_value_heads: heads of the key/value cache.
        head_dim: length of a key or value of one head.
        vocabulary_size: rows of the output.
        context_length: tokens that the decoder was made for.
        image_token_id: stands where a vector of image features goes.
        end_token_ids: tokens that end an answer.
        mrope_sections: how the frequencies of the rotary embedding are divided among time, row and column; empty for
            one-dimensional positions.
        patch_size: side of a patch in pixels.
        merge_size: side, in patches, of the square that becomes one image token.
        temporal_patch_size: images in one patch; a still is repeated. 1 where the family knows no time.
        deepstack_indexes: layers of the vision encoder whose features also enter the decoder.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    family: Family
    hidden_size: pydantic.PositiveInt
    layers: pydantic.PositiveInt
    key_value_heads: pydantic.PositiveInt
    head_dim: pydantic.PositiveInt
    vocabulary_size: pydantic.PositiveInt
    context_length: pydantic.PositiveInt
    image_token_id: pydantic.NonNegativeInt
    end_token_ids: tuple[pydantic.NonNegativeInt, ...]
    mrope_sections: tuple[pydantic.PositiveInt, ...]
    patch_size: pydantic.PositiveInt
    merge_size: pydantic.PositiveInt
    temporal_patch_size: pydantic.PositiveInt
    deepstack_indexes: tuple[pydantic.NonNegativeInt, ...]


class ProcessorConfig(pydantic.BaseModel):
    """How an image becomes pixel values.

    Attributes:
        resample: filter for resizing, in Pillow's numbering.
        rescale_factor: what a channel of 0 to 255 is multiplied by.
        mean: per channel, subtracted after that.
        std: per channel, divided by in the end.
        min_pixels: images are enlarged to this area (Qwen families).
        max_pixels: images are shrunk to this area (Qwen families).
        longest_edge: images are first resized to this length (Idefics3).
        tile_size: side of the square that the vision encoder takes (Idefics3).
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    resample: int = pydantic.Field(ge=0, le=5)
    rescale_factor: pydantic.PositiveFloat
    mean: tuple[float, float, float]
    std: tuple[pydantic.PositiveFloat, pydantic.PositiveFloat, pydantic.PositiveFloat]
    min_pixels: pydantic.PositiveInt = 1
    max_pixels: pydantic.PositiveInt = 1
    longest_edge: pydantic.PositiveInt = 1
    tile_size: pydantic.PositiveInt = 1


def read_fields(path: Path) -> dict[str, Any]:
    """Read the object in a JSON file.

    Raises:
        ModelBroken: the file is missing, cannot be read, or holds something else.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelBroken(f"{path} is missing; {GET_AGAIN}.") from None
    except OSError as error:
        raise ModelBroken(f"{path} cannot be read ({error.strerror}); mend its permissions.") from error
    except ValueError as error:
        raise ModelBroken(f"{path} is not JSON ({error}); {GET_AGAIN}.") from error
    if not isinstance(fields, dict):
        raise ModelBroken(f"{path} holds no JSON object; {GET_AGAIN}.")
    return fields


def read_model_config(folder: Path) -> ModelConfig:
    """Read config.json of a model.

    Raises:
        ModelBroken: it is missing, belongs to no family that is understood, or lacks something.
    """
    path = folder / CONFIG_FILE
    fields = read_fields(path)
    family = _family(fields, path)
    text = _part(fields, "text_config")
    vision = _part(fields, "vision_config")
    if not family.is_qwen:
        text = LLAMA_DEFAULTS | dict(text)
    heads = text.get("num_attention_heads")
    rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
    found: dict[str, Any] = {
        "family": family,
        "hidden_size": text.get("hidden_size"),
        "layers": text.get("num_hidden_layers"),
        "key_value_heads": text.get("num_key_value_heads") or heads,
        "head_dim": text.get("head_dim") or _quotient(text.get("hidden_size"), heads),
        "vocabulary_size": text.get("vocab_size") or fields.get("vocab_size"),
        "context_length": text.get("max_position_embeddings"),
        "image_token_id": fields.get("image_token_id"),
        "end_token_ids": _end_tokens(folder, text, fields),
        "patch_size": vision.get("patch_size") or vision.get("spatial_patch_size"),
    }
    if family.is_qwen:
        found |= {
            "mrope_sections": rope.get("mrope_section") if isinstance(rope, dict) else None,
            "merge_size": vision.get("spatial_merge_size", 2),
            "temporal_patch_size": vision.get("temporal_patch_size", 2),
            "deepstack_indexes": vision.get("deepstack_visual_indexes", ()) if family is Family.QWEN3_VL else (),
        }
    else:
        found |= {
            "mrope_sections": (),
            "merge_size": fields.get("scale_factor"),
            "temporal_patch_size": 1,
            "deepstack_indexes": (),
        }
    return _checked(ModelConfig, found, path)


def read_processor_config(folder: Path, config: ModelConfig) -> ProcessorConfig:
    """Read how a model wants its images: preprocessor_config.json, or the part of processor_config.json.

    Raises:
        ModelBroken: both are missing, something in them is missing or not supported, or does not fit the model.
    """
    path, fields = _image_processor(folder)
    for switch in ("do_resize", "do_rescale", "do_normalize"):
        if fields.get(switch, True) is not True:
            raise ModelBroken(f"{path} switches {switch} off, which is not supported; use a model that has it on.")
    found: dict[str, Any] = {
        "rescale_factor": fields.get("rescale_factor", 1 / 255),
        "mean": fields.get("image_mean"),
        "std": fields.get("image_std"),
    }
    size = _part(fields, "size", {})
    if config.family.is_qwen:
        own = {"patch_size": config.patch_size, "merge_size": config.merge_size}
        for name, value in (own | {"temporal_patch_size": config.temporal_patch_size}).items():
            if fields.get(name, value) != value:
                raise ModelBroken(
                    f"{path} says {name} {fields[name]} and {CONFIG_FILE} says {value}; take both files from one model."
                )
        found |= {
            "resample": fields.get("resample", 3),
            "min_pixels": _first(fields.get("min_pixels"), size.get("shortest_edge"), size.get("min_pixels")),
            "max_pixels": _first(fields.get("max_pixels"), size.get("longest_edge"), size.get("max_pixels")),
        }
    else:
        tile = _part(fields, "max_image_size", {}).get("longest_edge")
        if isinstance(tile, int) and (tile < config.patch_size or tile // config.patch_size % config.merge_size):
            raise ModelBroken(
                f"{path} has tiles of {tile} pixels, which do not divide into squares of {config.merge_size} patches "
                f"of {config.patch_size} pixels; take both files from one model."
            )
        found |= {"resample": fields.get("resample", 1), "longest_edge": size.get("longest_edge"), "tile_size": tile}
    return _checked(ProcessorConfig, found, path)


def _family(fields: Fields, path: Path) -> Family:
    kind = fields.get("model_type")
    if isinstance(kind, str) and kind in MODEL_TYPES:
        return MODEL_TYPES[kind]
    architectures = fields.get("architectures")
    for architecture in architectures if isinstance(architectures, list) else ():
        if architecture in ARCHITECTURES:
            return ARCHITECTURES[architecture]
    raise ModelBroken(
        f"{path} says model_type {kind!r}, which is not supported; use one of {', '.join(sorted(MODEL_TYPES))}."
    )


def _part(fields: Fields, name: str, default: Fields | None = None) -> Fields:
    """A nested object; the fields themselves where it is absent, as in flat configurations of older models."""
    part = fields.get(name)
    if isinstance(part, dict):
        return part
    return fields if default is None else default


def _image_processor(folder: Path) -> tuple[Path, Fields]:
    path = folder / PREPROCESSOR_FILE
    if path.exists():
        return path, read_fields(path)
    combined = folder / PROCESSOR_FILE
    if combined.exists():
        fields = read_fields(combined).get("image_processor")
        if isinstance(fields, dict):
            return combined, fields
    raise ModelBroken(
        f"{path} is missing and {PROCESSOR_FILE} has no image_processor; download the one of the original model."
    )


def _end_tokens(folder: Path, text: Fields, fields: Fields) -> tuple[Any, ...]:
    generation = folder / GENERATION_FILE
    generated = read_fields(generation).get("eos_token_id") if generation.exists() else None
    value = _first(generated, text.get("eos_token_id"), fields.get("eos_token_id"))
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _quotient(size: Any, heads: Any) -> int | None:
    return size // heads if isinstance(size, int) and isinstance(heads, int) and heads > 0 else None


def _checked(kind: type[Model], found: Fields, path: Path) -> Model:
    try:
        return kind.model_validate(found)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        what = "is missing" if first["input"] is None else f"is {first['input']!r}: {first['msg']}"
        raise ModelBroken(f"In {path}, {name} {what}; {GET_AGAIN}.") from error
