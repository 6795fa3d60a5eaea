"""From what a model wrote to checked data: found, checked, and asked for again once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import pydantic

from vlm_judge_ros.judges.json_objects import find_objects
from vlm_judge_ros.judges.named_file import first_fault
from vlm_judge_ros.judges.told import told
from vlm_judge_ros.judges.written_prompt import WrittenPrompt
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.writer import Writer, Writing

Answer = TypeVar("Answer", bound=pydantic.BaseModel)

LONGEST_ANSWER = 200_000
"""Characters of an answer that are looked at; what a model writes beyond that is no answer."""
_QUOTED = 500
_MOST_OBJECTS = 50


@dataclass(frozen=True, slots=True)
class Unparsable:
    """An answer that cannot be read, also not the second one.

    Attributes:
        reason: what is wrong with it, a sentence.
        text: the beginning of what the model wrote last, on one line.
    """

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Read(Generic[Answer]):
    """An answer that could be read, and whether the model had to be asked twice for it."""

    answer: Answer
    repaired: bool


def ask_for(
    kind: type[Answer], writer: Writer, writing: Writing, prompt: WrittenPrompt, context: Any = None
) -> Read[Answer] | Unparsable:
    """Ask a model, check what it writes, and tell it once what is wrong.

    Args:
        kind: what the answer has to be.
        writer: the model.
        writing: the question; its schema is set to that of `kind` where it has none, and told in words to a model
            that cannot be held to it.
        prompt: has the words for that, and for asking again.
        context: for the validators of `kind`, as pydantic takes it.

    Raises:
        BrokenImage: a frame cannot be decoded.
        Cancelled: the call was cancelled.
        JudgeError: the model failed.
    """
    schema = writing.schema if writing.schema is not None else schema_of(kind)
    content = writing.content
    if Capability.SCHEMA not in writer.capabilities:
        form = prompt.form_of(schema)
        content = (*content, f"\n{form}") if form else content
    writing = replace(writing, content=content, schema=schema)
    written = writer.write(writing)
    read = read_answer(kind, written.text, written.complete, context)
    if not isinstance(read, Unparsable):
        return Read(read, repaired=False)
    again = prompt.repair.format(answer=read.text, error=read.reason)
    written = writer.write(replace(writing, content=(*content, f"\n{again}")))
    read = read_answer(kind, written.text, written.complete, context)
    return read if isinstance(read, Unparsable) else Read(read, repaired=True)


def schema_of(kind: type[pydantic.BaseModel]) -> dict[str, Any]:
    """The JSON schema of an answer. Descriptions are for readers of the code, and a prompt says what it has to say."""
    bare: dict[str, Any] = _without_words(kind.model_json_schema())
    return bare


def _without_words(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_words(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    # A property of that name holds a schema, and no text.
    return {
        name: _without_words(entry)
        for name, entry in schema.items()
        if not (name in ("title", "description") and isinstance(entry, str))
    }


def read_answer(kind: type[Answer], text: str, complete: bool = True, context: Any = None) -> Answer | Unparsable:
    """Find the JSON object in what a model wrote, and check it.

    Models put text and code fences around it; of several objects the last one that fits counts, because models think
    first and answer then. Where the text ends inside an object nothing counts: what came before it was a draft.

    Args:
        kind: what it has to be.
        text: what the model wrote.
        complete: False where the answer was cut off.
        context: for the validators of `kind`.
    """
    begins = told(text, _QUOTED)
    if len(text) > LONGEST_ANSWER:
        return Unparsable(f"The answer has {len(text)} characters, more than {LONGEST_ANSWER}.", begins)
    found = find_objects(text)
    fault = "" if found.ends_well else "The answer ends in the middle of a JSON object."
    for candidate in reversed(found.objects[-_MOST_OBJECTS:] if found.ends_well else ()):
        if isinstance(candidate, str):
            fault = fault or f"The answer is no JSON: {told(candidate)}."
            continue
        try:
            return kind.model_validate(candidate, context=context)
        except pydantic.ValidationError as error:
            fault = fault or f"The answer does not fit: {told(first_fault(error))}."
        except RecursionError:
            fault = fault or "The answer does not fit: it is nested too deeply."
    fault = fault or "The answer holds no JSON object."
    if not complete:
        fault = f"The answer was cut off. {fault}"
    return Unparsable(fault, begins)
