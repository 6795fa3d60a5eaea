from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest

pytest.importorskip("transformers")

from models.vlm.tiny import FAMILIES
from safetensors.torch import load_file, save_file

from vlm_judge_ros import cli
from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.export import folder as export_folder
from vlm_judge_ros.export import graph
from vlm_judge_ros.export.folder import write_folder
from vlm_judge_ros.models.vlm.folder import open_folder

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

GRAPHS = {"embed_tokens.onnx", "vision_encoder.onnx", "decoder_model_merged.onnx"}


@pytest.fixture
def source(tiny_models: TinyModels, tmp_path: Path) -> Path:
    """A folder as transformers saves it, to be spoilt."""
    return Path(shutil.copytree(tiny_models.get("qwen3_vl").source, tmp_path / "source"))


def change_config(source: Path, **changes: object) -> None:
    path = source / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("family", FAMILIES)
def test_an_exported_folder_opens_and_holds_what_the_judge_needs(tiny_models: TinyModels, family: str) -> None:
    folder = open_folder(tiny_models.get(family).folder)
    assert {path.name for path in (folder.path / "onnx").iterdir()} == GRAPHS
    assert set(folder.precisions.values()) == {"fp32"}
    assert folder.tokens.answer_id("True") != folder.tokens.answer_id("False")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_graphs_are_valid_and_name_no_machine(tiny_models: TinyModels, family: str) -> None:
    for path in (tiny_models.get(family).folder / "onnx").iterdir():
        onnx.checker.check_model(str(path), full_check=True)
        content = path.read_bytes()
        assert str(Path.home()).encode() not in content
        assert str(Path(graph.__file__).parent).encode() not in content


def test_the_command_says_what_it_writes_and_how_far_the_logits_are_off(
    tiny_models: TinyModels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "models" / "tiny"
    assert cli.main(["export", str(tiny_models.get("qwen2_vl").source), "--out", str(target)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(target)
    assert any(line.startswith("wrote decoder_model_merged.onnx") for line in lines)
    assert any("largest error of a logit" in line for line in lines)
    assert {path.name for path in (target / "onnx").iterdir()} == GRAPHS
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]


def test_large_weights_go_to_a_file_beside_the_graph(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "LARGEST_SINGLE_FILE", 200_000)
    error = write_folder(tiny_models.get("smolvlm").source, tmp_path / "model")
    names = {path.name for path in (tmp_path / "model" / "onnx").iterdir()}
    assert names == GRAPHS | {"vision_encoder.onnx_data", "decoder_model_merged.onnx_data"}
    assert error is not None and error < 1e-4


def test_weights_saved_in_half_precision_are_exported_in_single(source: Path, tmp_path: Path) -> None:
    path = source / "model.safetensors"
    save_file({name: tensor.bfloat16() for name, tensor in load_file(path).items()}, path, {"format": "pt"})
    error = write_folder(source, tmp_path / "model")
    assert error is not None and error < 1e-4


def test_an_existing_folder_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(JudgeError, match="exists already"):
        write_folder(source, tmp_path / "model")
    assert list((tmp_path / "model").iterdir()) == []


def test_an_unknown_model_type_is_refused_with_those_that_can_be_exported(source: Path, tmp_path: Path) -> None:
    change_config(source, model_type="llava")
    with pytest.raises(ModelBroken, match=r"'llava', which cannot be exported; use .* qwen2_vl, .*smolvlm\.$"):
        write_folder(source, tmp_path / "model")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"])
def test_a_missing_file_is_named(source: Path, tmp_path: Path, name: str) -> None:
    (source / name).unlink()
    with pytest.raises(ModelBroken, match=name.split(".")[1].replace("_", ".")):
        write_folder(source, tmp_path / "model")


def test_a_missing_weight_is_not_made_up(source: Path, tmp_path: Path) -> None:
    path = source / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("layers.1.mlp.up_proj.weight"))
    del weights[name]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelBroken, match=r"lacks 1 weights, the first is .*layers\.1\.mlp\.up_proj\.weight"):
        write_folder(source, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_damaged_weight_file_is_one_sentence(source: Path, tmp_path: Path) -> None:
    path = source / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelBroken, match="cannot be loaded by transformers") as caught:
        write_folder(source, tmp_path / "model")
    assert "\n" not in str(caught.value)


def test_a_sliding_window_in_the_text_is_refused(tiny_models: TinyModels, tmp_path: Path) -> None:
    source = Path(shutil.copytree(tiny_models.get("qwen2_5_vl").source, tmp_path / "source"))
    text = json.loads((source / "config.json").read_text())["text_config"]
    text |= {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}
    text.pop("layer_types", None)
    change_config(source, text_config=text)
    with pytest.raises(ModelBroken, match="sliding window"):
        write_folder(source, tmp_path / "model")


def test_graphs_that_give_other_logits_are_not_left_behind(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = export_folder.ask_transformers
    monkeypatch.setattr(export_folder, "ask_transformers", lambda model, probe: honest(model, probe) + 0.1)
    with pytest.raises(ModelBroken, match="other logits than transformers"):
        write_folder(source, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_without_the_extra_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for words in (["export", "model", "--out", str(tmp_path / "out")], ["quantize", "model"]):
        assert cli.main(words) == 1
        message = capsys.readouterr().err
        assert "make install EXTRAS=export" in message
        assert len(message.splitlines()) == 1
