"""From the bytes of an answer to a JSON object, or to a sentence about what is wrong with it."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from vlm_judge_ros.models.remote.errors import BadAnswer

_LONGEST_WORDS = 200
_DEEPEST = 64
_MOST_DIGITS = 40


def read_object(content: bytes, host: str) -> dict[str, Any]:
    """Read an answer. Numbers that JSON does not have (NaN, Infinity) or that no float holds make it none.

    Half characters (lone surrogates), which could be neither sent on nor published, become replacement characters.

    Raises:
        BadAnswer: it is not a JSON object.
    """
    value, fault = None, ""
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        fault = "it is nested too deeply"
    except ValueError as error:
        fault = in_words(str(error))
    if fault:
        # Raised out here because what was caught holds the whole answer, and that may tell the key.
        raise BadAnswer(f"The answer of {host} is not JSON ({fault}); check base_url.")
    if not isinstance(value, dict):
        raise BadAnswer(f"The answer of {host} is JSON, but not an object; check base_url.")
    if _is_deep(value):
        raise BadAnswer(f"The answer of {host} is nested more than {_DEEPEST} levels deep, as no honest one is.")
    return dict(_encodable(value)) if rb"\ud" in content.lower() else value


def in_words(text: str) -> str:
    """A text of a server, shortened to one line without control characters, to be shown to a person."""
    line = re.sub(r"\s+", " ", "".join(character if character.isprintable() else " " for character in text)).strip()
    return line if len(line) <= _LONGEST_WORDS else line[: _LONGEST_WORDS - 1] + "…"


def told_error(answer: dict[str, Any]) -> tuple[str, str] | None:
    """Message and code of an answer that tells of an error, in the forms that servers have; None where it does not."""
    error = answer.get("error", answer if answer.get("object") == "error" else None)
    if isinstance(error, str):
        return error, ""
    if isinstance(error, dict):
        message, code = error.get("message"), error.get("code") or error.get("type")
        return message if isinstance(message, str) else "", str(code) if isinstance(code, (str, int)) else ""
    detail = answer.get("detail")
    return (detail if isinstance(detail, str) else json.dumps(detail), "") if detail is not None else None


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_encodable(name): _encodable(entry) for name, entry in value.items()}
    return [_encodable(entry) for entry in value] if isinstance(value, list) else value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"{text[:_MOST_DIGITS]}… is too large a number")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value
