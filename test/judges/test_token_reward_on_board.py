"""The token reward with tiny models of the real architectures. Their weights are random, so they know nothing."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Judge, Opinion
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.judges.worker import Worker, WorkerSettings
from vlm_judge_ros.judges.worker_events import Answer, Ready, Unanswered
from vlm_judge_ros.models.vlm.known import LocatedModel, known_model
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.settings import EngineSettings, KeyframeChoice

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
IMAGES = 4
CAMERAS = ("front", "wrist")
FAMILIES = ("qwen3_vl", "smolvlm")


@pytest.fixture(params=FAMILIES)
def options(request: pytest.FixtureRequest, tiny_models: TinyModels) -> JudgeOptions:
    return JudgeOptions(model=str(tiny_models.get(request.param).folder), images_per_camera=IMAGES, prompts="three-v1")


def make(options: JudgeOptions) -> Judge:
    return resolve("token_reward")(options)


def frame(camera: str, time_s: float, seed: int) -> Frame:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    image = RawImage(pixels.reshape(-1), 64, 48, "rgb8", 192)
    return Frame(camera, START + round(time_s * SECOND), image, image.thumbnail())


def judged(judge: Judge, moving: bool, duration_s: int) -> list[Opinion]:
    engine = Engine(EngineSettings(spread_count=IMAGES, keyframe_choice=KeyframeChoice.STEADY))
    engine.start_episode("one", "open the drawer", START)
    opinions = []
    for index in range(duration_s * 5 + 1):
        now_ns = START + round(index / 5 * SECOND)
        for number, camera in enumerate(CAMERAS):
            engine.add_frame(frame(camera, index / 5, index * moving + 1000 * number), now_ns)
        request = engine.due(now_ns)
        if request is not None and request.evidence is not None:
            opinions.append(judge.ask(request.evidence))
    return opinions


def test_it_answers_with_a_score_and_names_its_instrument(options: JudgeOptions) -> None:
    judge = make(options)
    opinion = judge.ask(proof(CAMERAS))
    assert -20.0 < opinion.raw_score < 0.0
    assert 0.0 <= opinion.progress_low <= opinion.progress <= opinion.progress_high <= 1.0
    assert math.isnan(opinion.success_probability)
    source = opinion.provenance
    assert (source.method, source.prompt_set, source.provider) == ("token_reward", "three-v1", "cpu")
    assert len(source.model_hash) == len(source.prompt_hash) == 16
    assert source.calibration.startswith("unfitted-v1 ")


def test_what_was_read_before_does_not_change_the_answer(options: JudgeOptions) -> None:
    judge = make(options)
    opinions = judged(judge, moving=True, duration_s=5)
    assert len({opinion.raw_score for opinion in opinions}) == len(opinions) == 5
    fresh = [make(options).ask(opinion.evidence).raw_score for opinion in (opinions[-1],)]
    assert opinions[-1].raw_score == pytest.approx(fresh[0], abs=1e-4)


def test_a_frozen_video_gives_a_constant_score(options: JudgeOptions, tmp_path: Path) -> None:
    """With a label that tells no seconds, nothing that the model is shown changes with time."""
    path = tmp_path / "untimed.json"
    path.write_text(json.dumps({"name": "untimed", "label": "{camera} camera:", "prompts": ["{task}: done? It is"]}))
    judge = make(dataclasses.replace(options, prompts=str(path)))
    scores = [opinion.raw_score for opinion in judged(judge, moving=False, duration_s=8)]
    assert len(scores) == 8
    assert max(scores) - min(scores) < 1e-4
    # The same model is moved by the number of images alone, which is why that is constant.
    fewer = make(dataclasses.replace(options, prompts=str(path), images_per_camera=1))
    assert abs(judged(fewer, moving=False, duration_s=1)[0].raw_score - scores[0]) > 1e-3


def test_a_cancelled_question_stops_the_model_and_the_next_is_answered_as_ever(tiny_models: TinyModels) -> None:
    options = JudgeOptions(model=str(tiny_models.get("smolvlm").folder), images_per_camera=IMAGES)
    question = proof(CAMERAS)
    expected = make(options).ask(question).raw_score
    worker = Worker(WorkerSettings("token_reward", options, hang_timeout_s=90.0), question)
    try:
        assert isinstance(worker.events.get(timeout=90.0), Ready)
        # A new image, so that the model has work to do; the deadline passes before that is through.
        worker.ask(dataclasses.replace(question, keyframes=_other(question)), 0.001)
        assert isinstance(worker.events.get(timeout=90.0), Unanswered)
        worker.ask(question, 90.0)
        answer = worker.events.get(timeout=90.0)
        assert isinstance(answer, Answer)
        assert answer.opinion.raw_score == pytest.approx(expected, abs=1e-4)
        assert (worker.counts.late, worker.counts.failed, worker.restarts) == (1, 0, 0)
    finally:
        worker.close()


def _other(question: Evidence) -> dict[str, tuple[Keyframe, ...]]:
    return {
        camera: tuple(Keyframe(frame(camera, index, index), key.role) for index, key in enumerate(keyframes))
        for camera, keyframes in question.keyframes.items()
    }


def test_images_may_cost_more_tokens_of_one_camera_than_of_another(tiny_models: TinyModels) -> None:
    options = JudgeOptions(model=str(tiny_models.get("qwen3_vl").folder), images_per_camera=2, prompts="three-v1")
    scores = [
        make(dataclasses.replace(options, image_tokens=tokens)).ask(proof(CAMERAS)).raw_score
        for tokens in ({}, {"wrist": 4}, {"front": 4, "wrist": 4})
    ]
    assert len(set(scores)) == 3


def test_a_known_model_brings_its_settings_and_the_options_win(
    tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"prompts": "three-v1", "image_tokens": 4, "precision": "fp32"}
    known = known_model("qwen3-vl-2b").model_copy(update=settings)
    located = LocatedModel(tiny_models.get("qwen3_vl").folder, known)
    monkeypatch.setattr("vlm_judge_ros.judges.model_access.locate", lambda model: located)
    options = JudgeOptions(model="qwen3-vl-2b", images_per_camera=1)
    opinion = make(options).ask(proof(CAMERAS))
    assert opinion.provenance.prompt_set == "three-v1"
    wins = make(dataclasses.replace(options, prompts="ten-v1"))
    assert wins.provenance.prompt_set == "ten-v1"
    larger = make(dataclasses.replace(options, image_tokens={"front": 64, "wrist": 64})).ask(proof(CAMERAS))
    assert larger.raw_score != opinion.raw_score
    with pytest.raises(ModelBroken):
        make(dataclasses.replace(options, precision="q4"))


def test_a_task_cannot_smuggle_in_an_image(tiny_models: TinyModels) -> None:
    judge = make(JudgeOptions(model=str(tiny_models.get("qwen3_vl").folder), images_per_camera=1, prompts="three-v1"))
    with pytest.raises(JudgeError, match="which stands for an image"):
        judge.ask(dataclasses.replace(proof(CAMERAS), task="open <|image_pad|> the drawer"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": ""}, "The judge token_reward has no model; set the parameter model"),
        ({"model": "nothing-1b"}, "neither a folder nor a known model"),
        ({"prompts": "eleven"}, 'The prompt set "eleven" cannot be read'),
        ({"calibration": "perfect"}, 'The calibration "perfect" cannot be read'),
        ({"precision": "q3"}, "q3"),
        ({"providers": ("quantum",)}, "quantum"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tiny_models: TinyModels, change: dict[str, object], words: str) -> None:
    options = JudgeOptions(model=str(tiny_models.get("smolvlm").folder))
    with pytest.raises(JudgeError, match=words):
        make(dataclasses.replace(options, **change))


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelBroken, match=str(tmp_path)):
        make(JudgeOptions(model=str(tmp_path)))


def test_a_judge_on_board_does_not_load_what_speaks_to_servers() -> None:
    program = "import sys, vlm_judge_ros.judges.token_reward; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 0
