from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from vlm_judge_ros.replay.number_arguments import number, share, whole_number


def test_numbers_within_the_limits_are_read() -> None:
    assert [whole_number(0, 65535)(text) for text in ("0", "80", "65535")] == [0, 80, 65535]
    assert [share(text) for text in ("0", "0.25", "1")] == [0.0, 0.25, 1.0]
    assert number(0.0, 10_000.0)("24") == 24.0


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "", "65536"])
def test_other_texts_are_told_the_limits(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is no whole number from 0 to 65535"):
        whole_number(0, 65535)(text)


@pytest.mark.parametrize("text", ["-0.1", "1.01", "nan", "inf", "most"])
def test_what_is_no_share_is_told_so(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is no number from 0 to 1"):
        share(text)
