"""What becomes of a critique in the verdict: numbers count, what cannot be read does not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from judges.known_scorers import brightness
from judges.known_writers import Answer, KnownWriter, frames
from judges.test_critique import ANSWER, CUES, PROMPT

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.judges.critique import CritiqueJudge
from vlm_judge_ros.models.writer import Writing
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.settings import EngineSettings
from vlm_judge_ros.verdict.verdict import State, Verdict

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def answer(progress: float | None = 0.5, success: float = 0.0, failure: float = 0.0, mode: str = "NONE") -> str:
    said = {
        "task_completion": progress,
        "success_probability": success,
        "failure_probability": failure,
        "failure_mode": mode,
    }
    return json.dumps({**ANSWER, **said})


def judged(
    answers: list[Answer] | Callable[[Writing], Answer], levels: list[float] | None = None, seconds: int = 8
) -> tuple[list[Verdict], list[FailureEvent]]:
    """Verdicts after each of the answers, one a second, of a robot that moves; and the failure events."""
    judge = CritiqueJudge(KnownWriter(answers), PROMPT, CUES, 3)
    engine = Engine(EngineSettings(spread_count=3))
    engine.start_episode("one", "lift the cube", START)
    verdicts = []
    for index in range(seconds * 10 + 1):
        now_ns = START + index * SECOND // 10
        for camera in ("front", "wrist"):
            level = levels[min(index // 10, len(levels) - 1)] if levels else 0.2 + 0.008 * index
            pixels = np.full((24, 32, 3), round(255 * level), np.uint8)
            pixels[:4, :4] = index % 2 * 60  # so that no camera counts as frozen
            image = RawImage(pixels.reshape(-1), 32, 24, "rgb8", 96)
            engine.add_frame(Frame(camera, now_ns, image, image.thumbnail()), now_ns)
        engine.add_joint_state(JointSample(now_ns, ("elbow",), (math.sin(index / 10),)))
        request = engine.due(now_ns)
        if request is not None and request.evidence is not None:
            verdicts.append(engine.add_opinion(judge.ask(request.evidence), now_ns))
    return verdicts, list(engine.take_failures())


def test_a_failure_that_is_named_again_is_confirmed_with_its_mode() -> None:
    verdicts, events = judged([answer(), answer(failure=0.9, mode="OBJECT_DROPPED")])
    assert verdicts[0].state is State.PROGRESSING
    assert verdicts[-1].state is State.FAILED
    assert {event.mode for event in events} == {FailureMode.OBJECT_DROPPED}


def test_a_failure_that_is_said_once_is_none() -> None:
    verdicts, _ = judged([answer(), answer(failure=0.9, mode="SLIP"), answer()])
    assert State.FAILED not in {verdict.state for verdict in verdicts}


def test_a_failure_without_a_mode_is_one_of_unknown_kind() -> None:
    verdicts, events = judged([answer(failure=1.0)])
    assert verdicts[-1].state is State.FAILED
    assert {event.mode for event in events} == {FailureMode.UNKNOWN}


def test_a_mode_without_probability_is_no_failure() -> None:
    verdicts, events = judged([answer(failure=0.1, mode="FALL")])
    assert State.FAILED not in {verdict.state for verdict in verdicts}
    assert events == []


def test_success_and_failure_at_once_are_no_success() -> None:
    verdicts, _ = judged([answer(1.0, success=1.0, failure=1.0, mode="WRONG_PLACE")])
    assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}
    assert verdicts[-1].state is State.FAILED


@pytest.mark.parametrize("text", ["I see a robot.", '{"success_probability": 1.0}', answer(1.0, success=1.0)[:-1]])
def test_what_cannot_be_read_is_unknown_and_never_a_low_score(text: str) -> None:
    verdicts, events = judged([text])
    assert {verdict.state for verdict in verdicts} == {State.UNKNOWN}
    assert all(verdict.progress is None for verdict in verdicts)
    assert {event.mode for event in events} == {FailureMode.JUDGE_FAULT}


def test_what_cannot_be_read_breaks_the_hold_of_success() -> None:
    begun: list[Answer] = [answer(0.1, success=0.0)]
    complete: list[Answer] = [answer(1.0, success=1.0), "?", "?"]
    verdicts, _ = judged(begun + complete * 4 + ["?"])
    assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}
    verdicts, _ = judged([*begun, answer(1.0, success=1.0)])
    assert verdicts[-1].state is State.SUCCEEDED


def test_a_critique_that_cannot_say_is_unknown() -> None:
    verdicts, _ = judged([answer(None, success=1.0)])
    assert {verdict.state for verdict in verdicts} == {State.UNKNOWN}


def seeing(writing: Writing) -> Any:
    return answer(round(brightness(frames(writing)[-1]), 3))


def test_progress_follows_what_is_seen_and_falls_with_a_reversed_episode() -> None:
    rising = [0.1 * level for level in range(1, 10)]
    forward, _ = judged(seeing, rising, 9)
    seen = [verdict.progress for verdict in forward if verdict.progress is not None]
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] > 0.6
    backward, _ = judged(seeing, rising[::-1], 9)
    assert State.REGRESSING in {verdict.state for verdict in backward}
    still, _ = judged(seeing, [0.5], 9)
    assert len({round(verdict.progress, 2) for verdict in still if verdict.progress is not None}) == 1
