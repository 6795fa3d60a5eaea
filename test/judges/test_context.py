from __future__ import annotations

import math

import numpy as np
import pydantic
import pytest

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.context import ContextWords, Demonstration, ExampleContext, content_of

WORDS = ContextWords(
    reference="An attempt at {task}. {note}",
    failure="A failed attempt at {task} ({mode}). {note}",
    reward="Progress: {percent} %",
    cues="Signs of failure:",
    episode="Now the episode:",
)


def frame(time_s: float) -> Frame:
    image = RawImage(np.zeros(24 * 32 * 3, np.uint8), 32, 24, "rgb8", 96)
    return Frame("front", round(time_s * 1e9), image, image.thumbnail())


def test_references_come_first_then_cues_then_failures_then_the_episode() -> None:
    first, second, third = frame(0.0), frame(1.0), frame(2.0)
    context = ExampleContext(
        reference=(Demonstration("open the drawer", ("front, 0 s:", first, "front, 1 s:", second), (0.0, 0.504)),),
        cues=("The object lies on the floor.", "The gripper is empty."),
        failures=(Demonstration("push {it}", (third,), (), FailureMode.WRONG_PLACE, "It ends up beside the goal."),),
    )
    assert content_of(context, WORDS) == [
        "\nAn attempt at open the drawer.",
        "\nfront, 0 s:",
        first,
        "\nProgress: 0 %",
        "\nfront, 1 s:",
        second,
        "\nProgress: 50 %",
        "\nSigns of failure:\n- The object lies on the floor.\n- The gripper is empty.",
        "\nA failed attempt at push {it} (wrong place). It ends up beside the goal.",
        third,
        "\nNow the episode:\n",
    ]


def test_a_failure_may_be_words_alone_or_have_rewards() -> None:
    shot = frame(0.0)
    context = ExampleContext(
        failures=(Demonstration("lift", note="It slips."), Demonstration("lift", (shot,), (0.25,), FailureMode.SLIP))
    )
    assert content_of(context, WORDS) == [
        "\nA failed attempt at lift (none). It slips.",
        "\nA failed attempt at lift (slip).",
        shot,
        "\nProgress: 25 %",
        "\nNow the episode:\n",
    ]


def test_nothing_is_said_of_an_empty_context() -> None:
    assert ExampleContext().empty
    assert content_of(ExampleContext(), WORDS) == []


@pytest.mark.parametrize("rewards", [(0.1, 0.2), (1.1,), (-0.1,), (math.nan,), (math.inf,)])
def test_rewards_have_to_belong_to_the_images(rewards: tuple[float, ...]) -> None:
    with pytest.raises(JudgeError, match='The example of "lift"'):
        Demonstration("lift", (frame(0.0),), rewards)


@pytest.mark.parametrize("change", [{"reward": "no place"}, {"cues": "{task}"}, {"failure": "{seed}"}, {"more": ""}])
def test_words_with_wrong_places_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(pydantic.ValidationError):
        ContextWords.model_validate({**WORDS.model_dump(), **change})
