"""What was measured of each fault, and the page that tells it."""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from pathlib import Path

from fault_list import EVERY, NEAR, Fault
from stop_process import State

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD = "| fault | what is seen | verdict | who stops, and why | timeout (s) | measured (s) |"
_BLOCK = re.compile(r"(<!-- faults: begin -->\n)(.*?)(<!-- faults: end -->)", re.DOTALL)
_CAUSES = {getattr(State, name): name for name in dir(State) if name.startswith("CAUSE_")}


@dataclass(frozen=True)
class Measured:
    """One turn: what a person reads, the state of the verdict, and seconds to the command; None for none."""

    seen: str
    verdict: str
    seconds: float | None


def who(fault: Fault) -> str:
    """Who stops and why, as it has to be."""
    if fault.limits_s is None:
        return "nobody, and nobody has to"
    if fault.cause == State.CAUSE_NONE:
        return "a watchdog on the side of the robot; nothing else"
    node = "stop node" if fault.by == NEAR else "stop node behind the link"
    return f"{node}: `{_CAUSES[fault.cause]}`, `{fault.source}`"


def timeout(fault: Fault) -> str:
    """What the time is made of."""
    if fault.limits_s is None:
        return "-"
    if not sum(fault.limits_s.values()):
        return ", ".join(fault.limits_s)
    parts = ", ".join(f"{name} {seconds:g}" for name, seconds in fault.limits_s.items())
    return parts if len(fault.limits_s) == 1 else f"{sum(fault.limits_s.values()):g}: {parts}"


def seconds_of(turns: list[Measured]) -> str:
    taken = [turn.seconds for turn in turns if turn.seconds is not None]
    if not taken:
        return f"no stop, n = {len(turns)}"
    if len(taken) == 1:
        return f"{taken[0]:.2f}, n = 1"
    return f"{statistics.median(taken):.2f} ({min(taken):.2f} to {max(taken):.2f}), n = {len(taken)}"


def row(fault: Fault, turns: list[Measured]) -> str:
    cells = (fault.what, turns[-1].seen, turns[-1].verdict, who(fault), timeout(fault), seconds_of(turns))
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def written_rows() -> list[list[str]]:
    """The cells of the table as the page has it."""
    found = _BLOCK.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None, "docs/faults.md has lost its marks"
    lines = [line for line in found[2].splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("| ---")]


def write(turns: dict[str, list[Measured]]) -> None:
    """Write the table into the page; what was not measured this time keeps its row."""
    before = {cells[0]: f"| {' | '.join(cells)} |" for cells in written_rows()}
    rows = [HEAD, "| --- | --- | --- | --- | --- | --- |"]
    now = {fault.what: row(fault, turns[fault.what]) for fault in EVERY if fault.what in turns}
    rows += [(before | now)[fault.what] for fault in EVERY if fault.what in before | now]
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BLOCK.sub(lambda found: found[1] + "\n".join(rows) + "\n" + found[3], page), encoding="utf-8")
