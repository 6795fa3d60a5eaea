"""The one CSV form of what people say of recorded episodes: read and written here and nowhere else."""

from __future__ import annotations

import difflib
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.labels.cells import closed, opened
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.table import Row, Table, read_table, table_bytes
from vlm_judge_ros.replay.outputs.whole_file import whole_file

COLUMNS = ("episode", "score", "success", "failure_mode", "onset_s", "preferred_over", "rater", "note")


def read_labels(path: Path) -> tuple[Label, ...]:
    """Read a file of labels; rows that say nothing of an episode are passed over.

    Columns may come in any order, all but `episode` may be missing, and further ones are passed over.

    Raises:
        JudgeError: it cannot be read; the sentence names the line, the column and the value.
    """
    if not path.exists():
        raise JudgeError(f"There is no file of labels at {path}; check the path, or make one with `vlm-judge label`.")
    return LabelFile(path).read()


def copy_labels(path: Path, copy: Path) -> None:
    """Copy a file of labels as it is, whole or not at all; a file onto itself stays.

    Raises:
        JudgeError: it cannot be read, or the copy not be written.
    """
    if path.resolve() == copy.resolve():
        return
    read_labels(path)
    try:
        _replace(copy, path.read_bytes())
    except OSError as error:
        raise JudgeError(f"The labels cannot be copied to {copy} ({error.strerror}); choose another folder.") from error


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row of the file, and what it says."""

    row: Row
    label: Label | None


class LabelFile:
    """A file of labels that grows. Each change replaces it by a whole new one, so that it is never half written.

    Several programs may write to it; each reads what the others wrote. Columns that are not ours, and the separator of
    the file, stay as they are.

    Args:
        path: the file; it is made with the first label.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Label, ...]:
        """All labels in the order of their rows; none where there is no file yet.

        Raises:
            JudgeError: it cannot be read.
        """
        return tuple(entry.label for entry in self._load()[1] if entry.label is not None)

    def put(self, label: Label) -> None:
        """Write a label; it takes the place of what its rater said of the same episode, or pair, before.

        Raises:
            JudgeError: the file cannot be read or written.
        """
        with self._alone():
            table, entries = self._load()
            table, entries = _without(table, entries, label, _entry(table, label))
            self._store(table, entries)

    def remove(self, label: Label) -> None:
        """Take back what the rater of a label said of its episode, or pair.

        Raises:
            JudgeError: the file cannot be read or written.
        """
        with self._alone():
            table, entries = self._load()
            self._store(*_without(table, entries, label, None))

    def _load(self) -> tuple[Table, list[_Entry]]:
        if not self.path.exists():
            return Table(COLUMNS, ()), []
        table = read_table(self.path)
        table = replace(table, columns=_checked(self.path, table.columns))
        entries = [_Entry(row, _label(self.path, table, row)) for row in table.rows]
        _refuse_repeated(self.path, entries)
        missing = tuple(column for column in COLUMNS if column not in table.columns)
        if missing:
            table = replace(table, columns=table.columns + missing)
            entries = [replace(entry, row=entry.row.widened(len(missing))) for entry in entries]
        return table, entries

    def _store(self, table: Table, entries: Sequence[_Entry]) -> None:
        data = table_bytes(replace(table, rows=tuple(entry.row for entry in entries)))
        try:
            _replace(self.path, data)
        except OSError as error:
            raise self._not_writable(error) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other programs from writing between our reading and our writing."""
        place = self.path.resolve()
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            # The file itself is replaced, and a lock on it would go with it.
            lock = place.with_name(f".{place.name}.lock").open("w")
        except OSError as error:
            raise self._not_writable(error) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _not_writable(self, error: OSError) -> JudgeError:
        return JudgeError(f"The labels cannot be written to {self.path} ({error.strerror}); choose another place.")


def _replace(path: Path, data: bytes) -> None:
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _checked(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns as we call them; those of others as they are."""
    columns: list[str] = []
    for name in header:
        plain = name.strip().lower()
        known = plain if plain in COLUMNS else ""
        if not known and (close := difflib.get_close_matches(plain, COLUMNS, n=1, cutoff=0.8)):
            raise JudgeError(
                f'{path}, line 1: the column "{name}" is called like {close[0]}, but not quite; rename it to '
                f"{close[0]}, or to something else if it is yours."
            )
        if known and known in columns:
            raise JudgeError(f'{path}, line 1: there are two columns "{known}"; remove one.')
        columns.append(known or name)
    if "episode" not in columns:
        raise JudgeError(
            f'{path}, line 1: there is no column "episode"; the first line names the columns: {", ".join(COLUMNS)}.'
        )
    return tuple(columns)


