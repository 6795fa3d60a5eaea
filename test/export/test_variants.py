from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("transformers")


from vlm_judge_ros import cli
from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.export import compress, graph
from vlm_judge_ros.export.probe import GRAPHS
from vlm_judge_ros.export.variants import Cost, write_variants
from vlm_judge_ros.models.vlm.folder import open_folder

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

# The graphs of Idefics3 are those of SmolVLM.
QUANTIZED = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm")

# Of the logits, whose standard deviation is 1.2 in all these models. Random weights of 64 columns round worse than
# trained ones of thousands; what a real model loses, the command measures.
LARGEST = {"fp16": 0.05, "q8": 0.5, "q4": 8.0, "q4f16": 8.0, "int8": 1.5, "uint8": 1.5}
MEAN = {"fp16": 0.005, "q8": 0.05, "q4": 0.5, "q4f16": 0.5, "int8": 0.1, "uint8": 0.1}


@pytest.fixture(scope="module")
def quantized(tiny_models: TinyModels, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[Cost]]]:
    """Per family a folder with all variants, and what they cost."""
    made = {}
    for family in QUANTIZED:
        folder = shutil.copytree(tiny_models.get(family).folder, tmp_path_factory.mktemp("quantized") / family)
        made[family] = (Path(folder), write_variants(Path(folder), compress.PRECISIONS))
    return made


Quantized = dict[str, tuple[Path, list[Cost]]]


@pytest.mark.parametrize("family", QUANTIZED)
def test_every_variant_runs_and_stays_near_single_precision(quantized: Quantized, family: str) -> None:
    _, costs = quantized[family]
    assert [cost.precision for cost in costs] == list(compress.PRECISIONS)
    for cost in costs:
        assert cost.largest_error <= LARGEST[cost.precision], cost
        assert cost.mean_error <= MEAN[cost.precision], cost


@pytest.mark.parametrize("family", QUANTIZED)
def test_every_variant_is_smaller(quantized: Quantized, family: str) -> None:
    folder, costs = quantized[family]
    full = sum((folder / "onnx" / f"{name}.onnx").stat().st_size for name in GRAPHS)
    share = {cost.precision: cost.size / full for cost in costs}
    assert share["q4"] < share["q8"] < max(share.values()) < 0.6


@pytest.mark.parametrize("precision", compress.PRECISIONS)
def test_the_judge_opens_every_variant(quantized: Quantized, precision: str) -> None:
    folder = open_folder(quantized["qwen3_vl"][0], precision)
    assert set(folder.precisions.values()) == {precision}


def types(path: Path) -> dict[str, str]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return {value.name: value.type for value in (*session.get_inputs(), *session.get_outputs())}


@pytest.mark.parametrize("precision", ["fp16", "q4f16"])
def test_only_keys_and_values_become_half_precision_at_the_border_of_a_graph(
    quantized: Quantized, precision: str
) -> None:
    for name in GRAPHS:
        for value, kind in types(quantized["qwen3_vl"][0] / "onnx" / f"{name}_{precision}.onnx").items():
            is_state = value.startswith(("past_key_values.", "present."))
            assert ("float16" in kind) == is_state, value


