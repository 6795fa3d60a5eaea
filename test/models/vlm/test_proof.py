from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from models.vlm import altered
from models.vlm.shown import PROMPTS, frame, labelled, parts_of

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.models.vlm.prefix import log_probabilities
from vlm_judge_ros.models.vlm.proof import difference

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

FRAMES = [frame(0), frame(1, "wrist")]
CONTENT = labelled(FRAMES)


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm"])
def test_full_precision_shares_its_prefix_and_asks_at_once(family: str, tiny_models: TinyModels) -> None:
    model = LocalModel(open_folder(tiny_models.get(family).folder))
    assert model.proof.shares_prefix
    assert model.proof.packs_suffixes
    assert model.proof.error < 1e-4
    assert "at once" in model.status
    assert model.proof.warm_s > 0


@pytest.mark.parametrize("alteration", [altered.half_precision, altered.four_bits])
def test_half_precision_and_four_bit_weights_share_their_prefix(
    alteration: Callable[[onnx.ModelProto], onnx.ModelProto], tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = altered.with_decoder(tiny_models.get("qwen3_vl").folder, tmp_path / "model", alteration)
    model = LocalModel(open_folder(folder))
    assert model.proof.shares_prefix, model.status
    [score] = model.score(CONTENT, PROMPTS[:1], "True")
    parts = parts_of(folder)
    naive = log_probabilities(parts.whole(parts.pieces(CONTENT))[:1], parts.folder.tokens.answer_id("True"))
    assert score.log_probability == pytest.approx(naive[0], abs=0.05 if alteration is altered.half_precision else 1e-4)


def test_half_precision_halves_the_key_values(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = tiny_models.get("qwen2_vl").folder
    full = LocalModel(open_folder(folder))
    half = LocalModel(open_folder(altered.with_decoder(folder, tmp_path / "model", altered.half_precision)))
    assert 2 * half.key_value_bytes_per_token == full.key_value_bytes_per_token


def test_a_precision_that_is_not_the_same_in_pieces_is_asked_the_naive_way(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = altered.with_decoder(tiny_models.get("qwen2_vl").folder, tmp_path / "model", altered.dynamic_int8)
    model = LocalModel(open_folder(folder))
    assert not model.proof.shares_prefix
    assert "Every prompt is read from the beginning" in model.status
    scores = model.score(CONTENT, PROMPTS, "True")
    parts = parts_of(folder)
    naive = log_probabilities(parts.whole(parts.pieces(CONTENT)), parts.folder.tokens.answer_id("True"))
    assert [score.log_probability for score in scores] == pytest.approx(naive, abs=1e-6)
    decoded = [shown.image.decoded for shown in FRAMES]  # type: ignore[attr-defined]
    model.score(CONTENT, PROMPTS, "True")
    assert [shown.image.decoded for shown in FRAMES] == decoded  # type: ignore[attr-defined]


def test_a_graph_that_refuses_batches_is_asked_in_turn(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = altered.with_decoder(tiny_models.get("qwen2_vl").folder, tmp_path / "model", altered.that_refuses_batches)
    model = LocalModel(open_folder(folder))
    assert model.proof.shares_prefix
    assert not model.proof.packs_suffixes
    assert "one after the other" in model.status
    assert len(model.score(CONTENT, PROMPTS, "True")) == len(PROMPTS)


def test_grouped_queries_share_their_prefix_and_are_asked_in_turn(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = altered.with_decoder(tiny_models.get("smolvlm").folder, tmp_path / "model", altered.with_grouped_queries)
    model = LocalModel(open_folder(folder))
    assert model.proof.shares_prefix, model.status
    assert not model.proof.packs_suffixes
    parts = parts_of(folder)
    for count in (1, 2):
        content = labelled(FRAMES[:count])
        naive = log_probabilities(parts.whole(parts.pieces(content)), parts.folder.tokens.answer_id("True"))
        scores = model.score(content, PROMPTS, "True")
        assert [score.log_probability for score in scores] == pytest.approx(naive, abs=1e-4)


def test_asking_at_once_can_be_switched_off(tiny_models: TinyModels) -> None:
    model = LocalModel(open_folder(tiny_models.get("qwen2_vl").folder), LocalSettings(pack=False))
    assert not model.proof.packs_suffixes


def test_a_model_that_gives_no_numbers_is_refused(tiny_models: TinyModels, tmp_path: Path) -> None:
    def poisoned(model: onnx.ModelProto) -> onnx.ModelProto:
        for tensor in model.graph.initializer:
            if tensor.name == "lm_head.weight":
                weight = onnx.numpy_helper.to_array(tensor).copy()
                weight[0, 0] = np.nan
                tensor.CopyFrom(onnx.numpy_helper.from_array(weight, tensor.name))
        return model

    folder = altered.with_decoder(tiny_models.get("qwen2_vl").folder, tmp_path / "model", poisoned)
    with pytest.raises(ModelBroken, match="not finite"):
        LocalModel(open_folder(folder))


def test_a_difference_is_a_share_of_the_spread() -> None:
    reference = np.array([[0.0, 2.0, 4.0], [0.0, 20.0, 40.0]], np.float32)
    moved = reference + np.array([[0.0, 0.0, 0.1], [0.0, 0.0, 0.1]], np.float32)
    assert difference(moved, reference) == pytest.approx(0.1 / reference[0].std())
    assert difference(reference, reference) == 0.0
    assert difference(np.full_like(reference, np.nan), reference) == float("inf")
