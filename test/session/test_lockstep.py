from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.session.judging import Judging
from vlm_judge_ros.session.lockstep import LONGEST_SILENCE_TICKS, TICK_NS, Lockstep

START_NS = 1_700_000_000_000_000_000
STEPS = st.lists(st.integers(0, 400_000_000), min_size=1, max_size=20)


class Recorder:
    """Writes down what it is told, in the place of `Judging`."""

    def __init__(self) -> None:
        self.engine = SimpleNamespace(episode_id="one")
        self.told: list[tuple[str, int]] = []

    def ask_due(self, now_ns: int) -> None:
        self.told.append(("ask", now_ns))

    def await_answers(self, now_ns: int) -> None:
        self.told.append(("await", now_ns))

    def weigh(self, now_ns: int) -> None:
        self.told.append(("weigh", now_ns))


def driven(moments_ns: list[int]) -> Recorder:
    recorder = Recorder()
    lockstep = Lockstep(cast(Judging, recorder))
    lockstep.begin(START_NS)
    for moment_ns in moments_ns:
        lockstep.advance(moment_ns)
    return recorder


@given(STEPS)
def test_it_does_not_matter_in_how_many_steps_time_passes(steps: list[int]) -> None:
    moments_ns = [START_NS + sum(steps[: count + 1]) for count in range(len(steps))]
    assert driven(moments_ns).told == driven(moments_ns[-1:]).told


@given(STEPS)
def test_ticks_lie_at_whole_multiples_and_none_is_left_out(steps: list[int]) -> None:
    asked = [now_ns for what, now_ns in driven([START_NS + sum(steps)]).told if what == "ask"]
    assert all(now_ns % TICK_NS == 0 for now_ns in asked)
    assert all(later - earlier == TICK_NS for earlier, later in pairwise(asked))
    assert len(asked) == sum(steps) // TICK_NS


def test_a_silence_of_years_costs_no_more_than_one_of_ten_minutes() -> None:
    years = driven([START_NS + 10**17])
    assert len([what for what, _ in years.told if what == "ask"]) == LONGEST_SILENCE_TICKS


def test_a_clock_that_goes_back_begins_anew() -> None:
    told = driven([START_NS + 10 * TICK_NS, START_NS, START_NS + 2 * TICK_NS]).told
    assert [now_ns - START_NS for what, now_ns in told if what == "ask"][-2:] == [TICK_NS, 2 * TICK_NS]


def test_no_time_is_made_up_for_where_no_episode_runs() -> None:
    recorder = Recorder()
    recorder.engine.episode_id = ""
    lockstep = Lockstep(cast(Judging, recorder))
    lockstep.begin(START_NS)
    lockstep.advance(START_NS + 10**12)
    assert recorder.told == []
    recorder.engine.episode_id = "one"
    lockstep.advance(START_NS + 10**12 + TICK_NS)
    assert [what for what, _ in recorder.told].count("ask") == 1
