from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.verdict.schedule import MOST_CHUNKS, Request, Schedule

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def at(time_s: float) -> int:
    return START + round(time_s * SECOND)


def schedule(period_s: float = 1.0) -> Schedule:
    return Schedule(START, period_s, grace_s=0.25, patience_s=2.5)


def ask(asked: Schedule, until_s: float, looks_per_s: float = 20.0, rate_hz: float = 10.0) -> list[tuple[int, float]]:
    """Look at a schedule while two cameras send, and return the requests."""
    requests = []
    for index in range(round(until_s * looks_per_s) + 1):
        time_s = index / looks_per_s
        newest = at(int(time_s * rate_hz + 1e-6) / rate_hz)
        request = asked.due(at(time_s), {"front": newest, "wrist": newest})
        if request:
            requests.append((request.chunk_id, round((request.due_ns - START) / SECOND, 3)))
    return requests


def test_without_chunks_the_timer_asks_once_a_period() -> None:
    assert ask(schedule(), 4.5) == [(0, 1.0), (0, 2.0), (0, 3.0), (0, 4.0)]


@given(st.sampled_from([7.0, 20.0, 50.0, 100.0]))
def test_the_moments_do_not_depend_on_how_often_somebody_looks(looks_per_s: float) -> None:
    asked = schedule()
    asked.add(Chunk(1, at(0.5), 10, 0.1))
    assert ask(asked, 4.9, looks_per_s) == [(1, 1.5), (0, 2.5), (0, 3.5), (0, 4.5)]


def test_a_question_waits_for_every_camera_but_not_longer_than_the_grace() -> None:
    asked = schedule()
    lagging = {"front": at(1.0), "wrist": at(0.9)}
    assert asked.due(at(1.0), lagging) is None
    assert asked.due(at(1.2), lagging) is None
    assert asked.due(at(1.25), lagging) == Request(0, at(1.0))


def test_a_chunk_that_is_replaced_ends_where_the_next_begins() -> None:
    asked = schedule()
    asked.add(Chunk(1, at(0.0), 10, 0.1))
    asked.add(Chunk(2, at(0.5), 10, 0.1))
    assert ask(asked, 1.6) == [(1, 0.5), (2, 1.5)]


def test_of_chunks_that_end_together_the_newest_asks_and_the_others_are_counted() -> None:
    asked = schedule()
    for chunk_id in (1, 2, 3):
        asked.add(Chunk(chunk_id, at(0.1 * chunk_id), 1, 0.1))
    request = asked.due(at(5.0), {"front": at(5.0)})
    assert request == Request(3, at(0.4))
    assert asked.skipped == 2


def test_a_chunk_that_comes_again_is_passed_over() -> None:
    asked = schedule()
    assert asked.add(Chunk(5, at(0.0), 10, 0.1))
    assert not asked.add(Chunk(5, at(0.0), 10, 0.1))
    assert not asked.add(Chunk(4, at(0.0), 10, 0.1))


def test_a_long_chunk_does_not_silence_the_timer() -> None:
    asked = schedule()
    asked.add(Chunk(1, at(0.0), 600, 0.1))
    assert ask(asked, 6.0) == [(0, 2.5), (0, 5.0)]


def test_after_a_pause_one_question_is_enough() -> None:
    asked = schedule()
    assert asked.due(at(100.7), {"front": at(100.7)}) == Request(0, at(100.0))
    assert asked.due(at(100.8), {"front": at(100.8)}) is None


def test_endless_chunks_take_bounded_room() -> None:
    asked = schedule()
    for chunk_id in range(1, 10 * MOST_CHUNKS):
        asked.add(Chunk(chunk_id, at(1000.0 + chunk_id), 1, 0.5))
    assert asked.skipped == 9 * MOST_CHUNKS - 1
