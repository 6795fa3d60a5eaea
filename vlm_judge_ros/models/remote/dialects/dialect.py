"""What tells one kind of server from another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Way(Enum):
    """A way of asking for the log-probability of the next token."""

    COMPLETION = "raw prompt, token by id"
    CONTINUED_ID = "the user's turn continued, token by id"
    CONTINUED = "the user's turn continued, token by its text"
    CHAT = "first token of the assistant's turn, by its text"


class SchemaForm(Enum):
    """A way of telling a server which JSON an answer has to be."""

    JSON_SCHEMA = "response_format json_schema"
    STRUCTURED_OUTPUTS = "structured_outputs"
    GUIDED_JSON = "guided_json"
    JSON_OBJECT = "response_format json_object"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a kind of server is asked.

    Attributes:
        ways: of asking for log-probabilities, the best first; empty where the server has none.
        most_listed: how many candidates are asked for, the most first.
        first_limits: how many tokens may be written where the first one alone is read, the fewest first.
        schema_forms: of structured output, the best first; empty where the server has none.
        limit_field: what the longest answer in tokens is called.
        keeps_what_it_read: the beginning that questions have in common is read once, if it has been read when the
            others come.
        lists_models: its list of models says which names it takes.
        names_model: what it says which model answered can be compared with what was asked for.
    """

    ways: tuple[Way, ...]
    most_listed: tuple[int, ...] = (20, 5)
    first_limits: tuple[int, ...] = (1,)
    schema_forms: tuple[SchemaForm, ...] = (SchemaForm.JSON_SCHEMA, SchemaForm.JSON_OBJECT)
    limit_field: str = "max_tokens"
    keeps_what_it_read: bool = True
    lists_models: bool = True
    names_model: bool = True
