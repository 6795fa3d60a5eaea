"""Schemas of pydantic in the form in which servers hold a model to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pydantic
import pytest

from vlm_judge_ros.judges.checklist_answers import ChecklistAnswer
from vlm_judge_ros.judges.checklist_file import Plan
from vlm_judge_ros.judges.critique_answer import CritiqueAnswer
from vlm_judge_ros.judges.ordering_answer import OrderingAnswer
from vlm_judge_ros.models.remote.strict_schema import strict_schema


class Step(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=1, max_length=80)
    progress: Annotated[float, pydantic.Field(ge=0.0, le=1.0)] = 0.0
    inside: list[Step] = []


class Left(pydantic.BaseModel):
    kind: Literal["left"]


class Right(pydantic.BaseModel):
    kind: Literal["right"]
    by: int | None = None


class Answer(pydantic.BaseModel):
    """An answer."""

    steps: list[Step] = pydantic.Field(max_length=9)
    first: Step = pydantic.Field(description="the first one")
    side: Annotated[Left | Right, pydantic.Field(discriminator="kind")]


KINDS = (Answer, Step, Right, CritiqueAnswer, OrderingAnswer, ChecklistAnswer, Plan)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from objects(entry)


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_takes_its_own_properties_and_needs_them_all(kind: type[pydantic.BaseModel]) -> None:
    schema = kind.model_json_schema()
    before = repr(schema)
    strict = strict_schema(schema)
    assert repr(schema) == before
    found = [entry for entry in objects(strict) if isinstance(entry.get("properties"), dict)]
    assert found
    for entry in found:
        assert entry["additionalProperties"] is False
        assert entry["required"] == list(entry["properties"])


@pytest.mark.parametrize("kind", KINDS)
def test_references_stand_alone_and_lead_somewhere(kind: type[pydantic.BaseModel]) -> None:
    strict = strict_schema(kind.model_json_schema())
    for entry in objects(strict):
        if "$ref" in entry:
            assert entry.keys() == {"$ref"}
            assert entry["$ref"].removeprefix("#/$defs/") in strict["$defs"]


def test_words_that_servers_refuse_are_gone_and_limits_of_numbers_stay() -> None:
    strict = strict_schema(Answer.model_json_schema())
    words = {word for entry in objects(strict) for word in entry}
    assert not words & {"oneOf", "discriminator", "default", "minLength", "maxLength", "title"}
    assert strict["$defs"]["Step"]["properties"]["progress"]["maximum"] == 1.0
    assert strict["properties"]["steps"]["maxItems"] == 9
    assert strict["properties"]["side"]["anyOf"]


def test_a_property_may_be_called_like_a_word_of_the_language() -> None:
    class Named(pydantic.BaseModel):
        title: str
        default: int

    strict = strict_schema(Named.model_json_schema())
    assert strict["required"] == ["title", "default"]
    assert strict["properties"]["title"] == {"type": "string"}
