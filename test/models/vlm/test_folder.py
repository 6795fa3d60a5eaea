from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from models.vlm.bare import bare_folder, write_graph, write_json

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.models.vlm import file_hash
from vlm_judge_ros.models.vlm.families import Family
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.precision import PREFERRED


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache


@pytest.fixture
def qwen3(tmp_path: Path) -> Path:
    return bare_folder(tmp_path / "qwen3", Family.QWEN3_VL)


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    fields = json.loads(path.read_text())
    edit(fields)
    write_json(path, fields)


@pytest.mark.parametrize("family", list(Family), ids=lambda family: family.value)
def test_a_folder_of_each_family_opens(tmp_path: Path, family: Family) -> None:
    folder = open_folder(bare_folder(tmp_path, family))
    config = folder.config
    assert folder.family is config.family is family
    assert (config.hidden_size, config.layers, config.key_value_heads, config.head_dim) == (64, 2, 2, 16)
    assert (config.context_length, config.end_token_ids) == (4096, (1,))
    assert config.mrope_sections == ((2, 3, 3) if family.is_qwen else ())
    assert config.patch_size == (14 if family in (Family.QWEN2_VL, Family.QWEN2_5_VL) else 16)
    assert config.merge_size == (2 if family.is_qwen else 4)
    assert config.deepstack_indexes == ((0, 1) if family is Family.QWEN3_VL else ())
    assert folder.decoder.name == "decoder_model_merged.onnx"
    assert folder.precisions == {"vision": "fp32", "embed": "fp32", "decoder": "fp32"}


