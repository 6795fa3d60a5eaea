"""The sentences in which checks of tasks say what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_core import PydanticCustomError

CROSS_CHECK = "cross_check"
MOST_SHOWN = 60
LONGEST_SENTENCE = 500


def cross_fault(text: str, *at: str | int) -> PydanticCustomError:
    """What validators raise that look at several parts of a task at once.

    Args:
        text: a sentence, without full stop.
        at: the keys and indices that lead to the part that is wrong.
    """
    return PydanticCustomError(CROSS_CHECK, "{text}", {"text": text, "at": at})


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, with the one that was probably meant, or all there are."""
    names = sorted(known)
    said = f"{what} {shown(name)} is not known"
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"{said}; did you mean {close[0]}?"
    return f"{said}; use {either(names)}" if names else said


def either(names: list[str]) -> str:
    """Names, with "or" before the last."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def shown(value: object) -> str:
    """A value of a file on one line, shortened, without control characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]}...")
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def shortened(sentence: str) -> str:
    """A sentence on one line, of a length that people read."""
    line = " ".join(sentence.split())
    return line if len(line) <= LONGEST_SENTENCE else f"{line[:LONGEST_SENTENCE]}..."
