from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.models.vlm import placing
from vlm_judge_ros.models.vlm.engines import EngineKey
from vlm_judge_ros.models.vlm.folder import ModelFolder, open_folder
from vlm_judge_ros.models.vlm.graphs import Graph
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.models.vlm.placing import engine_of, is_built, open_graph, sample_image
from vlm_judge_ros.models.vlm.providers import try_provider
from vlm_judge_ros.models.vlm.runtime import PROVIDERS

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels


@pytest.fixture
def folder(tiny_models: TinyModels) -> ModelFolder:
    return open_folder(tiny_models.get("qwen2_5_vl").folder)


def key_for(model_hash: str, shapes: dict[str, tuple[int, ...]], device: int = 0) -> EngineKey:
    return EngineKey(model_hash, tuple(sorted(shapes.items())), "Orin", (8, 7), "10.3.0", "1.23.2")


def test_a_model_falls_back_in_order_and_says_so(folder: ModelFolder, caplog: pytest.LogCaptureFixture) -> None:
    if try_provider("cuda", apart=True).ran:
        pytest.skip("CUDA runs here")
    with caplog.at_level(logging.WARNING):
        model = LocalModel(folder, LocalSettings(providers=("cuda", "cpu"), image_tokens={"": 16}))
    assert model.provider.startswith("cpu")
    assert "CUDA cannot run: " in model.status
    assert any("CUDA cannot run: " in message for message in caplog.messages)


def test_a_model_that_may_run_on_nothing_else_is_not_run(folder: ModelFolder) -> None:
    if try_provider("cuda", apart=True).ran:
        pytest.skip("CUDA runs here")
    with pytest.raises(JudgeError, match="CUDA cannot run: "):
        LocalModel(folder, LocalSettings(providers=("cuda",)))


def test_an_engine_is_for_the_shapes_that_the_vision_graph_will_be_given(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "engine_key", key_for)
    image = sample_image(folder, 16)
    shapes = dict(engine_of(folder, image).shapes)
    assert shapes["pixel_values"] == image.pixel_values.shape
    assert (1, 3) in shapes.values()
    assert engine_of(folder, sample_image(folder, 64)).folder != engine_of(folder, image).folder


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_missing_engine_is_announced_because_building_it_takes_minutes(
    folder: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(placing, "engine_key", key_for)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    open_graph(folder, "vision", ["tensorrt", "cpu"], image_tokens=16)
    assert "run `vlm-judge warmup`" in caplog.text
    (place,) = (tmp_path / "vlm_judge_ros" / "engines").glob("*/*")
    assert not is_built(place)
    (place / "graph_sm87.engine").touch()
    caplog.clear()
    open_graph(folder, "vision", ["tensorrt", "cpu"], image_tokens=16)
    assert "warmup" not in caplog.text


def refuse_gpus(path: Path, providers: list[tuple[str, dict[str, str]]], threads: int = 1) -> Graph:
    if providers[0][0] != PROVIDERS["cpu"]:
        raise ModelBroken(f"The graph {path.name} does not fit into the memory of the GPU; take a smaller one.")
    return Graph(path, providers, threads)


def test_a_graph_that_the_gpu_cannot_take_runs_on_the_cpu_where_that_is_allowed(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(placing, "Graph", refuse_gpus)
    assert open_graph(folder, "decoder", ["cuda", "cpu"]).provider == "cpu"
    assert "take a smaller one. The graph runs on the CPU." in caplog.text
    with pytest.raises(ModelBroken, match="does not fit"):
        open_graph(folder, "decoder", ["cuda"])


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_broken_file_is_broken_on_the_cpu_too(folder: ModelFolder, tmp_path: Path) -> None:
    broken = tmp_path / "decoder_model_merged.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(ModelBroken, match="cannot load"):
        open_graph(replace(folder, decoder=broken), "decoder", ["cuda", "cpu"])
