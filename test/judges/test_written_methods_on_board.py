"""Methods that have a model write, with tiny models of the real architectures. Random weights write gibberish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from judges.shown_episode import evidence

from vlm_judge_ros.judges.factory import JudgeOptions, resolve

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

CAMERAS = ("front", "wrist")
METHODS = ("critique", "frame_ordering")


@pytest.fixture(params=["qwen3_vl", "smolvlm"])
def options(request: pytest.FixtureRequest, tiny_models: TinyModels) -> JudgeOptions:
    return JudgeOptions(model=str(tiny_models.get(request.param).folder), images_per_camera=3, samples=2)


@pytest.mark.parametrize("method", METHODS)
def test_gibberish_is_unparsable_and_the_same_each_time(method: str, options: JudgeOptions) -> None:
    shown = evidence([0.0, 0.3, 0.6, 0.9], CAMERAS)
    judge = resolve(method)(options)
    opinion = judge.ask(shown)
    assert opinion.unparsable and opinion.declined
    assert opinion.reason.startswith("The answer")
    assert opinion.reason.isprintable()
    source = opinion.provenance
    assert (source.method, source.provider) == (method, "cpu")
    assert len(source.model_hash) == len(source.prompt_hash) == 16
    assert repr(judge.ask(shown)) == repr(opinion)
    assert repr(resolve(method)(options).ask(shown)) == repr(opinion)
