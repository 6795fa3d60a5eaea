"""The JSON schema of task files: editors complete them by it, and errors say by it what belongs where.

`python -m vlm_judge_ros.tasks.schema` prints it; `config/tasks/task.schema.json` is what it printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from vlm_judge_ros.tasks.document import Data, value_in
from vlm_judge_ros.tasks.task import Task

FILE = "task.schema.json"

Schema: TypeAlias = Mapping[str, Any]


@lru_cache(maxsize=1)
def task_schema() -> Schema:
    """The schema of a task file."""
    schema = Task.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Task of vlm_judge_ros"}


def schema_at(path: Sequence[str | int], data: Data) -> Schema | None:
    """What belongs to a place of a task file; None where nothing does.

    Args:
        path: the keys and indices that lead to the place.
        data: what the file holds, which tells of which kind each monitor is.
    """
    schema: Schema | None = _resolved(task_schema(), data)
    for part in path:
        if schema is None:
            return None
        schema = _inside(schema, part)
        data = value_in(data, part)
        schema = None if schema is None else _resolved(schema, data)
    return schema


def schema_text() -> str:
    """The schema as its file holds it."""
    return json.dumps(task_schema(), indent=2, ensure_ascii=False) + "\n"


def _inside(schema: Schema, part: str | int) -> Schema | None:
    if isinstance(part, int):
        items: Schema | None = schema.get("items")
        return items
    named: Schema | None = schema.get("properties", {}).get(part)
    if named is not None:
        return named
    for pattern, found in schema.get("patternProperties", {}).items():
        if re.search(pattern, part):
            return dict(found)
    more = schema.get("additionalProperties")
    return more if isinstance(more, Mapping) else None


def _resolved(schema: Schema, data: Data) -> Schema:
    """Follow a reference; of several kinds take the one that the data name; of a value or null take the value."""
    reference: str | None = schema.get("$ref")
    if reference is not None:
        aside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**task_schema()["$defs"][reference.rpartition("/")[2]], **aside}
    kinds: Mapping[str, str] = schema.get("discriminator", {}).get("mapping", {})
    if kinds:
        kind = value_in(data, "kind")
        known = kinds.get(kind) if isinstance(kind, str) else None
        return schema if known is None else _resolved({"$ref": known}, data)
    # Older versions of pydantic write a reference with a description beside it as an allOf of one.
    for several in ("anyOf", "allOf"):
        choices = [choice for choice in schema.get(several, ()) if choice.get("type") != "null"]
        if len(choices) == 1:
            return _resolved({**schema, **choices[0], several: ()}, data)
    return schema


if __name__ == "__main__":
    print(schema_text(), end="")
