"""Structured output: the fields that hold an answer to a JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlm_judge_ros.models.remote.dialects.dialect import SchemaForm
from vlm_judge_ros.models.remote.strict_schema import strict_schema


def schema_fields(form: SchemaForm, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What goes into a request.

    Args:
        form: how the server is told.
        schema: as pydantic gives it.
    """
    if form is SchemaForm.JSON_OBJECT:
        return {"response_format": {"type": "json_object"}}
    strict = strict_schema(schema)
    if form is SchemaForm.STRUCTURED_OUTPUTS:
        return {"structured_outputs": {"json": strict}}
    if form is SchemaForm.GUIDED_JSON:
        return {"guided_json": strict}
    named = {"name": "answer", "strict": True, "schema": strict}
    return {"response_format": {"type": "json_schema", "json_schema": named}}
