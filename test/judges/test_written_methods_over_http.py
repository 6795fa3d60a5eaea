"""Methods that have a model write, over HTTP with a server that sees how bright images are; recorded, and replayed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judges.shown_episode import evidence
from judges.test_critique import ANSWER
from models.remote.kinds import answered, brightness
from models.remote.misbehaving_server import Received, Reply, Server, completion, serving, status

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.opinion import Opinion

LEVELS = [0.1, 0.3, 0.5, 0.7, 0.9]
METHODS = ("critique", "frame_ordering")


def seeing(received: Received) -> Reply:
    """Gives a critique as bright as the last image, or to every moment its own brightness."""
    schema = received.body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    asked = schema.get("properties", {})
    if "task_completion" in asked:
        *_, (_, image) = labelled(received.body)
        return completion(json.dumps({**ANSWER, "task_completion": round(brightness(image), 3)}))
    if "moments" in asked:
        moments = {}
        for label, image in labelled(received.body):
            number = int(re.findall(r"Moment (\d+)", label)[-1])
            moments[number] = round(100 * brightness(image), 1)
        entries = [{"moment": number, "description": "", "percent": moments[number]} for number in moments if number]
        return completion(json.dumps({"moments": entries}))
    return answered(received)


def labelled(body: Any) -> Iterator[tuple[str, str]]:
    """Each image of a question with the text before it."""
    text = ""
    for part in body["messages"][-1]["content"]:
        if part["type"] == "text":
            text = part["text"]
        else:
            yield text, part["image_url"]["url"]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        running.usual = seeing
        yield running


@pytest.fixture
def options(server: Server, tmp_path: Path) -> JudgeOptions:
    file = tmp_path / "server.yaml"
    file.write_text(f"kind: other\nbase_url: {server.base_url}\npatience: {{most_retries: 0}}\n")
    return JudgeOptions(server=str(file), images_per_camera=5, samples=2, seed=3)


def opinions(method: str, options: JudgeOptions) -> list[Opinion]:
    judge = resolve(method)(options)
    return [judge.ask(evidence(LEVELS[:count])) for count in (2, 3, 5)]


def without_frames(found: list[Opinion]) -> list[str]:
    return [repr(opinion).partition("provenance=")[2] for opinion in found]


@pytest.mark.parametrize("method", METHODS)
def test_progress_is_what_the_server_sees(method: str, options: JudgeOptions) -> None:
    found = opinions(method, options)
    assert [opinion.progress for opinion in found] == pytest.approx([0.3, 0.5, 0.9], abs=0.02)
    if method == "frame_ordering":
        # Whatever the order in which they were shown; the first moment is given.
        assert [value for _, value in found[-1].curve] == pytest.approx([0.0, *LEVELS[1:]], abs=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_recorded_answers_give_the_same_opinions_without_the_server(
    method: str, options: JudgeOptions, server: Server, tmp_path: Path
) -> None:
    file = str(tmp_path / "exchanges.jsonl")
    recorded = opinions(method, replace(options, record=file))
    server.stop()
    replayed = opinions(method, replace(options, replay=file))
    server.start()
    assert without_frames(replayed) == without_frames(recorded)


@pytest.mark.parametrize("method", METHODS)
def test_a_server_that_fails_is_a_fault_and_no_opinion(method: str, options: JudgeOptions, server: Server) -> None:
    judge = resolve(method)(options)
    server.next(status(500))
    with pytest.raises(JudgeError):
        judge.ask(evidence(LEVELS))
    assert not judge.ask(evidence(LEVELS)).unparsable


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("text", ["", "I see.", '{"task_completion": 0.9', "{}", "null", '{"moments": 1}'])
def test_an_answer_that_is_none_is_unparsable(method: str, text: str, options: JudgeOptions, server: Server) -> None:
    judge = resolve(method)(options)
    server.usual = lambda _: completion(text, finish_reason="length" if text.endswith("9") else "stop")
    opinion = judge.ask(evidence(LEVELS))
    assert opinion.unparsable
    assert math.isnan(opinion.progress)
    assert ("was cut off" in opinion.reason) == text.endswith("9")
