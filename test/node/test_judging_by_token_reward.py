"""The judge node with a vision-language model, live. The model is tiny and its weights are random."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from bench import Bench, Robot
from judge_process import JudgeProcess

from vlm_judge_ros import msg
from vlm_judge_ros.judges.calibration import load_calibration
from vlm_judge_ros.judges.prompt_set import load_prompt_set
from vlm_judge_ros.models.vlm.folder import open_folder

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModel, TinyModels

PROMPTS = "three-v1"


@pytest.fixture(scope="module")
def model(tiny_models: TinyModels) -> TinyModel:
    return tiny_models.get("smolvlm")


@pytest.fixture(scope="module")
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "token_reward")
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def judge(start: Callable[..., JudgeProcess], robot: Robot, model: TinyModel) -> JudgeProcess:
    parameters = {"judge": "token_reward", "model": model.folder, "prompts": PROMPTS, "keyframes": 3}
    slow_machine = {"period_s": 0.5, "deadline_s": 60.0, "hang_timeout_s": 90.0, "opinion_timeout_s": 90.0}
    return start("token_reward", auto_episode=False, **parameters, **slow_machine)


def test_progress_carries_the_score_and_the_whole_instrument(judge: JudgeProcess, model: TinyModel) -> None:
    judge.begin("open the drawer")
    answers = judge.await_progress(3)
    judge.end_episode()
    for answer in answers:
        assert -20.0 < answer.raw_score < 0.0
        assert 0.0 <= answer.progress_low <= answer.progress <= answer.progress_high <= 1.0
        assert not answer.calibrated
        assert "not fitted" in answer.reason
        assert math.isnan(answer.success_probability)
        assert math.isnan(answer.failure_probability)
        source, prompts, calibration = answer.provenance, load_prompt_set(PROMPTS), load_calibration()
        assert (source.method, source.provider) == ("token_reward", "cpu")
        assert (source.model, source.model_hash) == (model.folder.name, open_folder(model.folder).file_hash)
        assert (source.prompt_set, source.prompt_hash) == (PROMPTS, prompts.content_hash)
        assert source.calibration == f"unfitted-v1 {calibration.content_hash}"
        assert source.latency_s > 0.0
        assert {frame.camera for frame in source.frames} == {"front", "wrist"}
    assert len({answer.provenance.model_hash for answer in answers}) == 1


def test_the_node_says_how_the_model_runs(judge: JudgeProcess) -> None:
    assert "Prompts share the frames" in judge.await_value("judge", "how it runs")
    assert "Prompts share the frames" in judge.said()


def test_success_is_never_granted_without_a_fitted_calibration_and_the_verdict_says_why(judge: JudgeProcess) -> None:
    before = judge.begin("open the drawer")
    verdict = judge.await_verdict(msg.Verdict.STATE_PROGRESSING, "cannot tell whether it is complete", before)
    judge.await_progress(4)
    judge.end_episode()
    assert math.isnan(verdict.success_probability)
    assert msg.Verdict.STATE_SUCCEEDED not in {heard.state for heard in judge.verdicts[before:]}


def test_an_instruction_that_the_model_cannot_read_gives_unknown_and_the_next_one_is_judged(
    judge: JudgeProcess,
) -> None:
    before = judge.begin("open <image> the drawer")
    judge.await_verdict(msg.Verdict.STATE_UNKNOWN, "stands for an image", before)
    judge.end_episode()
    judge.begin("open the drawer")
    judge.await_progress(1)
    judge.end_episode()
    assert judge.count("judge", "restarts") == 0


def test_a_model_that_is_not_there_is_named_in_one_sentence(start: Callable[..., JudgeProcess]) -> None:
    broken = start("token_reward_broken", ready=False, judge="token_reward", model="no/such/folder")
    broken.bench.until(lambda: "neither a folder nor a known model" in broken.said(), "the node to name the model")
    assert "Traceback" not in broken.said()
