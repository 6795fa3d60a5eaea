"""Tables as parquet, written a few rows at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from vlm_judge_ros.errors import JudgeError

OURS = b"vlm_judge_ros"
"""Key of our part of a table's metadata: JSON."""

_ROWS_AT_ONCE = 4096

_PLACE = [
    ("index", pa.int64()),
    ("episode_index", pa.int64()),
    ("frame_index", pa.int64()),
    ("timestamp", pa.float32()),
]
PROGRESS = pa.schema(
    [
        *_PLACE,
        ("progress", pa.float32()),
        ("progress_sparse", pa.float32()),
        ("progress_dense", pa.float32()),
        ("reward", pa.float32()),
        ("success_probability", pa.float32()),
        ("failure_probability", pa.float32()),
        ("state", pa.string()),
        ("failure_mode", pa.string()),
        ("subtask", pa.string()),
        ("episode", pa.string()),
    ]
)
SUBTASKS = pa.schema(
    [
        *_PLACE,
        ("subtask_index", pa.int64()),
        ("subtask", pa.string()),
        ("weight", pa.float32()),
        ("progress", pa.float32()),
        ("reward", pa.float32()),
        ("state", pa.string()),
        ("episode", pa.string()),
    ]
)
JUDGED = pa.schema(
    [
        ("episode_index", pa.int64()),
        ("episode", pa.string()),
        ("task", pa.string()),
        ("success", pa.bool_()),
        ("state", pa.string()),
        ("failure_mode", pa.string()),
        ("onset_s", pa.float32()),
        ("recognised_s", pa.float32()),
        ("confidence", pa.float32()),
        ("progress", pa.float32()),
        ("success_probability", pa.float32()),
        ("failure_probability", pa.float32()),
        ("reason", pa.string()),
        ("deciding_layers", pa.string()),
        ("true_success", pa.bool_()),
        ("true_failure_mode", pa.string()),
        ("duration_s", pa.float32()),
        ("frames", pa.int64()),
        ("origin", pa.string()),
        ("model", pa.string()),
        ("model_hash", pa.string()),
        ("provider", pa.string()),
        ("method", pa.string()),
        ("prompt_set", pa.string()),
        ("prompt_hash", pa.string()),
        ("calibration", pa.string()),
        ("judge_card", pa.string()),
        ("task_file", pa.string()),
        ("seed", pa.int64()),
        ("software_version", pa.string()),
    ]
)


class TableFile:
    """A table that is being written.

    Args:
        path: of the file.
        schema: its columns.
        metadata: called once, with the first rows that are written: our part of its metadata. The `model` of its
            `provenance` also stands where LeRobot's own tables of progress name their model.
    """

    def __init__(self, path: Path, schema: pa.Schema, metadata: Callable[[], Mapping[str, Any]]) -> None:
        self._path = path
        self._schema = schema
        self._metadata = metadata
        self._writer: parquet.ParquetWriter | None = None
        self._rows: list[Mapping[str, Any]] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row; columns that it lacks are empty."""
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def add_table(self, table: pa.Table) -> None:
        """Write the rows of another table of the same columns."""
        self._flush()
        writer = self._open()
        writer.write_table(table.cast(self._schema))

    def close(self) -> None:
        """Write what is missing, and close."""
        self._flush()
        self._open().close()

    def abandon(self) -> None:
        """Close without writing what is missing."""
        self._rows = []
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> parquet.ParquetWriter:
        if self._writer is None:
            metadata = self._metadata()
            ours = json.dumps(metadata, sort_keys=True, ensure_ascii=False)
            model = str(metadata.get("provenance", {}).get("model", ""))
            self._schema = self._schema.with_metadata({b"reward_model_path": model.encode(), OURS: ours.encode()})
            self._writer = parquet.ParquetWriter(self._path, self._schema)
        return self._writer

    def _flush(self) -> None:
        if self._rows:
            writer = self._open()
            writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def read_metadata(path: Path) -> dict[str, Any]:
    """Our part of a table's metadata.

    Raises:
        JudgeError: it is damaged, or none of ours.
    """
    try:
        found = json.loads((parquet.read_schema(path).metadata or {})[OURS])
    except (OSError, ValueError, KeyError) as error:
        raise JudgeError(f"{path} is none of our tables, or damaged; score the episode again.") from error
    if not isinstance(found, dict):
        raise JudgeError(f"{path} is none of our tables; score the episode again.")
    return found
