"""Names of models: what was asked for, what a server lists, and which one it says answered."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_judge_ros.errors import JudgeError

# A name may come back with a date, a revision or the usual tag.
_VERSION = re.compile(r"-\d{4}-\d{2}-\d{2}|-\d{8}|-\d{4}|@[\w.-]+|:latest")
_MOST_TOLD = 12


def is_same(asked: str, told: str) -> bool:
    """Whether a server means the model that was asked for: the name itself, or that with a version.

    Where only one of the two names the owner, as in owner/model, that does not count.
    """
    if ("/" in asked) != ("/" in told):
        asked, told = asked.rpartition("/")[2], told.rpartition("/")[2]
    return told == asked or (told.startswith(asked) and _VERSION.fullmatch(told[len(asked) :]) is not None)


def listed_models(answer: Mapping[str, Any]) -> list[str]:
    """The names in a server's list of models; empty where it has none."""
    entries = answer.get("data")
    if not isinstance(entries, Sequence):
        return []
    return [entry["id"] for entry in entries if isinstance(entry, Mapping) and isinstance(entry.get("id"), str)]


def chosen_model(asked: str, listed: Sequence[str], host: str) -> str:
    """The model to ask: the one that was asked for, or without one the only one that there is.

    Args:
        asked: its name; may be empty.
        listed: names that the server lists; empty where it does not.
        host: of the server, for people.

    Raises:
        JudgeError: there is none of that name, or none was named.
    """
    if asked:
        if not listed or any(is_same(asked, name) for name in listed):
            return asked
        raise JudgeError(
            f"The server {host} has no model {asked!r}; set the parameter model to {_told(listed, asked)}."
        )
    if len(listed) == 1:
        return listed[0]
    raise JudgeError(f"No model is named for the server {host}; set the parameter model to {_told(listed, asked)}.")


def check_same(asked: str, told: str, host: str) -> None:
    """Make sure that the model that was asked for has answered.

    Raises:
        JudgeError: the server says that it was another one.
    """
    if not is_same(asked, told):
        raise JudgeError(
            f"The server {host} was asked for the model {asked!r} and says that {told[:80]!r} answered; set the "
            "parameter model to what it serves."
        )


def _told(listed: Sequence[str], asked: str) -> str:
    if not listed:
        return "one that it serves"
    near = difflib.get_close_matches(asked, listed, n=_MOST_TOLD, cutoff=0.5) if asked else []
    told = [*near, *(name for name in listed if name not in near)][:_MOST_TOLD]
    more = f" (of {len(listed)})" if len(listed) > len(told) else ""
    return f"one of {', '.join(told)}{more}"
