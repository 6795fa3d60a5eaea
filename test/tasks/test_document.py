from __future__ import annotations

import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.tasks.document import LARGEST_BYTES, NotADocument, read_document

# JSON writes what lies beyond as two escapes, which YAML reads as two characters.
TEXTS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
LEAVES = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats() | TEXTS
DATA = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))


def test_everything_has_its_line() -> None:
    document = read_document(b"name: push\n\nsignals:\n  force:\n    topic: wrench\nwordings:\n  - one\n  - two\n")
    assert document.line_of(()) == 1
    assert document.line_of(("signals",)) == 3
    assert document.line_of(("signals", "force", "topic")) == 5
    assert document.line_of(("wordings", 1)) == 8
    assert document.line_of(("signals", "force", "absent", "deeper")) == 4


def test_plain_words_are_read_as_in_yaml_1_2() -> None:
    document = read_document(
        b"a: no\nb: 12:30\nc: 1e3\nd: 2026-01-01\ne: 017\nf: ~\ng: true\nh: .inf\ni: '3'\nj: -.5\n"
    )
    words = {"a": "no", "b": "12:30", "c": 1000.0, "d": "2026-01-01", "e": 17, "f": None, "g": True, "h": math.inf}
    assert document.data == {**words, "i": "3", "j": -0.5}


def test_an_alias_is_what_it_stands_for() -> None:
    assert read_document(b"a: &limit 3\nb: [*limit, *limit]").data == {"a": 3, "b": [3, 3]}


BOMB = b"a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 10)) for level in range(1, 12)
)


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b"", 1, "the file is empty"),
        (b"# only a comment\n", 1, "the file is empty"),
        (b"a: 1\nb: 2\na: 3", 3, "the key 'a' stands here and in line 1"),
        (b"a: 1\nb: [1, 2", 2, "this is no YAML"),
        (b"a: 1\nb: \xff", 2, "byte 0xff is not UTF-8"),
        (b"a: 1\nb: \x01", 2, "the character U\\+0001 is not allowed"),
        (b"a: &x [*x]", 1, "nested more than 32 levels deep"),
        (b"[" * 5000, 1, "nest at most 32 levels deep"),
        (b"[" * 40 + b"]" * 40, 1, "nested more than 32 levels deep"),
        (BOMB, 1, "more than 20000 values"),
        (b"a: 1\n? [1]\n: 2", 2, "in the place of a key"),
        (b"a: !!python/object:os.system 1", 1, "tag .* is not allowed"),
        (b"a: !mine 1", 1, "tag '!mine' is not allowed"),
        (b"a: &a {b: 1}\n<<: *a", 2, "merge key << is not understood"),
        (b"1: 2", 1, "the key '1' is no text"),
        (b'a: 1\nb: "\\ud83d"', 2, "half a character"),
        (b"a: 1\n---\nb: 1", 2, "another document"),
        (b"a: *b", 1, "undefined alias"),
        (b"\ta: 1", 1, "this is no YAML"),
        (b"a: 1\n" * (LARGEST_BYTES // 5 + 1), 1, "262144 are the most"),
    ],
)
def test_what_is_no_such_document_is_refused_with_its_line(content: bytes, line: int, why: str) -> None:
    with pytest.raises(NotADocument, match=why) as caught:
        read_document(content)
    assert caught.value.line == line


def test_a_mark_at_the_beginning_of_the_file_is_passed_over() -> None:
    assert read_document("\N{ZERO WIDTH NO-BREAK SPACE}a: 1".encode()).data == {"a": 1}


@given(DATA)
def test_what_is_written_as_yaml_is_read_back(data: object) -> None:
    content = json.dumps(data).replace("Infinity", ".inf").replace("NaN", ".nan")
    if json.dumps(data) == content:  # JSON is YAML, unless a text holds these words
        assert read_document(content.encode()).data == data


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | DATA.map(yaml.safe_dump).map(str.encode))
def test_any_bytes_are_a_document_or_are_refused_in_one_sentence(content: bytes) -> None:
    try:
        document = read_document(content)
    except NotADocument as error:
        assert error.line >= 1 and "\n" not in str(error)
    else:
        assert document.line_of(("a", 0)) >= 1


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%?,\n 01~", max_size=60))
def test_any_signs_of_yaml_are_a_document_or_are_refused(text: str) -> None:
    try:
        read_document(text.encode())
    except NotADocument as error:
        assert error.line <= text.count("\n") + 1
