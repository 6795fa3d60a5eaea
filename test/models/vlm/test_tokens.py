from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tokenizers
from models.vlm.bare import IDEFICS3_SPECIAL, QWEN_SPECIAL, bare_folder, byte_level_tokenizer, write_json

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.models.vlm.families import Family
from vlm_judge_ros.models.vlm.folder import ModelFolder, open_folder

ALL = pytest.mark.parametrize("family", list(Family), ids=lambda family: family.value)


def grey(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((height, width, 3), 128, dtype=np.uint8)


def change(path: Path, **fields: Any) -> None:
    write_json(path, json.loads(path.read_text()) | fields)


@ALL
def test_a_text_becomes_the_ids_of_the_tokenizer_and_special_tokens_are_recognised(
    tmp_path: Path, family: Family
) -> None:
    folder = open_folder(bare_folder(tmp_path, family))
    tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ids = folder.tokens.encode("The answer is:<|im_start|> True")
    assert ids.dtype == np.int64
    assert tokenizer.token_to_id("<|im_start|>") in ids
    assert tokenizer.decode(ids.tolist(), skip_special_tokens=False) == "The answer is:<|im_start|> True"
    assert folder.tokens.encode("").shape == (0,)


@ALL
def test_a_text_that_pretends_to_be_an_image_is_refused(tmp_path: Path, family: Family) -> None:
    tokens = open_folder(bare_folder(tmp_path, family)).tokens
    with pytest.raises(JudgeError, match="which stands for an image; leave it out"):
        tokens.encode(f"task: {family.markers.image}")


@pytest.mark.parametrize("family", [Family.QWEN2_VL, Family.QWEN2_5_VL, Family.QWEN3_VL])
def test_an_image_of_a_qwen_model_is_its_tokens_between_two_borders(tmp_path: Path, family: Family) -> None:
    folder = open_folder(bare_folder(tmp_path, family))
    prepared = folder.prepare(grey(140, 224))
    before, after = (int(folder.tokens.encode(name)[0]) for name in ("<|vision_start|>", "<|vision_end|>"))
    expected = [before, *[folder.tokens.image_id] * prepared.token_count, after]
    assert folder.tokens.image_piece(prepared).tolist() == expected


@pytest.mark.parametrize(
    ("family", "module", "processor"),
    [
        (Family.QWEN2_VL, "qwen2_vl", "Qwen2VLProcessor"),
        (Family.QWEN2_5_VL, "qwen2_5_vl", "Qwen2_5_VLProcessor"),
        (Family.QWEN3_VL, "qwen3_vl", "Qwen3VLProcessor"),
    ],
)
def test_as_many_tokens_stand_for_an_image_as_its_processor_expands(
    tmp_path: Path, family: Family, module: str, processor: str
) -> None:
    """The whole processor wants torchvision for its videos; the method that expands an image does not."""
    loaded = pytest.importorskip(f"transformers.models.{module}.processing_{module}")
    folder = open_folder(bare_folder(tmp_path, family))
    prepared = folder.prepare(grey(300, 500))
    assert prepared.grid is not None
    stub = SimpleNamespace(image_token="<|image_pad|>", image_processor=SimpleNamespace(merge_size=2))
    grids = {"image_grid_thw": np.array([prepared.grid])}
    expanded = getattr(loaded, processor).replace_image_token(stub, grids, 0)
    tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = f"<|vision_start|>{expanded}<|vision_end|>"
    assert folder.tokens.image_piece(prepared).tolist() == tokenizer.encode(text).ids


@pytest.mark.parametrize("mark_is_text", [False, True])
def test_images_of_idefics3_are_what_its_processor_expands(tmp_path: Path, mark_is_text: bool) -> None:
    transformers = pytest.importorskip("transformers")
    module = pytest.importorskip("transformers.models.idefics3.image_processing_pil_idefics3")
    special = [name for name in IDEFICS3_SPECIAL if name != "<global-img>" or not mark_is_text]
    folder = bare_folder(tmp_path, Family.IDEFICS3)
    tokenizer = byte_level_tokenizer(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    change(folder / "config.json", image_token_id=tokenizer.token_to_id("<image>"))
    processor = transformers.Idefics3Processor(
        module.Idefics3ImageProcessorPil(size={"longest_edge": 2048}, max_image_size={"longest_edge": 512}),
        transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer),
        image_seq_len=64,
    )
    images = [grey(48, 64), grey(64, 48)]
    text = "front camera:<image>wrist camera:<image><image>\nThe answer is:"
    expected = processor(text=text, images=[[*images, images[0]]], do_image_splitting=False, add_special_tokens=False)[
        "input_ids"
    ][0]
    opened = open_folder(folder)
    piece = opened.tokens.image_piece(opened.prepare(images[0]))
    texts = [opened.tokens.encode(part) for part in ("front camera:", "wrist camera:", "\nThe answer is:")]
    ours = np.concatenate([texts[0], piece, texts[1], piece, piece, texts[2]])
    assert ours.tolist() == list(expected)


@ALL
def test_the_answer_is_the_token_with_a_leading_space(tmp_path: Path, family: Family) -> None:
    folder = open_folder(bare_folder(tmp_path, family))
    tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    wanted = tokenizer.token_to_id("ĠTrue")
    assert wanted is not None
    assert folder.tokens.answer_id("True") == folder.tokens.answer_id(" True") == wanted
    assert folder.tokens.encode("The answer is: True")[-1] == wanted
    assert folder.tokens.answer_id("True, it is") == wanted


@ALL
def test_an_answer_that_is_no_single_token_is_refused_with_a_remedy(tmp_path: Path, family: Family) -> None:
    tokens = open_folder(bare_folder(tmp_path, family)).tokens
    with pytest.raises(ModelBroken, match=r"tokenizer\.json has no single token for ' Falsch'.*choose an answer"):
        tokens.answer_id("Falsch")
    with pytest.raises(JudgeError, match="answer is empty"):
        tokens.answer_id("  ")


def test_a_prompt_begins_as_the_tokenizer_says(tmp_path: Path) -> None:
    path = bare_folder(tmp_path, Family.QWEN2_VL)
    assert open_folder(path).tokens.begin.tolist() == []
    tokenizer = byte_level_tokenizer(QWEN_SPECIAL)
    start = tokenizer.token_to_id("<|im_start|>")
    change(path / "tokenizer_config.json", add_bos_token=True, bos_token="<|im_start|>")
    assert open_folder(path).tokens.begin.tolist() == [start]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|im_start|> $A <|im_end|>",
        special_tokens=[("<|im_start|>", start), ("<|im_end|>", tokenizer.token_to_id("<|im_end|>"))],
    )
    tokenizer.save(str(path / "tokenizer.json"))
    assert open_folder(path).tokens.begin.tolist() == [start]
    assert start not in open_folder(path).tokens.encode("a")
    change(path / "tokenizer_config.json", add_bos_token=True, bos_token="<s>")
    assert open_folder(path).tokens.begin.tolist() == [start]


