"""What people, or the recorder, wrote into a dataset about how its episodes went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.column_score import ColumnScore
from vlm_judge_ros.replay.sources.lerobot_info import DatasetInfo
from vlm_judge_ros.replay.sources.lerobot_rows import EPISODE_INDEX, TIMESTAMP, read_columns
from vlm_judge_ros.replay.sources.lerobot_tables import EpisodeEntry
from vlm_judge_ros.replay.sources.score_column import ScoreColumn, usual_columns
from vlm_judge_ros.replay.trace import Curve
from vlm_judge_ros.replay.truth import EpisodeTruth

SUCCESS = "next.success"
"""The column that LeRobot itself writes for whether the task was done at a row."""


@dataclass(frozen=True, slots=True)
class KnownTruth:
    """How an episode really went, and what people said of it; None and empty where nobody says."""

    truth: EpisodeTruth | None = None
    progress: Curve = field(default_factory=Curve)
    scores: tuple[ColumnScore, ...] = ()


def truth_columns(info: DatasetInfo, given: Sequence[str]) -> tuple[str, ...]:
    """The columns that tell how episodes went: those that a person named, else `next.success` where there is one."""
    return tuple(given) if given else ((SUCCESS,) if SUCCESS in info.features else ())


class TruthReader:
    """Reads what columns say of episodes: how they went, and how people scored them.

    Keeps those columns of the table that was read last: it mostly holds the next episode, too.

    A column of truth values is how it ended: a success where any row says so. A column of numbers is how far it was, 0
    to 1. A column may be one of the rows, or of the table of episodes; a number there is how far it was at the end.

    Args:
        info: of the dataset.
        columns: names of those that say how episodes went.
        scores: those in which people scored them; None takes the usual names where there are such columns.
    """

    def __init__(self, info: DatasetInfo, columns: Sequence[str], scores: Sequence[ScoreColumn] | None = None) -> None:
        self._columns = tuple(columns)
        self._scores = scores
        self._in_all_rows = set(info.features)
        self._path: Path | None = None
        self._kept: tuple[str, ...] = ()
        self._table: Any = None

    def read(self, entry: EpisodeEntry, end_s: float, name: str, task: str) -> KnownTruth:
        """Read what they say of an episode.

        Args:
            entry: the episode.
            end_s: when it ends.
            name: of the episode.
            task: its instruction.

        Raises:
            JudgeError: there is no such column, or it holds something else.
        """
        scores = self._scores
        if scores is None:
            scores = usual_columns(self._in_all_rows | entry.further.keys(), self._columns)
        wanted = tuple(dict.fromkeys((*self._columns, *(column.name for column in scores))))
        told = {column: [(end_s, entry.further[column])] for column in wanted if column in entry.further}
        in_rows = tuple(column for column in wanted if column not in entry.further)
        if in_rows:
            told.update(self._in_rows(entry, in_rows))
        known = _known(entry, name, task, {column: told[column] for column in self._columns if column in told})
        said = (column.read([value for _, value in told.get(column.name, ())], entry.number) for column in scores)
        return replace(known, scores=tuple(score for score in said if score is not None))

    def _in_rows(self, entry: EpisodeEntry, columns: tuple[str, ...]) -> dict[str, list[tuple[float, Any]]]:
        if (entry.data, columns) != (self._path, self._kept):
            self._table = read_columns(entry.data, [EPISODE_INDEX, TIMESTAMP, *columns])
            self._path, self._kept = entry.data, columns
        mine = np.flatnonzero(self._table.column(EPISODE_INDEX).to_numpy() == entry.number)
        if mine.size == 0:
            return {}
        rows = self._table.slice(int(mine[0]), int(mine[-1] - mine[0]) + 1)
        times_s = rows.column(TIMESTAMP).to_pylist()
        return {column: list(zip(times_s, rows.column(column).to_pylist(), strict=True)) for column in columns}


def _known(entry: EpisodeEntry, name: str, task: str, told: Mapping[str, Sequence[tuple[float, Any]]]) -> KnownTruth:
    success: bool | None = None
    progress = Curve()
    for column, values in told.items():
        plain = [(time_s, _plain(value)) for time_s, value in values]
        known = [(time_s, value) for time_s, value in plain if value is not None]
        if known and all(isinstance(value, bool) for _, value in known):
            success = bool(success) or any(value for _, value in known)
        elif known:
            progress = _curve(entry, column, known)
    truth = None
    if success is not None:
        mode = FailureMode.NONE if success else FailureMode.UNKNOWN
        truth = EpisodeTruth(
            name=name,
            task_instruction=task,
            outcome="success" if success else "failure",
            failure_mode=mode.name,
        )
    return KnownTruth(truth, progress)


def _plain(value: Any) -> Any:
    """A value without the list of one that LeRobot may keep it in."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _curve(entry: EpisodeEntry, column: str, known: Sequence[tuple[float, Any]]) -> Curve:
    for time_s, value in known:
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 <= value <= 1.0
        if not right:
            raise JudgeError(
                f"The column {column!r} of episode {entry.number} says {value!r} at {time_s:g} s; give truth values, "
                "or numbers from 0 to 1."
            )
    return Curve(tuple(time_s for time_s, _ in known), tuple(float(value) for _, value in known))
