"""Cells of a CSV file that a spreadsheet takes for text whatever they begin with."""

from __future__ import annotations

import re

# What a spreadsheet takes for the begin of a formula. Where lists have semicolons, a spreadsheet ends a cell at each of
# them, so that the text after it begins a cell too; quotes and blanks before it do not help.
_BEGIN = r"((?:^|[;,])[\s\"]*'*)"
_FORMULA = r"([=+\-@\uff1d\uff0b\uff0d\uff20])"
_OPEN = re.compile(_BEGIN + _FORMULA)
_CLOSED = re.compile(_BEGIN + "'" + _FORMULA)


def closed(text: str) -> str:
    """A text with an apostrophe before each character that would begin a formula."""
    return _OPEN.sub(r"\1'\2", text)


def opened(cell: str) -> str:
    """The text of which `closed` made this cell; a cell that another program wrote mostly stays as it is."""
    return _CLOSED.sub(r"\1\2", cell)
