"""The results of a closed-loop run for people: a table for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table

from vlm_judge_ros.closed_loop.cells import Cell


def table(cells: Iterable[Cell]) -> Table:
    """A row for each task, judge and K."""
    made = Table(box=SIMPLE_HEAD)
    for name in ("task", "judge"):
        made.add_column(name)
    for name in ("K", "episodes", "success", "of the oracle's gain", "abstained", "s per decision"):
        made.add_column(name, justify="right")
    before = ""
    for cell in cells:
        if before and cell.task != before:
            made.add_section()
        before = cell.task
        made.add_row(
            cell.task,
            cell.judge,
            str(cell.k),
            str(cell.episodes),
            f"{cell.success_rate:.3f} ({cell.low:.2f} to {cell.high:.2f})",
            gain(cell),
            f"{cell.abstained:.0%}" if cell.k > 1 else "",
            "" if math.isnan(cell.seconds_per_decision) else f"{cell.seconds_per_decision:.3f}",
        )
    return made


def gain(cell: Cell) -> str:
    """The share of the oracle's gain with its interval; empty where there is none."""
    share = cell.oracle_share
    if share.value is None:
        return ""
    interval = "" if share.low is None or share.high is None else f" ({share.low:.2f} to {share.high:.2f})"
    return f"{share.value:.2f}{interval}"
