from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")

import pyarrow.parquet as parquet
from replay.episode_bag import EpisodeBag
from replay.made_dataset import FPS, MadeDataset

from vlm_judge_ros import cli

FILES = ("progress.parquet", "subtask_rewards.parquet", "judged_failures.parquet")
SQUARE = ["--judge", "node.square_judge:create", "--set", "success_hold_s=0.1"]


def score(out: Path, *words: str | Path) -> int:
    return cli.main(["score", *map(str, words), "--with", "parquet", "--out", str(out), *SQUARE])


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_rows_lie_beside_those_of_the_dataset(tmp_path: Path, version: str) -> None:
    made = MadeDataset(tmp_path / "cubes", version, lengths=(12, 9, 14), tasks=("Push.", "Pull.", "Lift."))
    made.write()
    assert score(tmp_path / "out", made.root, "--episodes", "1:") == 0
    table = parquet.read_table(tmp_path / "out" / "progress.parquet")
    assert table.column("index").to_pylist() == list(range(12, 35))
    assert table.column("episode_index").to_pylist() == [1] * 9 + [2] * 14
    assert table.column("frame_index").to_pylist() == [*range(9), *range(14)]
    theirs = [value for episode in (1, 2) for value in made.rows(episode)["timestamp"].to_pylist()]
    assert table.column("timestamp").to_pylist() == theirs
    alone = parquet.read_table(tmp_path / "out" / "cubes_episode_000002" / "progress.parquet")
    assert alone.column("index").to_pylist() == list(range(21, 35))
    assert alone.column("progress").to_pylist() == table.slice(9).column("progress").to_pylist()
    judged = parquet.read_table(tmp_path / "out" / "judged_failures.parquet").to_pylist()
    assert [(row["episode_index"], row["frames"], row["task"]) for row in judged] == [(1, 9, "Pull."), (2, 14, "Lift.")]


def test_bags_get_numbers_of_their_own_and_say_what_was_judged(tmp_path: Path) -> None:
    bags = [
        EpisodeBag(name="good").write(tmp_path),
        EpisodeBag(
            name="bad", duration_s=5.0, task="fail to move the square", failure_mode="OBJECT_DROPPED", onset_s=1.0
        ).write(tmp_path),
    ]
    assert score(tmp_path / "out", *bags) == 0
    table = parquet.read_table(tmp_path / "out" / "progress.parquet")
    assert table.column("index").to_pylist() == list(range(table.num_rows))
    assert sorted(set(table.column("episode_index").to_pylist())) == [0, 1]
    progress = [value for value in table.column("progress").to_pylist() if value is not None]
    assert progress and all(0.0 <= value <= 1.0 for value in progress)
    bad, good = parquet.read_table(tmp_path / "out" / "judged_failures.parquet").to_pylist()
    assert (bad["episode"], bad["success"], bad["state"], bad["true_success"]) == ("bad", False, "FAILED", False)
    assert bad["failure_mode"] != "NONE" and bad["onset_s"] is not None
    assert (good["episode"], good["success"], good["onset_s"]) == ("good", True, None)
    assert good["model"] and good["software_version"]


def test_metadata_names_the_model_as_the_tables_of_lerobot_do(tmp_path: Path) -> None:
    root = MadeDataset(tmp_path / "cubes").write()
    assert score(tmp_path / "out", root) == 0
    for path in (tmp_path / "out" / "progress.parquet", tmp_path / "out/cubes_episode_000001/progress.parquet"):
        schema = parquet.read_schema(path)
        ours = json.loads(schema.metadata[b"vlm_judge_ros"])
        assert ours["dataset"] == "cubes"
        assert schema.metadata[b"reward_model_path"].decode() == ours["provenance"]["model"] != ""
        types = {name: str(schema.field(name).type) for name in ("index", "episode_index", "frame_index", "timestamp")}
        assert types == {"index": "int64", "episode_index": "int64", "frame_index": "int64", "timestamp": "float"}
        assert str(schema.field("progress_sparse").type) == "float"


def test_scored_twice_is_the_same_bytes(tmp_path: Path) -> None:
    root = MadeDataset(tmp_path / "cubes").write()
    assert score(tmp_path / "one", root) == score(tmp_path / "two", root) == 0
    for name in (*FILES, *(f"cubes_episode_000001/{file}" for file in FILES)):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_several_datasets_get_tables_of_their_own(tmp_path: Path) -> None:
    for name in ("cubes", "drawers"):
        MadeDataset(tmp_path / "sets" / name, lengths=(4,)).write()
    assert score(tmp_path / "out", tmp_path / "sets") == 0
    there = {path.name for path in (tmp_path / "out").glob("*.parquet")}
    assert {"progress.cubes.parquet", "progress.drawers.parquet", "judged_failures.cubes.parquet"} <= there
    assert "progress.parquet" not in there


def test_datasets_of_the_same_name_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in ("one", "two"):
        MadeDataset(tmp_path / place / "cubes", lengths=(4,)).write()
    assert score(tmp_path / "out", tmp_path / "one/cubes", tmp_path / "two/cubes") == 1
    assert "are both episode 0 of a dataset called cubes" in capsys.readouterr().err


def test_pandas_opens_the_tables_without_a_flag(tmp_path: Path) -> None:
    pandas: Any = pytest.importorskip("pandas")
    root = MadeDataset(tmp_path / "cubes").write()
    assert score(tmp_path / "out", root) == 0
    tables = {name: pandas.read_parquet(tmp_path / "out" / name) for name in FILES}
    progress = tables["progress.parquet"]
    assert list(progress["index"]) == list(range(21))
    assert float(progress["timestamp"].max()) == pytest.approx(11 / FPS)
    assert str(progress["progress"].dtype) == "float32"
    assert len(tables["judged_failures.parquet"]) == 2
