from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.engines import EngineKey
from vlm_judge_ros.models.vlm.providers import GRAPHS, PROVIDERS, Placement, choose, resolve, try_provider
from vlm_judge_ros.models.vlm.trial import Trial

ORDERS = st.lists(st.sampled_from(sorted(PROVIDERS)), unique=True, min_size=1)
KEY = EngineKey(
    model_hash="0123456789abcdef",
    shapes=(("image_grid_thw", (1, 3)), ("pixel_values", (256, 1176))),
    device="Orin",
    compute_capability=(8, 7),
    tensorrt="10.3.0",
    runtime="1.23.2",
)


def names_of(names: Sequence[str], graph: str) -> list[str]:
    short = {provider: name for name, provider in PROVIDERS.items()}
    return [short[provider] for provider, _ in resolve(names, graph)]


@given(names=ORDERS, graph=st.sampled_from(GRAPHS))
def test_every_graph_has_a_provider_and_none_twice(names: list[str], graph: str) -> None:
    resolved = names_of(names, graph)
    assert resolved
    assert len(set(resolved)) == len(resolved)


@given(names=ORDERS)
def test_tensorrt_is_for_the_vision_graph_alone_and_has_cuda_behind_it(names: list[str]) -> None:
    assert "tensorrt" not in names_of(names, "decoder")
    vision = names_of(names, "vision")
    assert ("tensorrt" in vision) == ("tensorrt" in names)
    if "tensorrt" in names:
        assert "cuda" in vision
        assert "cuda" in names_of(names, "decoder")


@given(names=ORDERS)
def test_the_order_asked_for_is_kept_and_the_cpu_is_never_added(names: list[str]) -> None:
    assert names_of(names, "vision")[0] == names[0]
    for graph in ("vision", "decoder"):
        resolved = names_of(names, graph)
        assert ("cpu" in resolved) == ("cpu" in names)
        if "tensorrt" not in names:
            assert resolved == names


def test_the_embeddings_stay_on_the_cpu() -> None:
    assert names_of(["tensorrt", "cuda"], "embed") == ["cpu"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["gpu"], "no provider called 'gpu'; choose among cpu, cuda, tensorrt"),
        (["cuda", "cuda"], "named 2 times"),
        ([], "No provider is named"),
    ],
)
def test_an_order_that_makes_no_sense_is_one_sentence(names: list[str], sentence: str) -> None:
    with pytest.raises(JudgeError, match=sentence):
        resolve(names, "decoder")


def test_memory_on_the_gpu_can_be_bounded_and_grows_by_what_is_asked_for() -> None:
    ((_, options),) = resolve(["cuda"], "decoder", Placement(device=1, memory_limit_mb=3000))
    assert options["gpu_mem_limit"] == str(3000 * 1024 * 1024)
    assert options["arena_extend_strategy"] == "kSameAsRequested"
    assert options["device_id"] == "1"
    ((_, unbounded),) = resolve(["cuda"], "decoder")
    assert "gpu_mem_limit" not in unbounded


def test_an_engine_is_built_in_half_precision_for_one_shape_and_kept(tmp_path: Path) -> None:
    (_, options), (fallback, _) = resolve(["tensorrt"], "vision", Placement(engine=KEY, engines=tmp_path))
    assert fallback == PROVIDERS["cuda"]
    assert options["trt_fp16_enable"] == "1"
    for bound in ("min", "opt", "max"):
        assert options[f"trt_profile_{bound}_shapes"] == "image_grid_thw:1x3,pixel_values:256x1176"
    assert Path(options["trt_engine_cache_path"]).parent == Path(options["trt_timing_cache_path"])
    assert Path(options["trt_timing_cache_path"]).parent == tmp_path
    assert all(isinstance(value, str) for value in options.values())


def test_an_engine_of_a_graph_with_fixed_shapes_has_no_profile(tmp_path: Path) -> None:
    placement = Placement(engine=replace(KEY, shapes=()), engines=tmp_path)
    (_, options), _ = resolve(["tensorrt"], "vision", placement)
    assert "trt_engine_cache_path" in options
    assert not any("profile" in option for option in options)


def test_without_a_key_no_engine_is_kept() -> None:
    (_, options), _ = resolve(["tensorrt"], "vision")
    assert not any("cache" in option or "profile" in option for option in options)


def scripted(*running: str) -> object:
    def attempt(name: str) -> Trial:
        ran = name in running
        return Trial(PROVIDERS[name], ran, "" if ran else f"{name} cannot run: the script says so; write another.")

    return attempt


@given(names=ORDERS, running=st.sets(st.sampled_from(sorted(PROVIDERS))))
def test_what_runs_is_kept_in_order_and_what_does_not_is_said(names: list[str], running: set[str]) -> None:
    expected = [name for name in names if name in running]
    if not expected:
        with pytest.raises(JudgeError) as raised:
            choose(names, scripted(*running))  # type: ignore[arg-type]
        assert all(f"{name} cannot run" in str(raised.value) for name in names)
        return
    choice = choose(names, scripted(*running))  # type: ignore[arg-type]
    assert list(choice.names) == expected
    assert choice.status.startswith(f"Runs on {', '.join(expected)}.")
    for name in names:
        assert (f"{name} cannot run" in choice.status) == (name not in running)


@pytest.mark.parametrize("apart", [False, True])
def test_the_cpu_is_proved_by_a_real_inference(apart: bool) -> None:
    trial = try_provider("cpu", apart=apart)
    assert trial.ran, trial.fault


def test_a_provider_that_cannot_run_here_is_refused_with_a_remedy_and_the_cpu_steps_in() -> None:
    if try_provider("cuda", apart=True).ran:
        pytest.skip("CUDA runs here")
    choice = choose(["cuda", "cpu"])
    assert choice.names == ("cpu",)
    (refusal,) = choice.refusals
    assert refusal.startswith("CUDA cannot run: ")
    assert refusal in choice.status
    with pytest.raises(JudgeError, match="Add cpu to the providers"):
        choose(["cuda"])
