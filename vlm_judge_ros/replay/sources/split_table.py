"""A CSV file that says where the episodes in bags begin and end."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.parts import Part

COLUMNS = ("bag", "start_s", "end_s", "name", "task")
_NEEDED = ("start_s", "end_s")
_LARGEST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SplitRow:
    """An episode.

    Attributes:
        line: in the file, from 1.
        bag: its name, or the end of its path; empty for every bag.
        start_s: seconds from the first message of the bag to its begin.
        end_s: seconds from there to its end; infinite for the end of the bag.
        name: of the episode; empty for that of the bag with a number.
        task: the instruction; empty for the one that was recorded.
    """

    line: int
    bag: str
    start_s: float
    end_s: float
    name: str
    task: str

    def is_of(self, path: Path) -> bool:
        """Whether the episode lies in the bag at a path."""
        if not self.bag:
            return True
        named, parts = PurePath(self.bag).parts, path.absolute().parts
        if parts[-len(named) :] == named:
            return True
        return len(named) == 1 and named[0] == path.name.partition(".")[0] != ""


@dataclass(frozen=True, slots=True)
class SplitTable:
    """All episodes of a file."""

    path: Path
    rows: tuple[SplitRow, ...]

    def parts_of(self, bag: Path, started_ns: int, stop_ns: int) -> list[Part]:
        """The episodes in one bag, in order of their start.

        Raises:
            JudgeError: the file has none for this bag, or one begins after the end of the bag.
        """
        parts: list[Part] = []
        for row in self.rows:
            if not row.is_of(bag):
                continue
            start_ns = started_ns + round(row.start_s * 1e9)
            if start_ns >= stop_ns:
                duration_s = (stop_ns - started_ns) * 1e-9
                raise JudgeError(
                    f"{self.path}, line {row.line}: start_s is {row.start_s:g}, and the bag {bag} is over after "
                    f"{duration_s:.3f} s; give seconds from its first message."
                )
            end_ns = stop_ns if math.isinf(row.end_s) else min(stop_ns, started_ns + round(row.end_s * 1e9))
            parts.append(Part(start_ns, end_ns, row.name, row.task))
        if not parts:
            raise JudgeError(f"{self.path} has no line for the bag {bag}; add one, or leave the bag out.")
        return sorted(parts, key=lambda part: part.start_ns)


def read_split_table(path: Path) -> SplitTable:
    """Read a file with the columns bag, start_s, end_s, name and task.

    Raises:
        JudgeError: it cannot be read; the sentence names file, line and remedy.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise JudgeError(f"{path} is larger than {_LARGEST_BYTES} bytes; is it the right file?")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise JudgeError(f"{path} cannot be read ({error.strerror or error}); check the path.") from error
    except UnicodeDecodeError as error:
        raise JudgeError(f"{path} is not UTF-8; save it as CSV in UTF-8.") from error
    rows = tuple(_rows(path, text))
    if not rows:
        raise JudgeError(f"{path} has no line but its header; add a line for each episode.")
    return SplitTable(path, rows)


def _rows(path: Path, text: str) -> Iterator[SplitRow]:
    # Spreadsheets of some languages write semicolons.
    header = text.partition("\n")[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if header.count(";") > header.count(",") else ",")
    try:
        columns = [name.strip() for name in reader.fieldnames or ()]
        unknown, missing = [name for name in columns if name not in COLUMNS], set(_NEEDED) - set(columns)
        if unknown or missing:
            what = f"the column {unknown[0]!r} is not known" if unknown else f"the column {min(missing)} is missing"
            raise JudgeError(f"{path}, line 1: {what}; the columns are {', '.join(COLUMNS)}.")
        reader.fieldnames = columns
        for row in reader:
            if any(value for value in row.values()):
                yield _row(path, reader.line_num, {key: (row.get(key) or "").strip() for key in COLUMNS})
    except csv.Error as error:
        raise JudgeError(f"{path}, line {reader.line_num}: this is no CSV ({error}); mend it.") from error


def _row(path: Path, line: int, row: dict[str, str]) -> SplitRow:
    start_s = _seconds(path, line, "start_s", row["start_s"] or "0")
    end_s = _seconds(path, line, "end_s", row["end_s"]) if row["end_s"] else math.inf
    if end_s <= start_s:
        raise JudgeError(
            f"{path}, line {line}: end_s is {end_s:g} and start_s {start_s:g}; an end comes after its start."
        )
    return SplitRow(line, row["bag"], start_s, end_s, row["name"], row["task"])


def _seconds(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < 1e9:
        raise JudgeError(
            f"{path}, line {line}: {column} is {text[:40]!r}; seconds from the first message of the bag belong there."
        )
    return value