def test_a_beginning_that_the_tokenizer_lacks_is_told(tmp_path: Path) -> None:
    path = bare_folder(tmp_path, Family.QWEN2_VL)
    change(path / "tokenizer_config.json", add_bos_token=True, bos_token={"content": "<s>"})
    with pytest.raises(ModelBroken, match=r"tokenizer_config\.json adds a bos_token"):
        open_folder(path)


@ALL
def test_an_answer_ends_where_any_file_says_so_and_at_the_end_of_a_turn(tmp_path: Path, family: Family) -> None:
    path = bare_folder(tmp_path, family)
    own = family.markers.end_of_turn
    tokenizer = byte_level_tokenizer([*QWEN_SPECIAL, *IDEFICS3_SPECIAL])
    tokenizer.save(str(path / "tokenizer.json"))
    change(path / "config.json", image_token_id=tokenizer.token_to_id(family.markers.image))
    ids = {name: tokenizer.token_to_id(name) for name in (own, "<|endoftext|>", "<|im_start|>")}
    assert open_folder(path).tokens.end_ids == {1, ids[own]}
    for eos, found in ((7, {7}), ([7, 8], {7, 8})):
        write_json(path / "generation_config.json", {"eos_token_id": eos})
        assert open_folder(path).tokens.end_ids == {*found, ids[own]}
    for end in ("<|endoftext|>", {"content": "<|endoftext|>"}):
        change(path / "tokenizer_config.json", eos_token=end)
        assert open_folder(path).tokens.end_ids == {7, 8, ids[own], ids["<|endoftext|>"]}


def test_a_limit_of_length_in_the_tokenizer_file_cuts_nothing(tmp_path: Path) -> None:
    path = bare_folder(tmp_path, Family.QWEN2_VL)
    tokenizer = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    tokenizer.save(str(path / "tokenizer.json"))
    tokens = open_folder(path).tokens
    assert len(tokens.encode("z" * 50)) == 50
    assert len(tokens.encode("z")) == 1


@pytest.fixture
def qwen(tmp_path: Path) -> Path:
    return bare_folder(tmp_path, Family.QWEN2_VL)


def opened(path: Path) -> ModelFolder:
    return open_folder(path)


def test_a_missing_or_broken_tokenizer_is_named(qwen: Path) -> None:
    (qwen / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelBroken, match=r"tokenizer\.json is no tokenizer.*download it again"):
        opened(qwen)
    (qwen / "tokenizer.json").unlink()
    with pytest.raises(ModelBroken, match=r"tokenizer\.json is missing; download"):
        opened(qwen)


def test_a_tokenizer_of_another_model_is_refused(qwen: Path) -> None:
    change(qwen / "config.json", image_token_id=7)
    with pytest.raises(ModelBroken, match=r"has token \d+ for '<\|image_pad\|>', and config\.json says.* 7"):
        opened(qwen)
    byte_level_tokenizer(IDEFICS3_SPECIAL).save(str(qwen / "tokenizer.json"))
    with pytest.raises(ModelBroken, match=r"has no token '<\|image_pad\|>'.*take both files from one model"):
        opened(qwen)


def test_a_tokenizer_without_borders_or_larger_than_the_model_is_refused(qwen: Path) -> None:
    tokenizer = byte_level_tokenizer(["<|image_pad|>"])
    tokenizer.save(str(qwen / "tokenizer.json"))
    change(qwen / "config.json", image_token_id=tokenizer.token_to_id("<|image_pad|>"))
    with pytest.raises(ModelBroken, match=r"has no token '<\|vision_start\|>'"):
        opened(qwen)
    byte_level_tokenizer(["<|image_pad|>", *QWEN_SPECIAL]).save(str(qwen / "tokenizer.json"))
    change(qwen / "config.json", vocab_size=100)
    with pytest.raises(ModelBroken, match=r"tokens and config\.json knows 100; take both"):
        opened(qwen)
