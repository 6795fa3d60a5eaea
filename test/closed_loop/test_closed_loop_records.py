"""What a closed-loop run writes down, and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.closed_loop.calibrating import find_noise
from vlm_judge_ros.closed_loop.cells import ALL_TASKS, Cell, cells
from vlm_judge_ros.closed_loop.noisy_expert import drift
from vlm_judge_ros.closed_loop.plot import plot
from vlm_judge_ros.closed_loop.records import EPISODES, EpisodeRecord, RecordFolder
from vlm_judge_ros.closed_loop.task_table import LoopTask, chosen, read_table, write_table
from vlm_judge_ros.closed_loop.wording import gain, table
from vlm_judge_ros.errors import JudgeError


def record(judge: str, k: int, seed: int, success: bool, task: str = "push") -> EpisodeRecord:
    return EpisodeRecord(
        task=task, judge=judge, k=k, seed=seed, success=success, steps=50, decisions=5, abstained=1, seconds=0.5
    )


def cell(found: list[Cell], judge: str, k: int, task: str = "push") -> Cell:
    return next(one for one in found if (one.task, one.judge, one.k) == (task, judge, k))


RECORDS = [
    *(record("policy", 1, seed, seed < 4) for seed in range(10)),
    *(record("oracle", 4, seed, seed < 9) for seed in range(10)),
    *(record("embedded", 4, seed, seed < 8) for seed in range(10)),
]


def test_the_share_of_the_gain_is_what_the_judge_adds_of_what_the_oracle_adds() -> None:
    found = cell(cells(RECORDS), "embedded", 4)
    assert found.success_rate == 0.8
    assert found.low < 0.8 < found.high
    assert found.seconds_per_decision == pytest.approx(0.1)
    assert found.abstained == pytest.approx(0.2)
    assert found.oracle_share.value == pytest.approx(0.8)
    assert found.oracle_share.low is not None and found.oracle_share.high is not None
    assert found.oracle_share.low <= 0.8 <= found.oracle_share.high


def test_only_episodes_that_all_three_played_count_for_the_share() -> None:
    more = [record("embedded", 4, seed, False) for seed in range(10, 90)]
    assert cell(cells(RECORDS + more), "embedded", 4).oracle_share.value == pytest.approx(0.8)


def test_where_the_oracle_gains_nothing_there_is_no_share() -> None:
    flat = [
        record(judge, k, seed, seed < 4) for judge, k in (("policy", 1), ("oracle", 4), ("x", 4)) for seed in range(9)
    ]
    found = cell(cells(flat), "x", 4)
    assert found.oracle_share.value is None
    assert gain(found) == ""
    assert found.row()["oracle_share"] is None


def test_several_tasks_are_told_one_by_one_and_together() -> None:
    other = [one.model_copy(update={"task": "drawer-open", "success": True}) for one in RECORDS]
    found = cells(RECORDS + other)
    assert cell(found, "embedded", 4, ALL_TASKS).episodes == 20
    assert [one.task for one in cells(RECORDS)] == ["push"] * 3
    assert table(found).row_count == len(found)


def test_the_rows_are_those_that_programs_expect() -> None:
    row = cell(cells(RECORDS), "policy", 1).row()
    assert {"task", "judge", "k", "episodes", "success_rate", "low", "high", "seconds_per_decision"} <= set(row)
    assert row["seconds_per_decision"] is None
    json.dumps([one.row() for one in cells(RECORDS)], allow_nan=False)


def test_the_plot_has_a_point_for_each_judge_and_names_what_is_no_markup() -> None:
    drawn = str(plot(cells([*RECORDS, record("a<b", 4, 0, True)])))
    assert drawn.count("<circle") == 3 + 3  # in the panel and in the legend
    assert "a&lt;b" in drawn


def test_a_run_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path, {"noise": 0.0}, resume=False)
    folder.add(RECORDS[0])
    folder.add(RECORDS[1])
    with (tmp_path / EPISODES).open("a") as lines:
        lines.write('{"task": "pu')
    resumed = RecordFolder(tmp_path, {"noise": 0.0}, resume=True)
    assert resumed.records == RECORDS[:2]
    resumed.add(RECORDS[2])
    assert RecordFolder(tmp_path, {"noise": 0.0}, resume=True).records == RECORDS[:3]


def test_a_run_is_not_mixed_with_another_one(tmp_path: Path) -> None:
    RecordFolder(tmp_path, {"noise": 0.0}, resume=False)
    with pytest.raises(JudgeError, match="--resume"):
        RecordFolder(tmp_path, {"noise": 0.0}, resume=False)
    with pytest.raises(JudgeError, match=r"another noise \(0.0, now 0.5\)"):
        RecordFolder(tmp_path, {"noise": 0.5}, resume=True)


@given(st.floats(0.05, 1.5))
def test_the_noise_is_found_at_which_the_policy_succeeds_as_often_as_it_should(true_noise: float) -> None:
    found = find_noise(lambda noise: 1.0 / (1.0 + np.exp(20.0 * (noise - true_noise))), 0.5, 1.6, 10)
    assert found == pytest.approx(true_noise, abs=0.01)


@given(st.integers(0, 1000))
def test_drift_stays_alike_within_a_chunk_and_differs_between_chunks(seed: int) -> None:
    random = np.random.default_rng(seed)
    noise = np.array([drift(random, 10, 4, 0.5) for _ in range(200)])
    assert noise.std() == pytest.approx(0.5, rel=0.15)
    assert np.corrcoef(noise[:, 0, 0], noise[:, 1, 0])[0, 1] > 0.8


def test_the_shipped_table_names_tasks_that_can_be_simulated() -> None:
    shipped = read_table()
    assert len(chosen(shipped, ())) == len(shipped)
    with pytest.raises(JudgeError, match='"no-such-task"'):
        chosen(shipped, ["no-such-task"])


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    tasks = [LoopTask(task="push", noise=0.25, decisions=9), LoopTask(task="drawer-open", noise=1.0, decisions=3)]
    write_table(tmp_path / "table.yaml", tasks)
    assert list(read_table(tmp_path / "table.yaml").values()) == tasks
    (tmp_path / "table.yaml").write_text("- {task: juggling, noise: 1, decisions: 3}")
    with pytest.raises(JudgeError, match="juggling"):
        read_table(tmp_path / "table.yaml")
