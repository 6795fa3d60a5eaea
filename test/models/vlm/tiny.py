"""Tiny models with random weights and the structure of the real ones, made where the tests run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3")
"""Values of `model_type`; the last two are one family."""

QWEN_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
IDEFICS3_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<fake_token_around_image>",
    "<image>",
    "<end_of_utterance>",
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)
# Of the shape of the published ones: a system message for whoever brings none, roles, images with or without borders.
QWEN_TEMPLATE = """\
{%- if messages[0].role != 'system' %}
<|im_start|>system
You are a tiny assistant.<|im_end|>
{% endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- for part in message.content %}
        {%- if part.type == 'image' %}
<|vision_start|><|image_pad|><|vision_end|>
        {%- else %}
            {{- part.text }}
        {%- endif %}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
IDEFICS3_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
CORPUS = (
    "The robot opened the drawer. True\nThe statement is False\nTrue or not? True False False True\n"
    "The above video shows a robot manipulation trajectory that completes the following task: open the drawer. "
    "Decide whether the above statement is True or not. The answer is: True\n"
    "front camera, 3.2 s: wrist camera, 12.4 s: the task is done. False. How far is the task? 0 1 2 3 4 5 6 7 8 9\n"
)


@dataclass(frozen=True, slots=True)
class TinyModel:
    """A model in both forms.

    Attributes:
        family: its `model_type`.
        source: the folder as transformers saves it.
        folder: the folder with the graphs.
        model: the loaded transformers model, for comparison.
    """

    family: str
    source: Path
    folder: Path
    model: Any


@dataclass(slots=True)
class TinyModels:
    """Makes each family once, when it is first asked for."""

    root: Path
    _made: dict[str, TinyModel] = field(default_factory=dict)

    def get(self, family: str) -> TinyModel:
        if family not in self._made:
            self._made[family] = make(family, self.root / family)
        return self._made[family]


def make(family: str, root: Path) -> TinyModel:
    """Make the model of a family below `root`."""
    from vlm_judge_ros.export.folder import write_folder

    source, folder = root / "transformers", root / "model"
    model = save_source(family, source)
    write_folder(source, folder)
    return TinyModel(family, source, folder, model)