def _label(path: Path, table: Table, row: Row) -> Label | None:
    if len(row.cells) > len(table.columns):
        raise JudgeError(
            f"{path}, line {row.line}: the row has {len(row.cells)} cells and the header {len(table.columns)}; write "
            'decimals with a point, and texts that hold the separator within double quotes ("a, b").'
        )
    cells = dict(zip(table.columns, row.cells, strict=False))
    values = {column: opened(cells.get(column, "")) for column in COLUMNS}
    if not any(values.values()):
        return None
    try:
        label = Label.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        column = str(first["loc"][0])
        told = first["msg"].removeprefix("Value error, ")
        raise JudgeError(f'{path}, line {row.line}, column {column}: "{_short(values[column])}": {told}.') from error
    return label if label.judges or label.preferred_over else None


def _short(value: str) -> str:
    return value if len(value) <= 60 else f"{value[:57]}..."


def _refuse_repeated(path: Path, entries: Sequence[_Entry]) -> None:
    lines: dict[tuple[object, ...], int] = {}
    for entry in entries:
        for said in _said(entry.label):
            if said in lines:
                raise JudgeError(
                    f'{path}, line {entry.row.line}: rater "{said[0]}" has already labelled the same '
                    f"{'pair' if isinstance(said[1], frozenset) else 'episode'} in line {lines[said]}; remove one row, "
                    "or name the raters apart."
                )
            lines[said] = entry.row.line


def _said(label: Label | None) -> list[tuple[object, ...]]:
    """What a rater can say only once: something of an episode, and something of a pair."""
    if label is None:
        return []
    said: list[tuple[object, ...]] = [(label.rater, label.episode)] if label.judges else []
    return said + ([(label.rater, label.pair)] if label.preferred_over else [])


def _entry(table: Table, label: Label, like: Row | None = None) -> _Entry:
    """A row that says what a label says; in the columns of others, what another row has there."""
    told = {
        "episode": label.episode,
        "score": "" if label.score is None else f"{label.score:.12g}",
        "success": {True: "yes", False: "no", None: ""}[label.success],
        "failure_mode": label.failure_mode.name if label.failure_mode is not None else "",
        "onset_s": "" if label.onset_s is None else f"{label.onset_s:.12g}",
        "preferred_over": label.preferred_over,
        "rater": label.rater,
        "note": label.note,
    }
    before = dict(zip(table.columns, like.cells, strict=False)) if like is not None else {}
    cells = [closed(told[column]) if column in told else before.get(column, "") for column in table.columns]
    return _Entry(Row(like.line if like is not None else 0, tuple(cells)), label)


def _without(table: Table, entries: Sequence[_Entry], label: Label, new: _Entry | None) -> tuple[Table, list[_Entry]]:
    """The rows without what a label replaces, and with the new one in the place of the first that went."""
    kept: list[_Entry] = []
    for entry in entries:
        rest = _rest(entry.label, label)
        if rest == entry.label:
            kept.append(entry)
        elif rest is not None:
            kept.append(_entry(table, rest, entry.row))
        elif new is not None and new.label is not None:
            kept.append(_entry(table, new.label, entry.row))
            new = None
    return table, kept + ([new] if new is not None else [])


def _rest(old: Label | None, new: Label) -> Label | None:
    """What stays of an old label beside a new one."""
    if old is None or old.rater != new.rater:
        return old
    rest = old
    if new.judges and old.judges and old.episode == new.episode:
        rest = rest.model_copy(update={"score": None, "success": None, "failure_mode": None, "onset_s": None})
    if new.preferred_over and old.pair == new.pair:
        rest = rest.model_copy(update={"preferred_over": ""})
    return rest if rest.judges or rest.preferred_over else None
