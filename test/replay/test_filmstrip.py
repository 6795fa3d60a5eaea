from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from replay.judged import PIXEL, trace

from vlm_judge_ros.replay.filmstrip import FINE, SPREAD, filmstrip
from vlm_judge_ros.replay.trace import Shot
from vlm_judge_ros.verdict.verdict import State

FAILURE = trace((1.0, State.PROGRESSING), (8.0, State.FAILED), mode="OBJECT_DROPPED", onset_s=6.4)


def test_the_strip_shows_the_beginning_the_end_and_every_marked_moment() -> None:
    shown = [moment for moment in filmstrip(FAILURE) if moment.shown]
    assert (shown[0].time_s, shown[-1].time_s) == (0.0, 10.0)
    assert [(moment.time_s, moment.kinds) for moment in shown if moment.kinds] == [
        (6.4, ("onset",)),
        (8.05, ("recognised",)),
    ]


def test_a_moment_shows_what_had_been_seen_by_then() -> None:
    onset = next(moment for moment in filmstrip(FAILURE) if "onset" in moment.kinds)
    assert {camera: shot.time_s for camera, shot in onset.pictures.items() if shot} == {"front": 6.0, "wrist": 6.0}


def test_a_camera_that_came_late_shows_its_first_picture_and_one_that_never_came_none() -> None:
    late = replace(FAILURE, shots=(Shot("front", 4.0, PIXEL),))
    first = filmstrip(late)[0]
    assert first.pictures["front"] == Shot("front", 4.0, PIXEL)
    assert first.pictures["wrist"] is None


@given(st.floats(0.0, 10_000.0), st.floats(0.0, 10_000.0))
def test_the_number_of_pictures_is_bounded_however_long_the_episode(duration_s: float, onset_s: float) -> None:
    moments = filmstrip(replace(trace(mode="STALL", onset_s=onset_s), duration_s=duration_s))
    assert sum(moment.shown for moment in moments) <= SPREAD + 3
    assert len(moments) <= SPREAD + FINE + 3
    assert [moment.time_s for moment in moments] == sorted(moment.time_s for moment in moments)
