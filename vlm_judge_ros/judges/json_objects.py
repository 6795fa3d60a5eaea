"""JSON objects in a text that holds other things too."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

# A brace begins an object only where a key or the end of the object follows; other braces are those of prose and code.
_BEGIN = re.compile(r'\{\s*(?=["}]|\Z)')

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """What a text holds.

    Attributes:
        objects: its outermost objects in their order; in the place of one that is no JSON stands why.
        ends_well: False where the text ends inside an object, or cannot be followed to its end.
    """

    objects: tuple[dict[str, Any] | str, ...]
    ends_well: bool


def find_objects(text: str) -> Found:
    """Find all outermost JSON objects of a text, at most about a thousand that are broken."""
    objects: list[dict[str, Any] | str] = []
    last_end = text.rfind("}")
    position = 0
    while begin := _BEGIN.search(text, position):
        refused: list[str] = []
        try:
            found, position = _decoder(refused).raw_decode(text, begin.start())
        except json.JSONDecodeError as error:
            # Nothing can be known of an object whose end is missing, nor of what stands in it.
            if "Unterminated" in error.msg or error.pos > last_end or len(objects) == _MOST:
                return Found(tuple(objects), ends_well=False)
            objects.append(f"{error.msg} at character {error.pos + 1}")
            position = max(error.pos, begin.end())
        except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of objects in each other
            return Found(tuple(objects), ends_well=False)
        else:
            objects.append(refused[0] if refused else found)
    return Found(tuple(objects), ends_well=True)


def _decoder(refused: list[str]) -> json.JSONDecoder:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        known = dict(pairs)
        if len(known) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            refused.append(f'"{counts.most_common(1)[0][0]}" is there twice')
        return known

    def constant(name: str) -> None:
        # NaN and Infinity are no JSON, and no number that a judge could mean.
        refused.append(f"{name} is no number")

    # Not strict: models write line breaks inside texts, and those do no harm.
    return json.JSONDecoder(object_pairs_hook=once, parse_constant=constant, strict=False)