def test_configurations_as_transformers_5_writes_them_open_too(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    path = bare_folder(tmp_path, Family.QWEN2_VL)
    old = open_folder(path).config
    text = json.loads((path / "config.json").read_text())
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
    config = transformers.Qwen2VLConfig(
        text_config={name: text[name] for name in names}
        | {"max_position_embeddings": 4096, "rope_parameters": rope, "eos_token_id": 1},
        vision_config={"patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2},
        image_token_id=text["image_token_id"],
    )
    config.save_pretrained(path)
    assert open_folder(path).config == old


def test_what_equals_the_defaults_of_llama_may_be_left_out_by_idefics3(tmp_path: Path) -> None:
    path = bare_folder(tmp_path, Family.IDEFICS3)

    def leave_out(fields: dict[str, Any]) -> None:
        text = fields["text_config"]
        del text["num_attention_heads"], text["num_key_value_heads"]
        text["hidden_size"] = 2048

    change(path / "config.json", leave_out)
    config = open_folder(path).config
    assert (config.key_value_heads, config.head_dim) == (32, 64)


@pytest.mark.parametrize("tile", [8, 500, 528])
def test_tiles_that_do_not_fit_the_vision_encoder_are_refused(tmp_path: Path, tile: int) -> None:
    path = bare_folder(tmp_path, Family.IDEFICS3)
    change(path / "preprocessor_config.json", lambda fields: fields.update(max_image_size={"longest_edge": tile}))
    with pytest.raises(ModelBroken, match=f"has tiles of {tile} pixels, which do not divide"):
        open_folder(path)


def test_the_image_processor_may_lie_inside_the_processor(qwen3: Path) -> None:
    expected = open_folder(qwen3).processor
    fields = json.loads((qwen3 / "preprocessor_config.json").read_text())
    (qwen3 / "preprocessor_config.json").unlink()
    write_json(qwen3 / "processor_config.json", {"image_processor": fields})
    assert open_folder(qwen3).processor == expected


def test_the_limits_of_area_may_be_called_as_in_older_files(tmp_path: Path) -> None:
    path = bare_folder(tmp_path, Family.QWEN2_VL)

    def rename(fields: dict[str, Any]) -> None:
        fields["size"] = {"min_pixels": fields.pop("min_pixels"), "max_pixels": fields.pop("max_pixels")}

    change(path / "preprocessor_config.json", rename)
    processor = open_folder(path).processor
    assert (processor.min_pixels, processor.max_pixels) == (3136, 12845056)


def test_the_architecture_decides_where_the_type_says_nothing(qwen3: Path) -> None:
    change(
        qwen3 / "config.json",
        lambda fields: fields.update(model_type="mine", architectures=["Qwen3VLForConditionalGeneration"]),
    )
    assert open_folder(qwen3).family is Family.QWEN3_VL


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda p: (p / "config.json").unlink(), r"config\.json is missing; download it again"),
    "config cut short": (lambda p: (p / "config.json").write_text('{"a'), r"config\.json is not JSON"),
    "config a list": (lambda p: (p / "config.json").write_text("[]"), r"config\.json holds no JSON object"),
    "config binary": (lambda p: (p / "config.json").write_bytes(b"\xff\xfe"), r"config\.json is not JSON"),
    "other family": (
        lambda p: change(p / "config.json", lambda f: f.update(model_type="llava")),
        r"model_type 'llava', which is not supported; use one of idefics3, qwen2_5_vl",
    ),
    "field missing": (
        lambda p: change(p / "config.json", lambda f: f["text_config"].pop("num_hidden_layers")),
        r"In .*config\.json, layers is missing",
    ),
    "field wrong": (
        lambda p: change(p / "config.json", lambda f: f["text_config"].update(num_hidden_layers=-1)),
        r"In .*config\.json, layers is -1: .*greater than 0",
    ),
    "sections missing": (
        lambda p: change(p / "config.json", lambda f: f["text_config"].pop("rope_scaling")),
        r"mrope_sections is missing",
    ),
    "no preprocessor": (
        lambda p: (p / "preprocessor_config.json").unlink(),
        r"preprocessor_config\.json is missing and processor_config\.json has no image_processor",
    ),
    "no mean": (
        lambda p: change(p / "preprocessor_config.json", lambda f: f.pop("image_mean")),
        r"In .*preprocessor_config\.json, mean is missing",
    ),
    "not resized": (
        lambda p: change(p / "preprocessor_config.json", lambda f: f.update(do_resize=False)),
        r"switches do_resize off, which is not supported",
    ),
    "patches of another model": (
        lambda p: change(p / "preprocessor_config.json", lambda f: f.update(patch_size=14)),
        r"says patch_size 14 and config\.json says 16; take both files from one model",
    ),
    "no graphs": (
        lambda p: shutil.rmtree(p / "onnx"),
        r"has no vision_encoder\.onnx in any precision.*vlm-judge export",
    ),
    "one graph missing": (
        lambda p: (p / "onnx" / "embed_tokens.onnx").unlink(),
        r"has no embed_tokens\.onnx in any precision",
    ),
    "graph empty": (
        lambda p: (p / "onnx" / "embed_tokens.onnx").write_bytes(b""),
        r"embed_tokens\.onnx is cut short or no ONNX file",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_missing_or_broken_is_one_sentence_with_a_remedy(qwen3: Path, name: str) -> None:
    breakage, sentence = BREAKAGES[name]
    breakage(qwen3)
    with pytest.raises(ModelBroken, match=sentence) as raised:
        open_folder(qwen3)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelBroken, match="is not a folder; name the folder of a model"):
        open_folder(tmp_path / "nowhere")


def test_graphs_may_lie_beside_the_configuration(qwen3: Path) -> None:
    for path in (qwen3 / "onnx").iterdir():
        path.rename(qwen3 / path.name)
    (qwen3 / "onnx").rmdir()
    assert open_folder(qwen3).vision == qwen3 / "vision_encoder.onnx"


class TestPrecision:
    @pytest.fixture
    def several(self, tmp_path: Path) -> Path:
        return bare_folder(tmp_path / "several", Family.QWEN3_VL, ("", "_fp16", "_q4", "_int8"))

    def test_the_best_is_taken_where_none_is_asked_for(self, several: Path) -> None:
        assert open_folder(several).precisions == {"vision": "fp16", "embed": "fp16", "decoder": "q4"}
        write_graph(several / "onnx" / "decoder_model_merged_q4f16.onnx")
        assert open_folder(several).decoder.name == "decoder_model_merged_q4f16.onnx"

    def test_integers_that_depend_on_the_input_come_last(self, tmp_path: Path) -> None:
        path = bare_folder(tmp_path / "model", Family.QWEN3_VL, ("", "_int8"))
        assert open_folder(path).precisions["decoder"] == "fp32"

    def test_one_word_is_for_all_graphs(self, several: Path) -> None:
        assert open_folder(several, "int8").precisions == {"vision": "int8", "embed": "int8", "decoder": "int8"}

    def test_each_graph_may_have_its_own(self, several: Path) -> None:
        folder = open_folder(several, "vision=fp32, decoder=int8")
        assert folder.precisions == {"vision": "fp32", "embed": "fp16", "decoder": "int8"}

    def test_one_that_is_not_there_is_told_with_what_is(self, several: Path) -> None:
        (several / "onnx" / "embed_tokens_q4.onnx").unlink()
        with pytest.raises(ModelBroken, match=r"no embed_tokens_q4\.onnx; .*: vision=q4,embed=fp16,decoder=q4\."):
            open_folder(several, "q4")

    @pytest.mark.parametrize("words", ["q3", "vision=", "picture=q4", "vision=q4,vision=q4", "vision=q4,,"])
    def test_words_that_mean_nothing_are_refused(self, several: Path, words: str) -> None:
        with pytest.raises(JudgeError, match=r"is not (known|understood)"):
            open_folder(several, words)

    def test_the_documented_order_is_the_one_that_counts(self) -> None:
        text = (Path(__file__).parents[3] / "docs" / "model_folders.md").read_text()
        for graph, names in PREFERRED.items():
            (row,) = [line for line in text.splitlines() if line.startswith("| `") and f"`{graph}`" in line]
            assert row.split("|")[2].strip() == ", ".join(names)


class TestFileHash:
    def test_it_is_the_same_in_another_place(self, qwen3: Path, tmp_path: Path) -> None:
        first = open_folder(qwen3).file_hash
        shutil.copytree(qwen3, tmp_path / "copy")
        assert open_folder(tmp_path / "copy").file_hash == first
        assert len(first) == 16
        int(first, 16)

    @pytest.mark.parametrize(
        "name",
        [
            *("config.json", "tokenizer.json", "preprocessor_config.json", "chat_template.jinja"),
            *("onnx/embed_tokens.onnx", "onnx/w.bin"),
        ],
    )
    def test_it_changes_with_every_file_that_decides(self, qwen3: Path, name: str) -> None:
        write_graph(qwen3 / "onnx" / "vision_encoder.onnx", external="w.bin")
        (qwen3 / "chat_template.jinja").write_text("{{ messages }}")
        before = open_folder(qwen3).file_hash
        path = qwen3 / name
        content = path.read_bytes()
        changed = content[:-1] + b"\x01" if path.suffix in (".onnx", ".bin") else content + b" "
        path.write_bytes(changed)
        os.utime(path, (1, 1))
        assert open_folder(qwen3).file_hash != before

    def test_files_are_read_once(self, qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = open_folder(qwen3).file_hash

        def fail(path: Path) -> str:
            raise AssertionError(f"{path} was read again")

        monkeypatch.setattr(file_hash, "file_sha256", fail)
        assert open_folder(qwen3).file_hash == first

    def test_a_broken_or_read_only_memory_is_no_obstacle(self, qwen3: Path, own_cache: Path) -> None:
        first = open_folder(qwen3).file_hash
        memory = own_cache / "vlm_judge_ros" / "file_hashes.json"
        memory.write_text("nonsense")
        assert open_folder(qwen3).file_hash == first
        shutil.rmtree(memory.parent)
        memory.parent.write_text("a file where the folder should be")
        assert open_folder(qwen3).file_hash == first
