from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from models.vlm.test_placing import key_for

from vlm_judge_ros import cli
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm import placing, warmup
from vlm_judge_ros.models.vlm.folder import ModelFolder, open_folder
from vlm_judge_ros.models.vlm.graphs import Graph
from vlm_judge_ros.models.vlm.providers import try_provider
from vlm_judge_ros.models.vlm.warmup import built, in_background

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels


@pytest.fixture
def folder(tiny_models: TinyModels) -> ModelFolder:
    return open_folder(tiny_models.get("qwen2_5_vl").folder)


def test_a_model_is_proved_on_the_cpu_and_what_it_costs_is_said(
    folder: ModelFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["warmup", str(folder.path), "--providers", "cpu", "--image-tokens", "16"]) == 0
    said = capsys.readouterr().out
    assert f"{folder.file_hash} really runs on cpu: " in said
    assert "s to load" in said and "first answer" in said and "key/values take at most" in said


def test_what_cannot_run_is_said_and_the_rest_is_warmed_up(
    folder: ModelFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    if try_provider("cuda", apart=True).ran:
        pytest.skip("CUDA runs here")
    assert cli.main(["warmup", str(folder.path), "--image-tokens", "16"]) == 0
    said = capsys.readouterr().out
    assert "CUDA cannot run: " in said and "TensorRT cannot run: " in said and "really runs on cpu" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--providers", "npu"], "There is no provider called 'npu'"),
        (["--providers", ""], "There is no provider called ''"),
        (["--precision", "q3"], "q3"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    folder: ModelFolder, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["warmup", str(folder.path), *words]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("vlm-judge: ") and sentence in said


class Builder:
    """Stands in for TensorRT, which keeps an engine and its timings as files."""

    def __init__(self, builds: bool = True) -> None:
        self.calls = 0
        self._builds = builds

    def open_graph(self, folder: ModelFolder, graph: str, names: list[str], image_tokens: int, engines: Path) -> Graph:
        self.calls += 1
        key = placing.engine_of(folder, placing.sample_image(folder, image_tokens))
        place = engines / key.folder
        place.mkdir(parents=True)
        if self._builds:
            (place / "vision_sm87.engine").write_bytes(b"engine")
            (engines / key.device_folder / "timing.cache").write_bytes(b"timings")
        return Graph(folder.vision)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(placing, "engine_key", key_for)
    return tmp_path / "vlm_judge_ros" / "engines"


def test_an_engine_is_built_once_and_put_in_place_whole(
    folder: ModelFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = Builder()
    monkeypatch.setattr(warmup, "open_graph", builder.open_graph)
    said = built(folder, 16)
    (engine,) = cache.rglob("*.engine")
    assert engine.read_bytes() == b"engine"
    assert str(engine.parent) in said and "tokens in 0 s: 1 files" in said
    assert (engine.parents[1] / "timing.cache").read_bytes() == b"timings"
    assert "is there already" in built(folder, 16)
    built(folder, 64)
    assert len(list(cache.rglob("*.engine"))) == 2
    assert builder.calls == 2
    assert not list(cache.glob(".building-*"))


def test_where_tensorrt_takes_nothing_of_the_graph_that_is_said_and_nothing_left(
    folder: ModelFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warmup, "open_graph", Builder(builds=False).open_graph)
    with pytest.raises(JudgeError, match="leave tensorrt out"):
        built(folder, 16)
    assert not list(cache.iterdir())


def test_an_interrupt_is_heard_while_the_runtime_works() -> None:
    running, release = threading.Event(), threading.Event()

    def work() -> None:
        running.set()
        release.wait(60)

    def interrupt() -> None:
        running.wait(60)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            in_background(work)
    finally:
        release.set()
        thread.join()


def test_an_error_of_the_work_is_the_error_of_the_step() -> None:
    def work() -> None:
        raise JudgeError("It did not work; try again.")

    with pytest.raises(JudgeError, match="did not work"):
        in_background(work)
