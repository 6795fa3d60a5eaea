"""JSON schemas as servers take them that hold a model to one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

# Words that some servers refuse and that change nothing: what a model wrote is checked here all the same.
_LEFT_OUT = frozenset({"default", "discriminator", "examples", "maxLength", "minLength", "title", "uniqueItems"})
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_LISTED = ("anyOf", "allOf", "prefixItems")


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema in the form that strict structured output asks for.

    Objects take no further properties and need all of theirs, so that what may be left out elsewhere has to be written
    here. `oneOf` becomes `anyOf`, and a reference with words beside it is put in the place of the reference.

    Args:
        schema: as pydantic gives it. Not changed.
    """
    return _strict(schema, schema, ())


def _strict(schema: Mapping[str, Any], root: Mapping[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is not None and len(schema.keys() - _LEFT_OUT) > 1 and reference not in inside:
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        return _strict({**_target(root, reference), **beside}, root, (*inside, reference))
    strict: dict[str, Any] = {}
    for word, value in schema.items():
        if word in _NAMED:
            strict[word] = {name: _strict(entry, root, inside) for name, entry in value.items()}
        elif word in _LEFT_OUT:
            continue
        elif word in _LISTED or word == "oneOf":
            entries = [_strict(entry, root, inside) for entry in value]
            strict["anyOf" if word == "oneOf" else word] = entries
        elif isinstance(value, Mapping):
            strict[word] = _strict(value, root, inside)
        else:
            strict[word] = copy.deepcopy(value)
    if "properties" in strict:
        strict["additionalProperties"] = False
        strict["required"] = list(strict["properties"])
    if reference is not None and reference in inside:
        # Inside itself a reference can only stand alone.
        return {"$ref": reference}
    return strict


def _target(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Any = root
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    assert isinstance(found, Mapping)
    return found
