"""Drawn paths before models: a scripted server that sees where a line leads, and tiny models with random weights."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from models.remote.kinds import answered, parts
from models.remote.misbehaving_server import Received, Reply, Server, completion, serving
from steering.drawn_scene import CAMERAS, GREY, asking, evidence, going_to

from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.judges.worker import Worker, WorkerSettings
from vlm_judge_ros.judges.worker_events import Ready, Scored
from vlm_judge_ros.steering.drawing.colours import numbered_colour
from vlm_judge_ros.steering.drawn_paths import Canvas
from vlm_judge_ros.steering.questions import SteeringSettings, prepare
from vlm_judge_ros.steering.request import ScoringAnswer
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.steering.scorer import CandidateScorer

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

PATIENCE_S = 90.0
CANDIDATES = (going_to(-0.2), going_to(0.0, 0.2), going_to(0.4))


def pixels(image: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(image.rpartition(",")[2]), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(int)


def rightmost(marked: np.ndarray) -> float:
    return float(np.nonzero(marked)[1].max()) / marked.shape[1] if marked.any() else 0.0


def following_lines(received: Received) -> Reply:
    """Wants to go to the right: believes in paths that lead there, and names the one that does."""
    body = received.body
    images, texts = parts(body, "image_url"), "".join(parts(body, "text"))
    if not images:
        return answered(received)
    last = pixels(images[-1])
    if "ways, numbered from 1" in texts:
        ends = {
            number: rightmost(np.abs(last - np.array(numbered_colour(number, 1.0))).max(axis=2) < 60)
            for number in range(1, len(CANDIDATES) + 1)
        }
        return completion(json.dumps({"seen": "lines", "path": max(ends, key=ends.__getitem__)}))
    if "line is drawn" in texts or "drawn line" in texts:
        true = -0.01 - 4.0 * (1.0 - rightmost(np.abs(last - GREY).max(axis=2) > 60))
        tokens = [("True", true), ("False", math.log(-math.expm1(true)))]
        return completion("True", top=sorted(tokens, key=lambda token: -token[1]))
    return answered(received)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.usual = following_lines
        yield running


def best_of(method: str, options: JudgeOptions) -> ScoringAnswer:
    settings = SteeringSettings(canvas=Canvas.for_judge(method, CAMERAS))
    return CandidateScorer.of(method, options, settings).score(asking(*CANDIDATES), evidence())


@pytest.mark.parametrize("method", ["token_reward", "path_choice"])
def test_a_server_that_sees_where_lines_lead_chooses_by_them(method: str, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text(f"kind: other\nbase_url: {server.base_url}\npatience: {{most_retries: 0}}\n")
    answer = best_of(method, JudgeOptions(server=str(file), images_per_camera=2, cameras=("front",)))
    assert answer.choice.index == 2, answer
    assert {candidate.state for candidate in answer.candidates} == {CandidateState.SCORED}


def test_a_tiny_model_scores_every_drawn_path(tiny_models: TinyModels) -> None:
    options = JudgeOptions(
        model=str(tiny_models.get("smolvlm").folder), images_per_camera=2, cameras=("front",), prompts="three-v1"
    )
    answer = best_of("token_reward", options)
    assert {candidate.state for candidate in answer.candidates} == {CandidateState.SCORED}
    assert len({candidate.score for candidate in answer.candidates}) == 3, "it sees three pictures"
    assert answer.provenance.prompt_set == "drawn-v1"


def test_in_a_process_of_its_own_a_model_is_asked_once_for_each_order() -> None:
    settings = SteeringSettings(canvas=Canvas.for_judge("path_choice", CAMERAS))
    prepared = prepare(asking(*CANDIDATES), evidence(), settings)
    with closing(Worker(WorkerSettings("steering.counting_path_judge:create"), proof(("front",)))) as worker:
        assert isinstance(worker.events.get(timeout=PATIENCE_S), Ready)
        worker.score([question.evidence for question in prepared.questions], PATIENCE_S)
        scored = [worker.events.get(timeout=PATIENCE_S) for _ in prepared.questions]
    heard = [event.opinion for event in scored if isinstance(event, Scored)]
    assert [opinion.progress for opinion in heard] == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert [opinion.reason for opinion in heard] == ["1"] * 3 + ["2"] * 3
