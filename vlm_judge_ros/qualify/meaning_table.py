"""The table of all figures in `docs/qualification.md`, made from what `MEANINGS` says.

`python -m vlm_judge_ros.qualify.meaning_table docs/qualification.md` brings the page up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vlm_judge_ros.qualify.meaning import MEANINGS

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def meaning_table() -> str:
    """All figures in one table."""
    rows = ["| figure | what it is | unit | best | a clock | a constant |", "| --- | --- | --- | --- | --- | --- |"]
    for name, meaning in MEANINGS.items():
        best = "" if meaning.best is None else f"{meaning.best:g}"
        text = meaning.text.replace("|", "\\|")
        rows.append(f"| `{name}` | {text} | {meaning.unit} | {best} | {meaning.clock} | {meaning.constant} |")
    return "\n".join(rows)


def page_with_table(page: str) -> str:
    """The page with the table of today between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"the page needs {BEGIN} and {END}"
    return f"{before}{BEGIN}\n{meaning_table()}\n{END}{after}"


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(meaning_table())
    for argument in sys.argv[1:]:
        page_path = Path(argument)
        page_path.write_text(page_with_table(page_path.read_text(encoding="utf-8")), encoding="utf-8")
