from __future__ import annotations

import pytest
from replay.judged import trace

from vlm_judge_ros.replay.headline import headline
from vlm_judge_ros.verdict.verdict import State

GOING = (1.0, State.PROGRESSING)


@pytest.mark.parametrize(
    ("judged", "sentence"),
    [
        (
            trace(GOING, (8.0, State.FAILED), mode="OBJECT_DROPPED", onset_s=6.4),
            "Failure recognised at 8.1 s, 1.7 s after it began at 6.4 s.",
        ),
        (
            trace(GOING, (5.0, State.FAILED), mode="STALL", onset_s=6.4),
            "Failure recognised at 5.0 s, 1.4 s before it began at 6.4 s.",
        ),
        (
            trace(GOING, mode="STALL", onset_s=6.4),
            "The failure that began at 6.4 s was not recognised; the final state is PROGRESSING.",
        ),
        (
            trace(GOING, (9.0, State.SUCCEEDED), mode="STALL", onset_s=6.4),
            "Wrong: success was reported for the failure that began at 6.4 s.",
        ),
        (trace(GOING, (9.0, State.SUCCEEDED)), "Success recognised at 9.1 s of 10.0 s; no false alarm."),
        (
            trace(GOING, (4.0, State.FAILED), (9.0, State.SUCCEEDED)),
            "False alarm: a failure was reported at 4.0 s, and the episode is a success.",
        ),
        (trace(), "The success was not recognised; the final state is UNKNOWN."),
        (trace(GOING, known=False), "The final state is PROGRESSING. How the episode really went is not recorded."),
    ],
)
def test_the_headline_says_in_seconds_what_was_right_and_wrong(judged: object, sentence: str) -> None:
    assert headline(judged) == sentence  # type: ignore[arg-type]
