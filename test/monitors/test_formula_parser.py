from __future__ import annotations

import pytest
from formula_reference import formulas
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.formula_parser import LONGEST_TEXT, parse
from vlm_judge_ros.monitors.formula_syntax import (
    Absolute,
    Arithmetic,
    Comparison,
    Formula,
    Negative,
    Number,
    SignalName,
    signals_of,
)

numbers = st.floats(0, 1e12, allow_nan=False).map(Number)
terms = st.recursive(
    st.one_of(st.sampled_from(("force", "cup_z", "Always")).map(SignalName), numbers),
    lambda part: st.one_of(
        st.builds(Negative, part),
        st.builds(Absolute, part),
        st.builds(Arithmetic, st.sampled_from("+-*/"), part, part),
    ),
    max_leaves=6,
)
comparisons = st.builds(Comparison, st.sampled_from(("<", "<=", ">", ">=")), terms, terms).filter(signals_of)


@given(formulas())
def test_what_is_printed_reads_as_the_same_formula(formula: Formula) -> None:
    assert parse(str(formula)) == formula


@given(comparisons)
def test_what_is_printed_reads_as_the_same_comparison(comparison: Formula) -> None:
    assert parse(str(comparison)) == comparison


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        parse(text)
    except JudgeError as error:
        assert str(error).startswith("The formula") and str(error).endswith(".")


WORDS = """
always eventually not and or implies until since once [ 0 , 3 inf ] ( ) a b < > <= + - * / abs 2.5 == $
"""
words = st.sampled_from(WORDS.split())


@given(st.lists(words, max_size=14).map(" ".join))
def test_any_words_of_the_language_are_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        read = parse(text)
    except JudgeError as error:
        assert "expected" in str(error)
    else:
        assert parse(str(read)) == read


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("always force < 40", "always (force < 40)"),
        ("always force < 40 and x > 1", "(always (force < 40) and (x > 1))"),
        ("a > 1 implies b > 1 implies c > 1", "((a > 1) implies ((b > 1) implies (c > 1)))"),
        ("a > 1 or b > 1 and c > 1", "((a > 1) or ((b > 1) and (c > 1)))"),
        ("not a > 1 until [0, 2] b > 1", "(not (a > 1) until[0, 2] (b > 1))"),
        ("x + 2 * y < -3", "(x + (2 * y) < -3)"),
        ("(x - y) / 2 >= abs(z)", "((x - y) / 2 >= abs(z))"),
        ("eventually[5, inf] ((x)) > 1e-3", "eventually[5, inf] (x > 0.001)"),
        ("historically[0,2](once[1,3] x>0)", "historically[0, 2] once[1, 3] (x > 0)"),
    ],
)
def test_operators_bind_as_documented(text: str, printed: str) -> None:
    assert str(parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at its end: expected a signal, a number"),
        ("force", "at character 1, 'force': expected a comparison such as force < 40"),
        ("always (force < 40", "at its end: expected ), or an operator"),
        ("force == 40", "at character 7, '==': expected <, <=, > or >=; write abs(a - b) < tolerance"),
        ("1 < a < 3", "at character 7, '<': expected and between two comparisons"),
        ("1 < 2", "at character 1, '1': expected a signal on one side"),
        ("always[3, 1] a > 0", "at character 11, '1': expected a time that is not before 3 s"),
        ("always[0 3] a > 0", "at character 10, '3': expected a comma"),
        ("always[0, 99999] a > 0", "expected a time of at most 86400 s"),
        ("always[-1, 3] a > 0", "at character 8, '-': expected a time in seconds, 0 or more"),
        ("a > 0 until b > 0 until c > 0", "expected parentheses"),
        ("(a > 1) + 2 > 1", "expected a number or a signal, not something that holds or does not"),
        ("always a > 1e999", "expected a number that is finite"),
        ("(" * 50 + "a > 0" + ")" * 50, "expected at most 40 levels of nesting"),
        ("not " * 50 + "a > 0", "expected at most 40 levels of nesting"),
        ("a > 0 and " * LONGEST_TEXT, f"at most {LONGEST_TEXT} are read"),
    ],
)
def test_an_error_gives_the_position_and_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(JudgeError) as caught:
        parse(text)
    assert said in str(caught.value)