def test_half_precision_survives_hidden_states_whose_squares_it_cannot_hold(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    source = tiny_models.get("qwen2_5_vl").folder / "onnx" / "decoder_model_merged.onnx"
    target = tmp_path / "decoder_model_merged_fp16.onnx"
    compress.write_variant(source, target, "fp16")
    expected, logits = (decode(path, scale=2000.0) for path in (source, target))
    assert np.abs(logits - expected).max() < 0.1


def decode(path: Path, scale: float = 1.0, start: int = 30_000, pieces: tuple[int, ...] = (6,)) -> Any:
    """Logits of embeddings of this size, at positions far from 0, read in pieces of so many tokens."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    embeddings = (scale * np.random.default_rng(3).normal(size=(1, sum(pieces), 64))).astype(np.float32)
    names = [output.name for output in session.get_outputs()]
    past: dict[str, Any] = {}
    for wanted in session.get_inputs():
        if wanted.name.startswith("past_key_values."):
            dtype = np.float16 if "16" in wanted.type else np.float32
            past[wanted.name] = np.zeros((1, wanted.shape[1], 0, wanted.shape[3]), dtype)
    logits, read = [], 0
    for length in pieces:
        feeds = {
            "inputs_embeds": embeddings[:, read : read + length],
            "attention_mask": np.ones((1, read + length), np.int64),
            "position_ids": np.broadcast_to(np.arange(start + read, start + read + length), (3, 1, length)),
            "num_logits_to_keep": np.array(0),
            **past,
        }
        outputs = dict(zip(names, session.run(names, feeds), strict=True))
        logits.append(outputs.pop("logits"))
        past = {name.replace("present", "past_key_values"): value for name, value in outputs.items()}
        read += length
    return np.concatenate(logits, axis=1)


@pytest.mark.parametrize(("precision", "tolerance"), [("q8", 1e-4), ("q4", 1e-4), ("fp16", 0.02), ("q4f16", 0.02)])
def test_with_quantized_weights_it_does_not_matter_how_a_text_is_cut(
    quantized: Quantized, precision: str, tolerance: float
) -> None:
    path = quantized["qwen2_5_vl"][0] / "onnx" / f"decoder_model_merged_{precision}.onnx"
    assert np.abs(decode(path, pieces=(9, 5, 6)) - decode(path, pieces=(20,))).max() < tolerance


@pytest.mark.parametrize("precision", ["int8", "uint8"])
def test_with_quantized_activations_it_does_matter(quantized: Quantized, precision: str) -> None:
    path = quantized["qwen2_5_vl"][0] / "onnx" / f"decoder_model_merged_{precision}.onnx"
    assert np.abs(decode(path, pieces=(9, 5, 6)) - decode(path, pieces=(20,))).max() > 0.02


@pytest.mark.parametrize("precision", compress.PRECISIONS)
def test_large_weights_of_a_variant_go_to_a_file_beside_it(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    folder = Path(shutil.copytree(tiny_models.get("smolvlm").folder, tmp_path / "model"))
    monkeypatch.setattr(graph, "LARGEST_SINGLE_FILE", 50_000)
    (cost,) = write_variants(folder, [precision])
    assert (folder / "onnx" / f"decoder_model_merged_{precision}.onnx_data").is_file()
    assert cost.mean_error <= MEAN[precision]


def test_the_command_prints_size_and_error_of_each_precision(
    tiny_models: TinyModels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(tiny_models.get("qwen2_vl").folder, tmp_path / "model")
    assert cli.main(["quantize", str(folder), "--to", "q8, fp16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["fp32", "q8", "fp16"]
    assert all("MB" in line for line in lines)
    assert all("largest" in line and "mean" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("precision", "spoil", "sentence"),
    [
        ("q3", None, "'q3' is not known; use some of fp16, q8"),
        ("q4", "decoder_model_merged_q4.onnx", "exists already; remove it"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tiny_models: TinyModels, tmp_path: Path, precision: str, spoil: str | None, sentence: str
) -> None:
    folder = Path(shutil.copytree(tiny_models.get("qwen2_vl").folder, tmp_path / "model"))
    if spoil is not None:
        (folder / "onnx" / spoil).touch()
    before = sorted(folder.rglob("*"))
    with pytest.raises(JudgeError, match=sentence):
        write_variants(folder, ["fp16", precision])
    assert sorted(folder.rglob("*")) == before


def test_a_folder_without_graphs_in_single_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelBroken, match=r"embed_tokens\.onnx is missing"):
        write_variants(tmp_path, ["q4"])


def test_a_broken_graph_is_one_sentence_and_nothing_is_left_of_the_precision(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiny_models.get("qwen2_vl").folder, tmp_path / "model"))
    before = sorted(folder.rglob("*"))

    def fail(*_: object) -> None:
        raise RuntimeError("no such operator\nand a trace")

    monkeypatch.setattr(compress, "_block_quantized", fail)
    with pytest.raises(ModelBroken, match=r"cannot be turned into q4 \(no such operator\)"):
        write_variants(folder, ["q4"])
    assert sorted(folder.rglob("*")) == before
