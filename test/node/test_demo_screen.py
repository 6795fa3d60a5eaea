from __future__ import annotations

import io
import math

from replay.judged import ruling
from rich.console import Console

from vlm_judge_ros.node.demo_screen import Screen
from vlm_judge_ros.replay.trace import Answer
from vlm_judge_ros.verdict.verdict import State


def screen_on(terminal: bool) -> tuple[Screen, io.StringIO]:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, color_system=None, soft_wrap=True)
    return Screen(console, duration_s=10.0), written


def test_without_a_terminal_there_is_a_line_for_each_thing_that_happens_and_nothing_else() -> None:
    screen, written = screen_on(terminal=False)
    with screen:
        screen.ready(2.5)
        screen.played(1.0)
        screen.show(Answer(1.0, 0.25, success_probability=0.0, failure_probability=1.0))
        screen.show(ruling(1.0, State.PROGRESSING))
    assert written.getvalue().splitlines() == [
        "  judge node ready after 2.5 s; playing",
        "    1.0 s  judge    progress  25 %, success   0 %, failure 100 %",
        "    1.1 s  verdict  PROGRESSING: Made up <PROGRESSING> & nothing more.",
        "           judge: The judge gives 93% for failing.",
    ]


def test_a_verdict_of_the_same_state_is_not_told_again() -> None:
    screen, written = screen_on(terminal=False)
    with screen:
        for time_s in (1.0, 2.0, 3.0):
            screen.show(ruling(time_s, State.PROGRESSING))
        screen.show(ruling(4.0, State.FAILED))
    assert [line.split()[3] for line in written.getvalue().splitlines() if "verdict" in line] == [
        "PROGRESSING:",
        "FAILED:",
    ]


def test_an_answer_that_says_nothing_tells_why() -> None:
    screen, written = screen_on(terminal=False)
    with screen:
        screen.show(Answer(1.0, math.nan, reason="The scene is not known."))
    assert "progress   ? %" in written.getvalue()
    assert "The scene is not known." in written.getvalue()


def test_in_a_terminal_bars_show_what_is_played_and_judged_and_are_gone_at_the_end() -> None:
    screen, written = screen_on(terminal=True)
    with screen:
        screen.played(5.0)
        screen.show(Answer(5.0, 0.5, success_probability=0.1, failure_probability=0.2))
        screen.show(ruling(5.0, State.PROGRESSING))
    text = written.getvalue()
    assert "5.0 of 10.0 s" in text
    assert "━" in text
    assert text.endswith("\x1b[2K"), "the bars are wiped"
