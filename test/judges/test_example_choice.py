from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from judges.example_material import described

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.judges.example import Example
from vlm_judge_ros.judges.example_choice import MOST_SHOWN, TokenEstimate, WordWeights, choose

TASKS = ("close the drawer", "open the drawer", "close the door", "push the button", "pick up the red cube")
MODES = (FailureMode.NONE, FailureMode.STALL, FailureMode.OBJECT_DROPPED, FailureMode.SPILL)
WEIGHTS = WordWeights(TASKS)
ESTIMATE = TokenEstimate({"": 100, "wrist": 50})

examples_strategy = st.lists(
    st.builds(
        lambda task, mode, images, origin: (task, mode, images, origin),
        st.sampled_from(TASKS),
        st.sampled_from(MODES),
        st.integers(0, 8),
        st.sampled_from(["", "bag one, 0.0 s to 1.0 s", "bag one, 2.0 s to 3.0 s", "bag two"]),
    ),
    max_size=14,
).map(
    lambda rows: [
        described(f"e{index:02d}", task, mode, images=images, origin=origin)
        for index, (task, mode, images, origin) in enumerate(rows)
    ]
)


def ids(examples: list[Example], task: str, tokens: int = 4000) -> list[str]:
    return [one.example.id for one in choose(examples, task, tokens, ESTIMATE)]


@given(examples_strategy, st.sampled_from(TASKS), st.integers(0, 5000))
def test_the_budget_is_never_exceeded(examples: list[Example], task: str, tokens: int) -> None:
    chosen = choose(examples, task, tokens, ESTIMATE)
    assert sum(ESTIMATE.of_example(one.example, one.frames) for one in chosen) <= tokens
    assert len(chosen) <= MOST_SHOWN
    assert len({one.example.id for one in chosen}) == len(chosen)


@given(examples_strategy, st.sampled_from(TASKS), st.randoms(use_true_random=False))
def test_the_order_in_which_examples_are_given_does_not_matter(
    examples: list[Example], task: str, order: random.Random
) -> None:
    shuffled = list(examples)
    order.shuffle(shuffled)
    assert choose(examples, task, 3000, ESTIMATE) == choose(shuffled, task, 3000, ESTIMATE)


@given(examples_strategy, st.sampled_from(TASKS))
def test_shown_frames_are_those_of_the_example_in_their_order_with_both_ends(
    examples: list[Example], task: str
) -> None:
    for one in choose(examples, task, 2000, ESTIMATE):
        places = [one.example.frames.index(frame) for frame in one.frames]
        assert places == sorted(set(places))
        if one.example.frames:
            assert one.frames[0] == one.example.frames[0] and one.frames[-1] == one.example.frames[-1]
            assert len(set(Counter(frame.camera for frame in one.frames).values())) == 1


@given(examples_strategy, st.sampled_from(TASKS))
def test_a_generous_budget_shows_good_and_bad_where_both_are_near(examples: list[Example], task: str) -> None:
    near = [example for example in examples if example.task == task]
    chosen = choose(near, task, 1_000_000, ESTIMATE)
    assert {one.example.outcome for one in chosen} == {example.outcome for example in near}


def test_the_nearest_task_comes_first() -> None:
    examples = [described(f"e{index}", task) for index, task in enumerate(TASKS)]
    assert ids(examples, "open the drawer")[0] == "e1"
    assert ids(examples, "close the door now")[0] == "e2"


def test_a_task_that_has_nothing_in_common_is_not_shown() -> None:
    examples = [described("far", "push the button"), described("near", "close the drawer")]
    assert ids(examples, "close the drawer") == ["near"]
    assert ids(examples, "water the plants") == []


def test_different_failures_come_before_copies_of_one() -> None:
    copies = [described(f"a{index}") for index in range(5)]
    other = described("b", mode=FailureMode.SPILL)
    assert ids([*copies, other], "close the drawer")[:2] in (["a0", "b"], ["b", "a0"])


def test_a_good_one_comes_second_even_if_it_is_further_away() -> None:
    bad = [described("bad1"), described("bad2", mode=FailureMode.SPILL)]
    good = described("good", "close the other drawer", FailureMode.NONE)
    assert ids([*bad, good], "close the drawer")[1] == "good"


def test_another_episode_comes_before_another_part_of_the_same() -> None:
    examples = [
        described("a", origin="bag one, 0.0 s to 1.0 s"),
        described("b", origin="bag one, 2.0 s to 3.0 s"),
        described("c", origin="bag two, 0.0 s to 1.0 s"),
    ]
    assert ids(examples, "close the drawer") == ["a", "c", "b"]


def test_a_long_example_is_shown_with_fewer_images_so_that_two_fit() -> None:
    examples = [described("a", images=8), described("b", mode=FailureMode.NONE, images=8)]
    chosen = choose(examples, "close the drawer", 2000, ESTIMATE)
    assert [len(one.frames) for one in chosen] == [8, 8]
    assert [len(one.frames) for one in choose(examples, "close the drawer", 500, ESTIMATE)] == []


def test_what_an_image_takes_is_counted_by_its_camera() -> None:
    estimate = TokenEstimate({"wrist": 1000})
    assert estimate.of_image("wrist") - estimate.of_image("front") == 1000 - 256
    assert estimate.of_text("") == 0 and estimate.of_text("abcde") == 2


@given(st.sampled_from(TASKS), st.sampled_from(TASKS))
def test_nearness_is_the_same_from_both_sides_and_1_for_the_same_words(one: str, other: str) -> None:
    assert WEIGHTS.nearness(one, other) == WEIGHTS.nearness(other, one)
    assert 0.0 <= WEIGHTS.nearness(one, other) <= 1.0
    assert WEIGHTS.nearness(one, f" {one.upper()}.") == 1.0


def test_rare_words_count_more_than_those_of_every_task() -> None:
    assert WEIGHTS.nearness("close the drawer", "open the drawer") > WEIGHTS.nearness(
        "close the drawer", "push the lid"
    )
    shared_drawer = WEIGHTS.nearness("open a drawer", "the drawer")
    shared_the = WEIGHTS.nearness("open the lid", "the drawer")
    assert shared_drawer > shared_the


def test_tasks_in_any_script_are_compared() -> None:
    assert WEIGHTS.nearness("引き出しを閉める", "引き出しを閉める") == 1.0
    assert WEIGHTS.nearness("öffne die Tür", "schließe die Tür") > 0.2


def test_a_large_bank_is_chosen_from_at_once() -> None:
    examples = [described(f"e{index:04d}", f"close drawer number {index}", images=1) for index in range(2000)]
    chosen = choose(examples, "close drawer number 77", 1500, ESTIMATE)
    assert chosen[0].example.id == "e0077"
