"""A CSV file as spreadsheets in all countries write it, cell by cell."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.errors import JudgeError

MOST_BYTES = 64 << 20
_BOM = "\ufeff"
_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: on which it begins, from 1; 0 where it comes from no file.
        cells: its texts, without quotes.
    """

    line: int
    cells: tuple[str, ...]

    def widened(self, more: int) -> Row:
        """The row with further empty cells."""
        return Row(self.line, self.cells + ("",) * more)


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows, and how they were written.

    Attributes:
        columns: names in the first line.
        rows: the others; those without any text are left out.
        separator: between cells.
        line_end: after each row.
        marked: whether the file begins with a byte order mark, as spreadsheets want it.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    separator: str = ","
    line_end: str = "\n"
    marked: bool = False


def read_table(path: Path) -> Table:
    """Read a CSV file in UTF-8, with commas, semicolons or tabs, whatever stands in its cells.

    Raises:
        JudgeError: it cannot be read, is not UTF-8, or is no CSV.
    """
    text = _text(path)
    marked, text = text.startswith(_BOM), text.removeprefix(_BOM)
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, tuple(cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise JudgeError(
            f"{path}, line {line}: the row is no CSV ({error}); check its double quotes, or save the file anew as CSV."
        ) from error
    if not rows:
        raise JudgeError(f"{path} is empty; the first line names the columns. Remove the file to begin anew.")
    width = len(rows[0].cells)
    wide = tuple(row.widened(max(0, width - len(row.cells))) for row in rows[1:])
    return Table(rows[0].cells, wide, separator, "\r\n" if first.endswith("\r") else "\n", marked)


def table_bytes(table: Table) -> bytes:
    """The bytes of a file that holds a table."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=table.separator, lineterminator=table.line_end)
    writer.writerow(table.columns)
    writer.writerows(row.cells for row in table.rows)
    return ((_BOM if table.marked else "") + text.getvalue()).encode("utf-8")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise JudgeError(f"{path} has more than {MOST_BYTES >> 20} MiB and is no file of labels; check the path.")
        data = path.read_bytes()
    except OSError as error:
        raise JudgeError(f"The labels cannot be read from {path} ({error.strerror}); check the path.") from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise JudgeError(f"{path}, line {line}: the file is not UTF-8; save it as CSV in UTF-8.") from error
    if "\0" in text:
        raise JudgeError(f"{path} has characters with the code 0 and is no text; save it as CSV in UTF-8.")
    return text
