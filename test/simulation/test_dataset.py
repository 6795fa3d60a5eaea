from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_judge_ros.simulation.dataset import LEFT_OUT_KINDS, TRAINED_KINDS, spec_of, split_of
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.tasks import LEFT_OUT_TASKS, TASKS, TRAINED_TASKS


@pytest.mark.parametrize(
    ("seed", "split"),
    [
        (0, "train"),
        (499_999, "train"),
        (500_000, "spare"),
        (600_000, "held_out"),
        (700_000, "spare"),
        (900_000, "bundled"),
    ],
)
def test_the_seed_decides_the_split(seed: int, split: str) -> None:
    assert split_of(seed) == split


def test_a_seed_always_stands_for_the_same_episode() -> None:
    assert [spec_of(seed) for seed in range(20)] == [spec_of(seed) for seed in range(20)]


def test_half_of_the_episodes_fail_and_each_kind_of_failure_is_as_frequent() -> None:
    kinds = Counter(spec_of(seed).disturbance for seed in range(420))
    failures = [kinds[kind] for kind in TRAINED_KINDS if not kind.is_benign]
    assert 0.5 <= sum(failures) / 420 < 0.56
    assert min(failures) > 0.95 * max(failures)
    benign = [kinds[kind] for kind in TRAINED_KINDS if kind.is_benign]
    assert min(benign) > 0


@settings(max_examples=8, deadline=None)
@given(count=st.integers(21, 300))
def test_any_stretch_of_seeds_is_balanced_over_kinds_and_tasks(count: int) -> None:
    specs = [spec_of(seed) for seed in range(count)]
    failures = Counter(spec.disturbance for spec in specs if not spec.disturbance.is_benign)
    assert max(failures.values()) - min(failures.values()) <= 2
    clean = Counter(spec.task for spec in specs if spec.disturbance is Disturbance.NONE)
    assert max(clean.values()) <= 2 + sum(clean.values()) // len(TRAINED_TASKS)


def test_what_is_left_out_of_training_is_not_in_the_data_unless_asked_for() -> None:
    specs = [spec_of(seed) for seed in range(300)]
    assert not {spec.task for spec in specs} & set(LEFT_OUT_TASKS)
    assert not {spec.disturbance for spec in specs} & set(LEFT_OUT_KINDS)
    strange = [spec_of(seed, tasks=LEFT_OUT_TASKS, kinds=LEFT_OUT_KINDS) for seed in range(100)]
    assert {spec.task for spec in strange} == set(LEFT_OUT_TASKS)
    assert {spec.disturbance for spec in strange} == set(LEFT_OUT_KINDS)


def test_nothing_is_asked_of_a_task_that_cannot_happen_in_it() -> None:
    for seed in range(200):
        spec = spec_of(seed, tasks=["door-open", "plate-slide"])
        assert spec.disturbance in TASKS[spec.task].disturbances
