"""Columns of a dataset in which people scored its episodes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.column_score import ColumnScore
from vlm_judge_ros.replay.labels.label import LONGEST_RATER

USUAL = ("score", "human_score", "episode_score", "success", "episode_success", "human_success")
"""Names that are taken for such columns where nobody names any."""
NONE = "none"
"""Given in place of a name: no column is one."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_SCALED = re.compile(rf"(?P<name>.+)=(?P<low>{_NUMBER}):(?P<high>{_NUMBER})")
_WORDS = {"success": True, "successful": True, "yes": True, "true": True} | dict.fromkeys(
    ("failure", "failed", "fail", "no", "false"), False
)


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """One column, and how its numbers are to be read.

    Attributes:
        name: of the column.
        low: the number that means nothing was done.
        high: the number that means all was done; may be below `low`.
    """

    name: str
    low: float = 0.0
    high: float = 1.0

    @staticmethod
    def parse(text: str) -> ScoreColumn:
        """Read `NAME`, or `NAME=LOW:HIGH` such as `quality=1:5`.

        Raises:
            JudgeError: it is neither.
        """
        scaled = _SCALED.fullmatch(text)
        column = ScoreColumn(text)
        if scaled is not None:
            column = ScoreColumn(scaled["name"], float(scaled["low"]), float(scaled["high"]))
        if not column.name or len(column.name) > LONGEST_RATER or not column.name.isprintable():
            raise JudgeError(
                f"--score-column {text[:100]} names no column; give a name of at most {LONGEST_RATER} characters."
            )
        if column.low == column.high or ("=" in text and scaled is None):
            raise JudgeError(
                f"--score-column {text} is not of the form NAME or NAME=LOW:HIGH; write for example quality=1:5."
            )
        return column

    def read(self, values: Sequence[Any], episode: int) -> ColumnScore | None:
        """What the values of an episode say: a success where any is true, and the last of numbers; None for nothing.

        Args:
            values: one, or one for each row; missing ones are None.
            episode: its number.

        Raises:
            JudgeError: they are no truth values, words for them, or numbers of the scale.
        """
        known = [_plain(value) for value in values]
        known = [value for value in known if value is not None]
        if not known:
            return None
        if all(isinstance(value, bool) for value in known):
            return ColumnScore(column=self.name, success=any(known))
        last = known[-1]
        if isinstance(last, (int, float)) and not isinstance(last, bool):
            score = (last - self.low) / (self.high - self.low)
            if 0.0 <= score <= 1.0:
                return ColumnScore(column=self.name, score=score)
        raise JudgeError(
            f"The column {self.name!r} of episode {episode} says {last!r}, which is no score from {self.low:g} to "
            f"{self.high:g}; say what its numbers mean, as in --score-column {self.name}=1:5, or leave it out with "
            f"--score-column {NONE}."
        )


def score_columns(given: Sequence[str]) -> tuple[ScoreColumn, ...] | None:
    """The columns that a person named; none of them for `none`, None where nothing was said.

    Raises:
        JudgeError: a text cannot be read, or a column is named twice.
    """
    if not given:
        return None
    columns = tuple(ScoreColumn.parse(text) for text in given if text != NONE)
    if len(columns) < len(given) and columns:
        raise JudgeError(f"--score-column {NONE} does not go with others; leave it out.")
    if len({column.name for column in columns}) < len(columns):
        raise JudgeError("--score-column names a column twice; leave one out.")
    return columns


def usual_columns(there: Collection[str], truths: Collection[str]) -> tuple[ScoreColumn, ...]:
    """Those of the usual names that a dataset has, but for columns that are read as the truth."""
    return tuple(ScoreColumn(name) for name in USUAL if name in there and name not in truths)


def _plain(value: Any) -> Any:
    """A value without the list of one that LeRobot may keep it in; a word for a truth value as that; NaN as None."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str):
        word = value.strip().lower()
        return _WORDS.get(word, value) if word else None
    return value
