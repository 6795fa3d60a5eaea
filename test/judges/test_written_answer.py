"""Whatever a model writes, it is read as data or is unparsable; nothing in between."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.known_writers import KnownWriter, texts

from vlm_judge_ros.judges.json_objects import find_objects
from vlm_judge_ros.judges.written_answer import LONGEST_ANSWER, Read, Unparsable, ask_for, read_answer, schema_of
from vlm_judge_ros.judges.written_prompt import WrittenPrompt
from vlm_judge_ros.models.writer import Writing, Written

_STRICT = pydantic.ConfigDict(extra="forbid", strict=True)


class Place(pydantic.BaseModel):
    model_config = _STRICT

    camera: str


class Share(pydantic.BaseModel):
    model_config = _STRICT

    share: Annotated[float, pydantic.Field(ge=0.0, le=1.0)]
    place: Place | None = None


PROMPT = WrittenPrompt(
    name="test",
    instruction="Judge.",
    question="How far is {task}?",
    form="Schema: {schema}",
    repair="You wrote {answer}. {error} Once more.",
)
WRITING = Writing(content=("How far?",))


def reason(text: str, complete: bool = True) -> str:
    read = read_answer(Share, text, complete)
    assert isinstance(read, Unparsable), read
    return read.reason


# What can be read


@pytest.mark.parametrize(
    "text",
    [
        '{"share": 0.5}',
        '```json\n{"share": 0.5}\n```',
        'I see {a gripper} and \\frac{1}{2} of a cube.\n{ "share" : 0.5 } That is all {really}.',
        '{"share": 0.1} No, on second thoughts: {"share": 0.5}',
        '{"draft": 1} {"share": 0.5}',
        '{"share": 0.5} {"draft": 1}',
        "{share: 0.7}\n" + '{"share": 0.5}',
        '{"share": 0.7,}\n{"share": 0.5}',
        '{"share": 0.5, "place": {"camera": "left }{ \\" \\n wrist"}}',
        '{"share": 0.5, "place": {"camera": "a line\nbreak"}}',
        '<think>{"share": 2}</think>{"share": 0.5}',
        '{}{"share": 0.5}{}',
        "[" * 5000 + '{"share": 0.5}',
    ],
)
def test_the_last_object_that_fits_is_read_whatever_stands_around_it(text: str) -> None:
    read = read_answer(Share, text)
    assert isinstance(read, Share), read
    assert read.share == 0.5


@given(
    st.floats(0.0, 1.0),
    st.text(max_size=40),
    st.text(alphabet=st.characters(exclude_characters="{"), max_size=60),
    st.text(alphabet=st.characters(exclude_characters="{"), max_size=60),
)
def test_an_answer_survives_any_text_around_it(share: float, camera: str, before: str, after: str) -> None:
    answer = json.dumps({"share": share, "place": {"camera": camera}})
    assert read_answer(Share, f"{before}{answer}{after}") == Share(share=share, place=Place(camera=camera))


# What cannot


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no JSON object"),
        ("True", "holds no JSON object"),
        ("[0.5]", "holds no JSON object"),
        ('{"share": NaN}', "NaN is no number"),
        ('{"share": Infinity}', "Infinity is no number"),
        ('{"share": 1e999}', "share: "),
        ('{"share": 1.0001}', "share: Input should be less than or equal to 1"),
        ('{"share": -0.1}', "share: Input should be greater than or equal to 0"),
        ('{"share": 50}', "share: "),
        ('{"share": "0.5"}', "share: Input should be a valid number"),
        ('{"share": true}', "share: Input should be a valid number"),
        ('{"share": null}', "share: Input should be a valid number"),
        ('{"share": [0.5]}', "share: "),
        ("{}", "share: Field required"),
        ('{"share": 0.5, "threshold": 0}', "threshold: Extra inputs are not permitted"),
        ('{"share": 0.1, "share": 0.9}', '"share" is there twice'),
        ('{"place": {"camera": "a", "camera": "b"}, "share": 0.9}', '"camera" is there twice'),
        ('{"answer": {"share": 0.5}}', "share: Field required"),
        ("{'share': 0.5}", "holds no JSON object"),
        ('{"share": 0.5,}', "no JSON"),
        ('{"share" = 0.5}', "no JSON"),
    ],
)
def test_what_does_not_fit_is_unparsable_and_says_why(text: str, why: str) -> None:
    assert why in reason(text)


@given(st.data())
def test_an_answer_that_was_cut_off_anywhere_is_never_read(data: st.DataObject) -> None:
    text = json.dumps({"first": {"share": 0.9}, "share": 0.5, "place": {"camera": 'le"ft'}})
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    # Also not by what stands inside or before the part that is missing.
    assert isinstance(read_answer(Share, cut, complete=False), Unparsable)
    assert isinstance(read_answer(Share, '{"share": 0.9} No: ' + (cut or "{")), Unparsable)


def test_an_answer_that_was_cut_off_says_so() -> None:
    assert reason('{"sha', complete=False) == (
        "The answer was cut off. The answer ends in the middle of a JSON object."
    )


def test_an_object_inside_another_one_is_not_the_answer() -> None:
    assert "in the middle" in reason('{"inner": {"share": 0.9}, oops')


@given(st.text(max_size=400))
def test_no_text_is_anything_but_read_or_unparsable(text: str) -> None:
    assert isinstance(read_answer(Share, text), Share | Unparsable)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["share", "place", "x"]), inner),
    max_leaves=12,
)


@given(JSON)
def test_no_json_is_anything_but_read_or_unparsable(value: Any) -> None:
    read = read_answer(Share, json.dumps(value))
    if isinstance(read, Share):
        assert 0.0 <= read.share <= 1.0


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 30_000,
        '{"a":' * 30_000 + "1" + "}" * 30_000,
        '{"a":[' * 30_000 + "]}" * 10_000,
        "{" * 199_000,
        '{"' * 99_000,
        '{"":1}' * 30_000,
        '{"a" ' * 39_000 + "}",
        '{"share": ' + "1" * 10_000 + "}",
        '{"share": ' + "[" * 100_000 + "]" * 99_000 + "}",
        "{" + '"a":1,' * 33_000 + '"a":2}',
        "{" + ",".join(f'"{number}":1' for number in range(20_000)) + "}",
        '{"x": "' + "}" * 190_000,
    ],
    ids=lambda text: text[:12],
)
def test_deep_long_and_broken_answers_end_as_unparsable(text: str) -> None:
    assert len(text) <= LONGEST_ANSWER
    assert reason(text)


def test_a_huge_answer_is_not_looked_at() -> None:
    text = '{"share": 0.5}' + " " * LONGEST_ANSWER
    assert reason(text) == f"The answer has {len(text)} characters, more than {LONGEST_ANSWER}."


def test_what_a_model_wrote_reaches_a_reason_only_shortened_and_without_control_characters() -> None:
    key = "\x1b[31m\u202e\ud800\x00" + "k" * 10_000
    unparsable = read_answer(Share, "\x07" + json.dumps({"share": 0.5, key: 1}))
    assert isinstance(unparsable, Unparsable)
    for text in (unparsable.reason, unparsable.text):
        assert len(text) < 600
        assert text.isprintable()
        text.encode()


def test_braces_of_prose_are_no_objects() -> None:
    assert find_objects("a {b} {c: 1} {{d}} } {").objects == ()
    assert find_objects('{"a": {"b": {}}} {"c": 1}').objects == ({"a": {"b": {}}}, {"c": 1})


FLAT = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=10) | st.lists(st.booleans()))
PROSE = st.text(alphabet=st.characters(exclude_characters="{"), max_size=20)


@given(st.lists(st.tuples(PROSE, FLAT), max_size=5), PROSE)
def test_all_objects_are_found_in_their_order(pieces: list[tuple[str, dict[str, Any]]], end: str) -> None:
    text = "".join(f"{prose}{json.dumps(value)}" for prose, value in pieces) + end
    found = find_objects(text)
    assert found.ends_well
    assert found.objects == tuple(value for _, value in pieces)


# Asking again


def test_an_answer_that_can_be_read_is_asked_for_once() -> None:
    writer = KnownWriter([{"share": 0.5}])
    assert ask_for(Share, writer, WRITING, PROMPT) == Read(Share(share=0.5), repaired=False)
    assert len(writer.writings) == 1


def test_a_model_is_told_once_what_is_wrong() -> None:
    writer = KnownWriter([{"share": 7}, {"share": 0.5}])
    assert ask_for(Share, writer, WRITING, PROMPT) == Read(Share(share=0.5), repaired=True)
    first, second = writer.writings
    assert second.content[:-1] == first.content
    assert second.content[-1] == (
        '\nYou wrote {"share": 7}. The answer does not fit: share: Input should be less than or equal to 1. Once more.'
    )


def test_the_second_answer_that_cannot_be_read_is_the_last() -> None:
    writer = KnownWriter(["gibberish", Written('{"share"', complete=False), {"share": 0.5}])
    unparsable = ask_for(Share, writer, WRITING, PROMPT)
    assert isinstance(unparsable, Unparsable)
    assert unparsable.reason.startswith("The answer was cut off.")
    assert unparsable.text == '{"share"'
    assert len(writer.writings) == 2


def test_a_model_is_held_to_the_schema_or_told_of_it() -> None:
    held, told = (KnownWriter([{"share": 0.5}], schema=schema) for schema in (True, False))
    for writer in (held, told):
        ask_for(Share, writer, WRITING, PROMPT)
        assert writer.writings[0].schema == schema_of(Share)
    assert texts(held.writings[0]) == "How far?"
    assert texts(told.writings[0]).startswith('How far?\nSchema: {"$defs":{"Place":')


def test_a_model_that_cannot_be_held_to_the_schema_is_told_of_it_again() -> None:
    writer = KnownWriter(["?", {"share": 0.5}], schema=False)
    ask_for(Share, writer, WRITING, PROMPT)
    assert [texts(writing).count("Schema:") for writing in writer.writings] == [1, 1]


def test_a_schema_has_no_words_of_the_code_and_keeps_properties_of_such_names() -> None:
    class Described(pydantic.BaseModel):
        """For readers of the code."""

        title: str
        description: Place = pydantic.Field(description="A place.")

    schema = schema_of(Described)
    assert set(schema["properties"]) == {"title", "description"}
    assert "reader" not in json.dumps(schema)
    assert "A place" not in json.dumps(schema)
