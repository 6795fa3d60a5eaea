"""The rows of one episode of a LeRobot dataset, a few at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.lerobot_tables import EpisodeEntry, damaged, open_table

if TYPE_CHECKING:
    import pyarrow.parquet as parquet

TIMESTAMP, FRAME_INDEX, EPISODE_INDEX = "timestamp", "frame_index", "episode_index"

# Pictures in a table are large; other columns are not.
_ROWS_AT_ONCE, _PICTURES_AT_ONCE = 4096, 32
_OBJECTS_AT_ONCE = 256


def episode_rows(entry: EpisodeEntry, columns: Sequence[str], pictures: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The rows of one episode in their order, as name of column to value.

    Args:
        entry: the episode.
        columns: what is wanted beside `timestamp` and `frame_index`.
        pictures: columns that hold pictures.

    Raises:
        JudgeError: the table is missing or damaged, lacks a column, or has other rows than the episode should have;
            what came before has been told.
    """
    with open_table(entry.data) as table:
        there = set(table.schema_arrow.names)
        wanted = list(dict.fromkeys([EPISODE_INDEX, TIMESTAMP, FRAME_INDEX, *columns, *pictures]))
        _refuse_missing(entry.data, wanted, there)
        expected, before_s = 0, -math.inf
        for row in _matching(table, entry, wanted, bool(pictures)):
            if row[FRAME_INDEX] != expected:
                raise JudgeError(
                    f"Row {expected} of episode {entry.number} in {entry.data} has frame_index {row[FRAME_INDEX]}; "
                    "rows have to be in order and without gaps."
                )
            time_s = row[TIMESTAMP]
            if not isinstance(time_s, float) or not math.isfinite(time_s) or time_s <= before_s or time_s < 0.0:
                raise JudgeError(
                    f"Row {expected} of episode {entry.number} in {entry.data} has the timestamp {time_s}; timestamps "
                    "have to rise from 0."
                )
            expected, before_s = expected + 1, time_s
            yield row
        if expected != entry.length:
            raise JudgeError(
                f"Episode {entry.number} has {expected} rows in {entry.data} and should have {entry.length}; copy the "
                "table again."
            )


def read_columns(path: Path, columns: Sequence[str]) -> Any:
    """Some columns of a table, whole.

    Raises:
        JudgeError: the table is missing or damaged, or lacks a column.
    """
    with open_table(path) as table:
        _refuse_missing(path, columns, set(table.schema_arrow.names))
        try:
            return table.read(columns=list(columns))
        except Exception as error:  # whatever a damaged file leads the reader to
            raise damaged(path, error) from error


def _refuse_missing(path: Path, wanted: Sequence[str], there: Set[str]) -> None:
    missing = [name for name in wanted if name not in there]
    if missing:
        raise JudgeError(f"The table {path} has no column {missing[0]!r}; it has {', '.join(sorted(there))}.")


def _matching(
    table: parquet.ParquetFile, entry: EpisodeEntry, wanted: list[str], has_pictures: bool
) -> Iterator[dict[str, Any]]:
    found = False
    try:
        groups = [index for index in range(table.metadata.num_row_groups) if _may_hold(table, index, entry.number)]
        if not groups:
            return
        size = _PICTURES_AT_ONCE if has_pictures else _ROWS_AT_ONCE
        for batch in table.iter_batches(batch_size=size, row_groups=groups, columns=wanted):
            mine = np.flatnonzero(batch.column(EPISODE_INDEX).to_numpy() == entry.number)
            if mine.size:
                found = True
                rows = batch.take(mine)
                for start in range(0, rows.num_rows, _OBJECTS_AT_ONCE):  # numbers take little room, objects much
                    yield from rows.slice(start, _OBJECTS_AT_ONCE).to_pylist()
            elif found:
                return  # the rows of an episode lie together
    except GeneratorExit:
        raise
    except Exception as error:  # whatever a damaged file leads the reader to
        raise damaged(entry.data, error) from error


def _may_hold(table: parquet.ParquetFile, group: int, number: int) -> bool:
    """Whether a part of a table can hold rows of an episode, by its statistics."""
    part = table.metadata.row_group(group)
    for index in range(part.num_columns):
        column = part.column(index)
        if column.path_in_schema != EPISODE_INDEX:
            continue
        limits = column.statistics
        if limits is None or not limits.has_min_max:
            return True
        return bool(limits.min <= number <= limits.max)
    return True
