from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.judges.told import told


@given(st.text(), st.integers(1, 50))
def test_what_a_model_wrote_is_one_short_line_that_can_be_printed(text: str, most: int) -> None:
    line = told(text, most)
    assert len(line) <= most
    assert line.isprintable()
    assert line == " ".join(line.split())
    line.encode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  The cube\n\tslips. ", "The cube slips."),
        ("\x1b[2J\x1b[31mstop", "[2J[31mstop"),
        ("abc\u202edef\u200b\ufeff", "abcdef"),
        ("\ud83d half", "half"),
        ("Der Würfel fällt 🧊", "Der Würfel fällt 🧊"),
        ("", ""),
    ],
)
def test_words_stay_and_what_steers_a_terminal_goes(text: str, line: str) -> None:
    assert told(text) == line


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert told("word " * 100, 12) == "word word w…"
    assert told("\x00" * 10**7 + "end", 12) == "…"
