"""What is wrong with a task file, in sentences for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pydantic
from pydantic_core import ErrorDetails

from vlm_judge_ros.tasks.document import Data, Document, value_in
from vlm_judge_ros.tasks.schema import Schema, schema_at
from vlm_judge_ros.tasks.wording import CROSS_CHECK, MOST_SHOWN, shortened, shown, unknown

_BELONGS: Mapping[str, str] = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a mapping",
    "string": "a text",
}


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        line: of the key, from 1.
        text: what is wrong, which value, what to do; a clause without a full stop.
    """

    line: int
    text: str


def faults_of(error: pydantic.ValidationError, document: Document) -> tuple[Fault, ...]:
    """All that is wrong, by line."""
    found = [_fault(details, document) for details in error.errors(include_url=False)]
    return tuple(sorted(dict.fromkeys(found)))


def _fault(details: ErrorDetails, document: Document) -> Fault:
    path = _path(details, document.data)
    if details["type"] == CROSS_CHECK:
        path = (*path, *details["ctx"]["at"])
        return Fault(document.line_of(path), details["ctx"]["text"])
    line, name = document.line_of(path), _written(path)
    schema = schema_at(path, document.data) or {}
    kind = details["type"]
    if kind == "missing":
        return Fault(line, f"{_owner(path)} has no {path[-1]}; add it{_meaning(schema)}")
    if kind == "extra_forbidden":
        around = schema_at(path[:-1], document.data) or {}
        return Fault(line, unknown(f"in {_owner(path)} the key", str(path[-1]), around.get("properties", ())))
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _kind_fault(path, document, schema)
    if kind == "value_error":
        why = shortened(str(details["ctx"]["error"]).rstrip("."))
        return Fault(line, f"{name}: {why}" if name else why)
    return Fault(line, f"{name or 'the file'} {_wrong(details, schema)}{_meaning(schema)}")


def _kind_fault(path: tuple[str | int, ...], document: Document, schema: Schema) -> Fault:
    monitor = _at(path, document.data)
    kinds = schema.get("discriminator", {}).get("mapping", {})
    if not isinstance(monitor, dict) or "kind" not in monitor:
        return Fault(document.line_of(path), f"{_written(path)} has no kind; it is one of {', '.join(sorted(kinds))}")
    kind = monitor["kind"]
    if isinstance(kind, str):
        text = unknown(f"in {_written(path)} the kind", kind, kinds)
    else:
        text = f"in {_written(path)} the kind is {shown(kind)}; it is one of {', '.join(sorted(kinds))}"
    return Fault(document.line_of((*path, "kind")), text)


def _wrong(details: ErrorDetails, schema: Schema) -> str:
    value, context, kind = details["input"], details.get("ctx", {}), details["type"]
    is_value = f"is {shown(value)}"
    limits = {
        "greater_than": ("give more than", "gt"),
        "greater_than_equal": ("give at least", "ge"),
        "less_than": ("give less than", "lt"),
        "less_than_equal": ("give at most", "le"),
    }
    if kind in limits:
        remedy, limit = limits[kind]
        return f"{is_value}; {remedy} {context[limit]:g}"
    if kind == "finite_number":
        return f"{is_value}; give a finite number"
    if kind == "string_too_short":
        return f"{is_value}; give at least {context['min_length']} character(s)"
    if kind == "string_too_long":
        return f"has {len(str(value))} characters; give at most {context['max_length']}"
    if kind in ("too_short", "too_long"):
        limit = context["min_length" if kind == "too_short" else "max_length"]
        return f"has {context['actual_length']} entries; give at {'least' if kind == 'too_short' else 'most'} {limit}"
    if kind == "string_pattern_mismatch":
        return f"{is_value}; {_form(context['pattern'])}"
    if kind in ("literal_error", "enum"):
        return f"{is_value}; it is one of {context['expected']}"
    belongs = schema.get("type")
    return f"{is_value}; {_BELONGS.get(str(belongs), 'something else')} belongs here"


def _form(pattern: str) -> str:
    forms = {
        "^[a-z]": "write small letters, digits and _, beginning with a letter",
        "^/?": "write a topic such as joint_states or /left_arm/wrench",
        r"^[a-z]\w*/msg": "write a type such as geometry_msgs/msg/WrenchStamped",
    }
    fitting = [form for begin, form in forms.items() if pattern.startswith(begin)]
    return fitting[-1] if fitting else f"it has to match {pattern}"


def _meaning(schema: Schema) -> str:
    description = str(schema.get("description", "")).rstrip(".")
    # Those of whole parts are about the class, not about what to write.
    return f" ({description})" if description and "properties" not in schema else ""


def _path(details: ErrorDetails, data: Data) -> tuple[str | int, ...]:
    """The location of an error without what is pydantic's own, such as the kind of a monitor after its index."""
    path: tuple[str | int, ...] = ()
    location = details["loc"]
    absent = details["type"] in ("missing", "extra_forbidden")
    kind_passed = False
    for number, part in enumerate(location):
        inside = _at(path, data)
        if isinstance(inside, list) and isinstance(part, int):
            path, kind_passed = (*path, part), False
        elif isinstance(inside, dict) and isinstance(part, str):
            if not kind_passed and path and isinstance(path[-1], int) and inside.get("kind") == part:
                kind_passed = True
            elif part in inside or (absent and number == len(location) - 1):
                path = (*path, part)
    return path


def _at(path: tuple[str | int, ...], data: Data) -> Data:
    for part in path:
        data = value_in(data, part)
    return data


def _written(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path).removeprefix(".")


def _key(key: str) -> str:
    return key if key.isidentifier() and len(key) <= MOST_SHOWN else shown(key)


def _owner(path: tuple[str | int, ...]) -> str:
    return _written(path[:-1]) or "the task"
