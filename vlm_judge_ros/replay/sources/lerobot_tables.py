"""The tables of a LeRobot dataset that say which episodes there are, and where."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.lerobot_info import DatasetInfo, file_in

if TYPE_CHECKING:
    import pyarrow.parquet as parquet


@dataclass(frozen=True, slots=True)
class VideoPart:
    """The part of a video file that belongs to one episode.

    Attributes:
        path: the file.
        from_s: time of the first frame.
        to_s: time after the last frame; None for the end of the file.
    """

    path: Path
    from_s: float = 0.0
    to_s: float | None = None


@dataclass(frozen=True, slots=True)
class EpisodeEntry:
    """What the tables say of one episode.

    Attributes:
        number: its `episode_index`.
        length: number of its rows.
        first_index: `index` of its first row.
        tasks: its instructions; mostly one.
        data: the table with its rows.
        videos: by column.
        further: what else its row in the table of episodes says, for example a score.
    """

    number: int
    length: int
    first_index: int
    tasks: tuple[str, ...]
    data: Path
    videos: Mapping[str, VideoPart]
    further: Mapping[str, Any] = field(default_factory=dict)


def parquet_module() -> ModuleType:
    """The module that reads and writes tables.

    Raises:
        JudgeError: it is not installed.
    """
    try:
        return importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise JudgeError(
            "Datasets need the Python module 'pyarrow', which is not installed; install it with pip install "
            "'vlm_judge_ros[datasets]'."
        ) from error


def open_table(path: Path) -> parquet.ParquetFile:
    """Open a table.

    Raises:
        JudgeError: it is missing or damaged.
    """
    parquet = parquet_module()
    if not path.is_file():
        raise JudgeError(f"There is no table at {path}; copy the missing file there.")
    try:
        return parquet.ParquetFile(path)
    except Exception as error:  # whatever a damaged file leads the reader to
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> JudgeError:
    """What is said of a table that cannot be read."""
    text = str(error).strip().splitlines()
    return JudgeError(f"The table {path} is damaged ({text[0] if text else type(error).__name__}); copy it again.")


def episode_entries(root: Path, info: DatasetInfo) -> Iterator[EpisodeEntry]:
    """The episodes of a dataset, in their order.

    Raises:
        JudgeError: a table is missing or damaged, or a file name leads out of the dataset.
    """
    tasks = _tasks(root, info)
    rows = _rows_v3(root) if info.is_v3 else _json_lines(root / "meta/episodes.jsonl")
    next_index = 0
    for row in rows:
        try:
            number, length = int(row["episode_index"]), int(row["length"])
            first_index = int(row.get("dataset_from_index", next_index))
            data = _data_file(root, info, number, row)
            videos = {
                key: _video_part(root, info, number, key, row) for key, kind in info.cameras.items() if kind == "video"
            }
        except (KeyError, TypeError, ValueError) as error:
            raise JudgeError(
                f"The table of episodes of {root} lacks or garbles {error} in the row {_short(row)}; make it again."
            ) from error
        next_index = first_index + length
        yield EpisodeEntry(number, length, first_index, _tasks_of(row, tasks), data, videos, _further(row))


def _data_file(root: Path, info: DatasetInfo, number: int, row: Mapping[str, Any]) -> Path:
    if not info.is_v3:
        chunk = number // info.chunks_size
        return file_in(root, info.data_path, episode_chunk=chunk, episode_index=number)
    return file_in(
        root, info.data_path, chunk_index=int(row["data/chunk_index"]), file_index=int(row["data/file_index"])
    )


def _video_part(root: Path, info: DatasetInfo, number: int, key: str, row: Mapping[str, Any]) -> VideoPart:
    if info.video_path is None:
        raise JudgeError(f"{root / 'meta/info.json'} has the video {key} and no video_path; make it again.")
    if not info.is_v3:
        chunk = number // info.chunks_size
        return VideoPart(file_in(root, info.video_path, episode_chunk=chunk, episode_index=number, video_key=key))
    place = f"videos/{key}"
    path = file_in(
        root,
        info.video_path,
        video_key=key,
        chunk_index=int(row[f"{place}/chunk_index"]),
        file_index=int(row[f"{place}/file_index"]),
    )
    return VideoPart(path, float(row[f"{place}/from_timestamp"]), float(row[f"{place}/to_timestamp"]))


def _tasks_of(row: Mapping[str, Any], tasks: Mapping[int, str]) -> tuple[str, ...]:
    told = row.get("tasks")
    if isinstance(told, str):
        told = [told]
    if not isinstance(told, list):
        told = [row["task_index"]] if isinstance(row.get("task_index"), int) else []
    named = [tasks.get(item, "") if isinstance(item, int) else str(item) for item in told]
    return tuple(dict.fromkeys(text.strip() for text in named if text.strip()))


def _further(row: Mapping[str, Any]) -> dict[str, Any]:
    known = ("episode_index", "length", "tasks", "dataset_from_index", "dataset_to_index")
    return {name: value for name, value in row.items() if name not in known and "/" not in name}


def _tasks(root: Path, info: DatasetInfo) -> dict[int, str]:
    if not info.is_v3:
        path = root / "meta/tasks.jsonl"
        lines = _json_lines(path) if path.exists() else iter(())
        return {int(line["task_index"]): str(line["task"]) for line in lines if "task_index" in line and "task" in line}
    path = root / "meta/tasks.parquet"
    if not path.exists():
        return {}
    found: dict[int, str] = {}
    for row in _table_rows(path):
        # pandas keeps the instruction as the index of the table, whatever that is called.
        text = next((value for name, value in row.items() if name != "task_index" and isinstance(value, str)), None)
        if isinstance(row.get("task_index"), int) and text is not None:
            found[row["task_index"]] = text
    return found


def _rows_v3(root: Path) -> Iterator[dict[str, Any]]:
    paths = sorted((root / "meta/episodes").glob("*/*.parquet"))
    if not paths:
        raise JudgeError(f"{root / 'meta/episodes'} holds no table; a dataset of version 3.0 lists its episodes there.")
    for path in paths:
        yield from _table_rows(path)


def _table_rows(path: Path) -> Iterator[dict[str, Any]]:
    with open_table(path) as table:
        # Statistics of every column of every episode lie beside what is wanted, and are large.
        wanted = [name for name in table.schema_arrow.names if not name.startswith("stats/")]
        try:
            for batch in table.iter_batches(batch_size=1024, columns=wanted):
                yield from batch.to_pylist()
        except JudgeError:
            raise
        except Exception as error:
            raise damaged(path, error) from error


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise JudgeError(f"Line {number} of {path} is no JSON ({error}); make the file again.") from error
                if not isinstance(row, dict):
                    raise JudgeError(f"Line {number} of {path} is no JSON object; make the file again.")
                yield row
    except (OSError, UnicodeDecodeError) as error:
        raise JudgeError(f"{path} cannot be read ({error}); copy the missing file there.") from error


def _short(row: Mapping[str, Any]) -> str:
    text = json.dumps({name: row[name] for name in list(row)[:4]}, default=str)
    return text if len(text) <= 120 else text[:117] + "..."
