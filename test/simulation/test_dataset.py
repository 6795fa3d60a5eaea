from __future__ import annotations

from collections import Counter

import pytest

from vlm_judge_ros.simulation.dataset import spec_of, split_of
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.tasks import TASKS


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
    kinds = Counter(spec_of(seed).disturbance for seed in range(3000))
    failures = [kinds[kind] for kind in Disturbance if not kind.is_benign]
    assert 0.45 < sum(failures) / 3000 < 0.55
    assert min(failures) > 0.7 * max(failures)


def test_nothing_is_asked_of_a_task_that_cannot_happen_in_it() -> None:
    for seed in range(500):
        spec = spec_of(seed, tasks=["door-open", "plate-slide"])
        assert spec.disturbance in TASKS[spec.task].disturbances
