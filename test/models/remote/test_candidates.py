"""What becomes of a list of candidates for the next token."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.candidates import Candidate, Wanted, candidate_of, score_of
from vlm_judge_ros.models.remote.errors import BadAnswer
from vlm_judge_ros.models.scorer import first_word

TRUE = Wanted("True")
SHARES = st.lists(st.floats(1e-9, 1.0), min_size=2, max_size=30)


def candidate(text: str, value: float, token_id: int | None = None) -> Candidate:
    return Candidate(value, text.encode(), token_id)


@given(shares=SHARES, listed=st.integers(1, 29))
def test_a_bound_is_never_below_what_it_bounds(shares: list[float], listed: int) -> None:
    """The answer has any place in a whole distribution of which the most probable tokens are listed."""
    total = math.fsum(shares)
    logs = sorted((math.log(share / total) for share in shares), reverse=True)
    shown = [candidate(f"word{number}", value) for number, value in enumerate(logs[:listed])]
    score = score_of(shown, TRUE)
    assert score.is_bound and score.log_probability <= 0.0
    for value in logs[listed:]:
        assert value <= score.log_probability + 1e-9


@given(shares=SHARES, place=st.integers(0, 29), space=st.sampled_from(["", " "]))
def test_a_listed_answer_has_its_own_value(shares: list[float], place: int, space: str) -> None:
    total = math.fsum(shares)
    logs = [math.log(share / total) for share in shares]
    place %= len(logs)
    shown = [candidate(f"{space}True" if number == place else f"w{number}", log) for number, log in enumerate(logs)]
    score = score_of(shown, TRUE)
    assert not score.is_bound
    assert score.log_probability == logs[place]


def test_of_two_forms_of_the_word_the_more_probable_one_counts() -> None:
    assert score_of([candidate("True", -3.0), candidate(" True", -0.2)], TRUE).log_probability == -0.2


@pytest.mark.parametrize("text", ["true", "True.", "  True", "\nTrue", "Tru", "TRUE"])
def test_what_only_looks_like_the_word_is_another_token(text: str) -> None:
    assert score_of([candidate(text, -0.2)], TRUE).is_bound


def test_ids_decide_where_both_have_one() -> None:
    wanted = Wanted("True", 7)
    assert score_of([candidate("", -1.0, 7), candidate(" True", -0.5, 8)], wanted).log_probability == -1.0
    assert score_of([candidate(" True", -0.5, 8)], wanted).is_bound


def test_a_token_of_which_the_server_knows_nothing_is_not_listed() -> None:
    score = score_of([candidate("It", -0.1), candidate("True", -9999.0)], TRUE)
    assert score.is_bound
    assert score.log_probability == pytest.approx(math.log(1.0 - math.exp(-0.1)))
    with pytest.raises(BadAnswer, match="listed no log-probabilities"):
        score_of([candidate("True", -9999.0)], TRUE)


def test_what_adds_up_to_more_than_one_is_no_distribution() -> None:
    with pytest.raises(BadAnswer, match=r"add up to 1\.8"):
        score_of([candidate("It", -0.1), candidate("True", -0.1)], TRUE)


def test_a_token_that_is_told_twice_counts_once() -> None:
    assert score_of([candidate("True", -0.1), candidate("True", -0.1)], TRUE).log_probability == -0.1


@pytest.mark.parametrize("value", [math.nan, 0.5, math.inf, None, "-0.5", True, [], {}])
def test_a_value_that_is_no_log_probability_is_refused(value: object) -> None:
    with pytest.raises(BadAnswer, match="it has to be a number of at most 0"):
        candidate_of({"token": "True", "logprob": value})


def test_what_is_rounded_above_zero_is_zero() -> None:
    assert candidate_of({"token": "True", "logprob": 1e-6}).log_probability == 0.0


@pytest.mark.parametrize(
    ("entry", "text", "token_id"),
    [
        ({"token": "\u0120True"}, b" True", None),
        ({"token": "\u2581True"}, b" True", None),
        ({"token": "True", "bytes": None}, b"True", None),
        ({"token": "\ufffd", "bytes": [240, 159]}, b"\xf0\x9f", None),
        ({"token": " True", "id": 17, "bytes": [32, 84, 114, 117, 101]}, b" True", 17),
        ({"token": "token_id:17"}, b"", 17),
    ],
)
def test_tokens_are_read_in_every_spelling(entry: dict[str, object], text: bytes, token_id: int | None) -> None:
    assert candidate_of({"logprob": -1.0, **entry}) == Candidate(-1.0, text, token_id)


@pytest.mark.parametrize("entry", [{}, {"token": 5}, {"token": "x", "bytes": [1000]}, {"token": "x", "bytes": ["a"]}])
def test_a_token_that_cannot_be_read_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(BadAnswer):
        candidate_of({"logprob": -1.0, **entry})


def test_the_first_word_of_an_answer_counts() -> None:
    assert [first_word(answer) for answer in (" True", "True.", " Yes, indeed")] == ["True", "True", "Yes"]
    with pytest.raises(JudgeError, match="The answer is empty"):
        first_word("  ")
