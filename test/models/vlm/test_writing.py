"""A model on board writes what the original writes, beside what it has read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from models.vlm.shown import Parts, frame, labelled, parts_of

from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.models.writer import Writing

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModel, TinyModels

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3")
FRAMES = [frame(0), frame(1, "wrist", 112, 84), frame(2, "front", 56, 140)]
QUESTION = "\nHow far is the task «open the drawer»? Answer in words."
CONTENT = (*labelled(FRAMES), QUESTION)
WRITING = Writing(CONTENT, "You judge robots.", most_tokens=24)


@pytest.fixture(params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tiny_models: TinyModels) -> TinyModel:
    return tiny_models.get(str(request.param))


@pytest.fixture(scope="module")
def parts(tiny_models: TinyModels) -> Parts:
    return parts_of(tiny_models.get("qwen2_5_vl").folder)


@pytest.fixture
def model(parts: Parts) -> LocalModel:
    return LocalModel(parts.folder, LocalSettings(max_images=4))


def generated(tiny: TinyModel, writing: Writing) -> tuple[list[int], str]:
    """Ids and text that the original writes, asked by way of its own tokenizer and template."""
    import torch
    import transformers

    parts = parts_of(tiny.folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny.source)
    shown: list[dict[str, str]] = [
        {"type": "text", "text": item} if isinstance(item, str) else {"type": "image"} for item in writing.content
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": shown}]
    if writing.instruction:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": writing.instruction}]})
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    images = [parts.folder.prepare(item.image.rgb()) for item in writing.content if not isinstance(item, str)]
    markers = parts.folder.family.markers
    is_qwen = parts.folder.family.is_qwen
    for image in images:
        expanded = "\0" * image.token_count
        if not is_qwen:
            expanded = f"{markers.before}{expanded}{markers.after}"
        text = text.replace(markers.image, expanded, 1)
    ids = torch.tensor([tokenizer(text.replace("\0", markers.image), add_special_tokens=False).input_ids])
    pixels = torch.from_numpy(np.concatenate([image.pixel_values for image in images]))
    given: dict[str, Any] = {"pixel_values": pixels}
    if is_qwen:
        given["image_grid_thw"] = torch.tensor([image.grid for image in images])
        given["mm_token_type_ids"] = (ids == parts.folder.tokens.image_id).int()
    else:
        values = pixels[None]
        mask = torch.ones(*values.shape[:2], *values.shape[3:]).bool()
        given = {"pixel_values": values, "pixel_attention_mask": mask}
    written = tiny.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=writing.most_tokens,
        do_sample=False,
        suppress_tokens=[parts.folder.tokens.image_id],
        **given,
    )[0, ids.shape[1] :].tolist()
    return written, tokenizer.decode(written, skip_special_tokens=True)


def test_what_it_writes_is_what_transformers_writes(tiny: TinyModel) -> None:
    model = LocalModel(open_folder(tiny.folder))
    different: set[int] = set()
    for writing in (WRITING, replace(WRITING, instruction=""), replace(WRITING, content=(FRAMES[2], "Done? "))):
        ids, text = generated(tiny, writing)
        assert model.write(writing).text == text
        different |= set(ids)
    assert len(different) > 4, "the original repeats itself, so this proves little"