@dataclass(frozen=True, slots=True)
class Tile:
    """How Idefics3 and SmolVLM cut an image: pixels of a side, of a patch, and patches along the side of a token."""

    side: int = 512
    patch: int = 16
    merge: int = 4

    @property
    def tokens(self) -> int:
        return (self.side // self.patch // self.merge) ** 2


def save_source(family: str, source: Path, tile: Tile | None = None) -> Any:
    """Save a model of a family as transformers does, with tokenizer and processor, and return it."""
    import torch

    source.mkdir(parents=True)
    tile = tile or Tile()
    special = QWEN_TOKENS if family.startswith("qwen") else IDEFICS3_TOKENS
    tokenizer = _tokenizer(special)
    with torch.random.fork_rng():
        torch.manual_seed(20)
        model = _qwen(family, tokenizer) if family.startswith("qwen") else _idefics3(family, tokenizer, tile)
    model.save_pretrained(source)
    tokenizer.save_pretrained(source)
    _write_json(source / "preprocessor_config.json", _processor(family, tile))
    template = QWEN_TEMPLATE if family.startswith("qwen") else IDEFICS3_TEMPLATE
    (source / "chat_template.jinja").write_text(template, encoding="utf-8")
    if not family.startswith("qwen"):
        name = "SmolVLMProcessor" if family == "smolvlm" else "Idefics3Processor"
        _write_json(source / "processor_config.json", {"image_seq_len": tile.tokens, "processor_class": name})
    return model.train(False)


def _tokenizer(special: tuple[str, ...]) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    is_qwen = "<|image_pad|>" in special
    tokenizer = Tokenizer(models.BPE())
    if is_qwen:
        tokenizer.normalizer = normalizers.NFC()
        words = Regex(r"'s|'t|'re|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
        first: Any = pre_tokenizers.Split(words, "isolated")
        second = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    else:
        first = pre_tokenizers.Digits(individual_digits=True)
        second = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([first, second])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([CORPUS] * 4 + [" True True False False", "True", "True", "True"], trainer)
    tokenizer.add_special_tokens(list(special))
    for word in (" True", "True", " False"):
        assert len(tokenizer.encode(word).ids) == 1, word
    tokens = (
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
        if is_qwen
        else {"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "pad_token": "<|im_end|>"}
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens)


def _qwen(family: str, tokenizer: Any) -> Any:
    import transformers

    def token(text: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(text))

    # Weights larger than usual, so that the logits of a tiny model depend clearly on everything it is shown.
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "initializer_range": 0.15,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1000000.0},
        "bos_token_id": token("<|endoftext|>"),
        "eos_token_id": token("<|im_end|>"),
    }
    vision: dict[str, Any] = {"depth": 2, "num_heads": 2, "spatial_merge_size": 2, "initializer_range": 0.15}
    if family == "qwen2_vl":
        vision |= {"embed_dim": 32, "hidden_size": 64, "mlp_ratio": 2, "patch_size": 14}
        configuration, model = transformers.Qwen2VLConfig, transformers.Qwen2VLForConditionalGeneration
    elif family == "qwen2_5_vl":
        vision |= {"hidden_size": 32, "intermediate_size": 48, "out_hidden_size": 64, "patch_size": 14}
        vision |= {"depth": 3, "window_size": 56, "fullatt_block_indexes": [1]}
        configuration, model = transformers.Qwen2_5_VLConfig, transformers.Qwen2_5_VLForConditionalGeneration
    else:
        vision |= {"hidden_size": 32, "intermediate_size": 48, "out_hidden_size": 64, "patch_size": 16}
        vision |= {"depth": 3, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]}
        rotary = {
            "rope_type": "default",
            "mrope_section": [6, 5, 5],
            "mrope_interleaved": True,
            "rope_theta": 5000000.0,
        }
        text |= {"head_dim": 32, "num_hidden_layers": 3, "rope_parameters": rotary}
        for name in ("bos_token_id", "eos_token_id"):
            del text[name]
        configuration, model = transformers.Qwen3VLConfig, transformers.Qwen3VLForConditionalGeneration
    return model(
        configuration(
            text_config=text,
            vision_config=vision,
            image_token_id=token("<|image_pad|>"),
            video_token_id=token("<|video_pad|>"),
            vision_start_token_id=token("<|vision_start|>"),
            vision_end_token_id=token("<|vision_end|>"),
            tie_word_embeddings=family != "qwen2_5_vl",
        )
    )


def _idefics3(family: str, tokenizer: Any, tile: Tile) -> Any:
    import transformers

    text = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 8192,
        "initializer_range": 0.15,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": tile.side,
        "patch_size": tile.patch,
        "initializer_range": 0.15,
    }
    configuration, model = (
        (transformers.SmolVLMConfig, transformers.SmolVLMForConditionalGeneration)
        if family == "smolvlm"
        else (transformers.Idefics3Config, transformers.Idefics3ForConditionalGeneration)
    )
    return model(
        configuration(
            text_config=text,
            vision_config=vision,
            scale_factor=tile.merge,
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _processor(family: str, tile: Tile) -> dict[str, Any]:
    """The file preprocessor_config.json, as published beside real models of the family but for the sizes."""
    if not family.startswith("qwen"):
        return {
            "do_convert_rgb": True,
            "do_image_splitting": True,
            "do_normalize": True,
            "do_pad": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
            "image_processor_type": "SmolVLMImageProcessor" if family == "smolvlm" else "Idefics3ImageProcessor",
            "max_image_size": {"longest_edge": tile.side},
            "resample": 1,
            "rescale_factor": 0.00392156862745098,
            "size": {"longest_edge": 2048},
        }
    shared = {"merge_size": 2, "temporal_patch_size": 2, "processor_class": "Qwen2VLProcessor"}
    if family == "qwen3_vl":
        return {
            **shared,
            "image_processor_type": "Qwen2VLImageProcessorFast",
            "processor_class": "Qwen3VLProcessor",
            "size": {"shortest_edge": 64 * 64, "longest_edge": 64 * 32 * 32},
            "patch_size": 16,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        }
    return {
        **shared,
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2VLProcessor" if family == "qwen2_vl" else "Qwen2_5_VLProcessor",
        "min_pixels": 56 * 56,
        "max_pixels": 64 * 28 * 28,
        "patch_size": 14,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
