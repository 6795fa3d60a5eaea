"""Checklist, pairwise and an ensemble of both over HTTP with a server that sees brightness; recorded, and replayed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from judges.shown_episode import evidence
from judges.test_written_methods_over_http import labelled, without_frames
from models.remote.kinds import answered, brightness
from models.remote.misbehaving_server import Received, Reply, Server, completion, serving, status

from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Opinion, SubtaskState

LEVELS = [0.0, 0.25, 0.5, 0.75, 1.0]
METHODS = ("checklist", "pairwise", "ensemble")
PLAN = {
    "subtasks": [
        {"name": "dim", "done_when": "it is not black any more", "weight": 1.0},
        {"name": "bright", "done_when": "it is white", "weight": 3.0},
    ]
}


def seeing(received: Received) -> Reply:
    """Finds steps done as bright as the newest image is, and the brighter of two sets closer to done."""
    body = received.body
    asked = body.get("response_format", {}).get("json_schema", {}).get("schema", {}).get("properties", {})
    if "subtasks" in asked:
        return completion(json.dumps(PLAN))
    if "steps" in asked:
        *_, (_, image) = labelled(body)
        far = round(brightness(image), 3)
        states = [("done", None) if far > 0.9 else ("active", far) if far > 0.1 else ("pending", None)] * 2
        entries = [
            {"step": number, "seen": "grey", "state": state, "progress": progress}
            for number, (state, progress) in enumerate(states, 1)
        ]
        return completion(json.dumps({"steps": entries}))
    sets = [(label, brightness(image)) for label, image in labelled(body) if label.strip().startswith("Set ")]
    if sets and body.get("logprobs"):
        means = {side: np.mean([value for label, value in sets if label.strip()[4] == side]) for side in "AB"}
        odds = 3.0 * float(means["A"] - means["B"])
        tokens = [("A", -math.log1p(math.exp(-odds))), ("B", -math.log1p(math.exp(odds)))]
        return completion("A", top=sorted(tokens, key=lambda token: -token[1]))
    return answered(received)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.usual = seeing
        yield running


@pytest.fixture
def options(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JudgeOptions:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "server.yaml"
    file.write_text(f"kind: other\nbase_url: {server.base_url}\npatience: {{most_retries: 0}}\n")
    goal = tmp_path / "goal"
    goal.mkdir()
    for camera in ("front", "wrist"):
        cv2.imwrite(str(goal / f"{camera}.png"), np.full((24, 32, 3), 255, np.uint8))
    members = [
        {"name": "steps", "judge": "checklist"},
        {"name": "pairs", "judge": "pairwise"},
        {"name": "wrist", "judge": "pairwise", "cameras": ["wrist"]},
    ]
    ensemble = tmp_path / "ensemble.yaml"
    ensemble.write_text(yaml.safe_dump({"name": "all-v1", "members": members}))
    return JudgeOptions(server=str(file), images_per_camera=3, goal_image=str(goal), ensemble=str(ensemble))


def opinions(method: str, options: JudgeOptions) -> list[Opinion]:
    judge = resolve(method)(options)
    return [judge.ask(evidence(LEVELS[:count])) for count in (2, 3, 5)]


@pytest.mark.parametrize("method", METHODS)
def test_progress_is_what_the_server_sees(method: str, options: JudgeOptions) -> None:
    found = opinions(method, options)
    assert [opinion.progress for opinion in found] == pytest.approx([0.25, 0.5, 1.0], abs=0.03)
    assert not any(opinion.unparsable for opinion in found)


def test_the_steps_are_asked_for_once_and_told_with_the_opinion(options: JudgeOptions, server: Server) -> None:
    found = opinions("checklist", options) + opinions("checklist", options)
    assert [entry.weight for entry in found[0].subtasks] == [0.25, 0.75]
    assert {entry.state for entry in found[2].subtasks} == {SubtaskState.DONE}
    plans = [received for received in server.received if "tick off" in json.dumps(received.body)]
    assert len(plans) == 1
    assert not re.search("data:image", json.dumps(plans[0].body))


@pytest.mark.parametrize("method", METHODS)
def test_recorded_answers_give_the_same_opinions_without_the_server(
    method: str, options: JudgeOptions, server: Server, tmp_path: Path
) -> None:
    opinions(method, options)  # so that steps are kept, and are asked for all the same when it counts
    file = str(tmp_path / "exchanges.jsonl")
    recorded = opinions(method, replace(options, record=file))
    server.stop()
    replayed = opinions(method, replace(options, replay=file))
    server.start()
    assert without_frames(replayed) == without_frames(recorded)


def test_members_share_the_server_and_one_that_fails_is_left_out(options: JudgeOptions, server: Server) -> None:
    judge = resolve("ensemble")(options)
    probes = [received for received in server.received if received.path == "/v1/models"]
    assert len(probes) <= 1

    def failing(received: Received) -> Reply:
        asked: Any = received.body.get("response_format", {}).get("json_schema", {})
        return status(400, "no steps today") if asked else seeing(received)

    server.usual = failing
    opinion = judge.ask(evidence(LEVELS[:3]))
    assert opinion.progress == pytest.approx(0.5, abs=0.03)
    assert "Left out: steps: " in opinion.reason
    assert server.most_at_once > 0
