from __future__ import annotations

from pathlib import Path

import pytest
from qualify.made_qualified import episode

from vlm_judge_ros.qualify.figures import figures
from vlm_judge_ros.qualify.meaning import MEANINGS
from vlm_judge_ros.qualify.meaning_table import page_with_table
from vlm_judge_ros.qualify.qualified_episode import Control, QualifiedEpisode
from vlm_judge_ros.replay.trace import Curve
from vlm_judge_ros.verdict.verdict import State

PAGE = Path(__file__).resolve().parents[2] / "docs" / "qualification.md"
SECONDS = range(1, 13)


def test_the_table_of_figures_is_that_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = "python -m vlm_judge_ros.qualify.meaning_table docs/qualification.md"
    assert page == page_with_table(page), told


def _judged_blindly(progress: list[float]) -> list[QualifiedEpisode]:
    """Successes of 8, 10 and 12 s, and failures, by a judge that says the same whatever it is shown."""
    true = Curve(tuple(map(float, SECONDS)), tuple(second / 12 for second in SECONDS))
    return [
        episode(
            f"{length}{good}",
            success=good,
            progress=progress[:length],
            probability=0.5,
            controls=dict.fromkeys(Control, progress[:length]),
            states=((0.0, State.PROGRESSING),),
            duration_s=float(length),
            score=length / 12 * good,
            true_progress=true,
            preferred={f"{length}{not good}": 1.0 if good else -1.0},
        )
        for length in (8, 10, 12)
        for good in (True, False)
    ]


@pytest.mark.parametrize("kind", ["clock", "constant"])
def test_a_judge_that_does_not_look_gets_what_the_table_says(kind: str) -> None:
    progress = [min(1.0, second / 10) if kind == "clock" else 0.5 for second in SECONDS]
    found = figures(_judged_blindly(progress))
    checked = 0
    for name, meaning in MEANINGS.items():
        cell, value = getattr(meaning, kind).partition(" at ")[0], found[name].value
        if cell == "not defined":
            assert value is None, name
        elif cell.startswith("`"):
            assert value == pytest.approx(found[cell.strip("`")].value), name
        elif cell == "near 1":
            assert value == pytest.approx(1.0, abs=0.05), name
        elif cell == "up to 1":
            assert value is not None and 0.5 < value <= 1.0, name
        elif cell.replace(".", "").isdigit():
            assert value == pytest.approx(float(cell)), name
        else:
            continue
        checked += 1
    assert checked >= 9
