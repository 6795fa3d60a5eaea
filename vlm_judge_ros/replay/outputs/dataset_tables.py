"""The tables of all episodes of a dataset, put together from those of each episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.outputs.episode_tables import JUDGED_FILE, PROGRESS_FILE, SUBTASKS_FILE
from vlm_judge_ros.replay.outputs.table_file import TableFile, read_metadata
from vlm_judge_ros.replay.sources.recorded_episode import usable_key

_FILES = (PROGRESS_FILE, SUBTASKS_FILE, JUDGED_FILE)


@dataclass(frozen=True, slots=True)
class _Part:
    """The tables of one episode, and the numbers that its rows get."""

    folder: Path
    metadata: Mapping[str, Any]
    episode_index: int
    first_index: int | None


def write(folder: Path, episodes: Sequence[Path]) -> None:
    """See `SpanningKind.write`: one set of tables for each dataset, and one for all episodes that are of none.

    Rows of a dataset keep its numbers; others are numbered in the order of the episodes' names. Where there are several
    sets, the name of the dataset stands in the names of its files.

    Raises:
        JudgeError: a table is damaged, two episodes claim the same rows, or it cannot be written.
    """
    datasets: dict[str, list[_Part]] = {}
    next_episode, next_index = 0, 0
    for episode in episodes:
        path = episode / PROGRESS_FILE
        if not path.is_file():
            continue  # made without these tables
        metadata = read_metadata(path)
        dataset = str(metadata.get("dataset", ""))
        if dataset:
            part = _Part(episode, metadata, int(metadata["episode_index"]), None)
        else:
            part = _Part(episode, metadata, next_episode, next_index)
            next_episode, next_index = next_episode + 1, next_index + parquet.read_metadata(path).num_rows
        datasets.setdefault(dataset, []).append(part)
    for dataset, parts in datasets.items():
        ordered = sorted(parts, key=lambda part: part.episode_index)
        _refuse_doubles(dataset, ordered)
        for name in _FILES:
            into = name if len(datasets) == 1 or not dataset else name.replace(".", f".{usable_key(dataset)}.", 1)
            _put_together(folder / into, dataset, ordered, name)


def _refuse_doubles(dataset: str, parts: Sequence[_Part]) -> None:
    for before, part in pairwise(parts):
        if before.episode_index == part.episode_index:
            raise JudgeError(
                f"{before.folder.name} and {part.folder.name} are both episode {part.episode_index} of a dataset "
                f"called {dataset}; score datasets of the same name into folders of their own."
            )


def _put_together(path: Path, dataset: str, parts: Sequence[_Part], name: str) -> None:
    unfinished = path.with_name(f".{path.name}.new")
    schema = parquet.read_schema(parts[0].folder / name)
    metadata = {"dataset": dataset, "provenance": _provenance(parts), "episodes": len(parts)}
    try:
        table = TableFile(unfinished, schema, lambda: metadata)
        try:
            for part in parts:
                with parquet.ParquetFile(part.folder / name) as rows:
                    for batch in rows.iter_batches():
                        table.add_table(_numbered(pa.Table.from_batches([batch]), part))
        finally:
            table.close()
        unfinished.replace(path)
    except (OSError, pa.ArrowException) as error:
        unfinished.unlink(missing_ok=True)
        raise JudgeError(f"{path} cannot be written ({error}); make room, or score the episodes again.") from error


def _provenance(parts: Sequence[_Part]) -> Mapping[str, Any]:
    """Which instrument judged, as the first episode says it whose judge answered at all."""
    # The table of the whole is written last, when all is known.
    told = [read_metadata(part.folder / JUDGED_FILE).get("provenance", {}) for part in parts]
    return next((one for one in told if one.get("model")), told[0])


def _numbered(table: pa.Table, part: _Part) -> pa.Table:
    """Rows of no dataset get the numbers of this set."""
    if part.first_index is None:
        return table
    numbers = pa.array([part.episode_index] * table.num_rows, pa.int64())
    table = table.set_column(table.schema.get_field_index("episode_index"), "episode_index", numbers)
    position = table.schema.get_field_index("index")
    if position < 0:
        return table
    moved = [value + part.first_index for value in table.column("index").to_pylist()]
    return table.set_column(position, "index", pa.array(moved, pa.int64()))
