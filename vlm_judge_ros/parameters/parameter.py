"""One parameter: its default, its range, and what is wrong with a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str | tuple[str, ...]

CAMERA = "<camera>"
"""Stands for the name of a camera in the name of a parameter that every camera has."""

_TYPES = {
    bool: ("bool", "true or false"),
    int: ("integer", "a whole number"),
    float: ("double", "a decimal number like 1.0"),
    str: ("string", "a text"),
    tuple: ("string array", "a list of texts"),
}


class Change(Enum):
    """When a parameter may be changed."""

    ANYTIME = "any time"
    UNCONFIGURED = "while unconfigured"
    START = "at start only"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: its name, with `CAMERA` in it where every camera has one.
        default: its default; its type is that of the parameter.
        text: what it means, in one or two sentences.
        unit: SI unit; empty where it has none.
        low: smallest value of a number; None where any will do.
        high: largest value of a number; None where any will do.
        choices: the values that a text, or each text of a list, may have; empty where any will do.
        change: when it may be changed.
        check: a further check: a sentence on what is wrong with a value; None where nothing is.
    """

    name: str
    default: Value
    text: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    change: Change = Change.UNCONFIGURED
    check: Callable[[Value], str | None] | None = None

    @property
    def per_camera(self) -> bool:
        """True where every camera has one."""
        return CAMERA in self.name

    def for_camera(self, camera: str) -> Parameter:
        """The parameter that this camera has."""
        return replace(self, name=self.name.replace(CAMERA, camera), text=self.text.replace(CAMERA, camera))

    @property
    def type_name(self) -> str:
        """Name of its type in ROS 2."""
        return _TYPES[type(self.default)][0]

    @property
    def remedy(self) -> str:
        """What to set it to, as the end of a sentence."""
        kind = _TYPES[type(self.default)][1]
        if self.choices:
            return f"{'any of' if isinstance(self.default, tuple) else 'one of'} {', '.join(self.choices)}"
        if self.low is None or self.high is None:
            return kind
        kind = "a decimal number" if isinstance(self.default, float) else kind
        return f"{kind} from {self.low:g} to {self.high:g}{' ' if self.unit else ''}{self.unit}"

    def refuse(self, value: object) -> str | None:
        """Say in one sentence why a value cannot be used: name, value and remedy. None where it can."""
        typed = self._typed(value)
        if typed is None:
            return f"Parameter {self.name} is {show(value)}; set it to {_TYPES[type(self.default)][1]}."
        if not self._in_range(typed):
            return f"Parameter {self.name} is {show(value)}; set it to {self.remedy}."
        return self.check(typed) if self.check is not None else None

    def _typed(self, value: object) -> Value | None:
        if isinstance(self.default, tuple):
            if isinstance(value, (list, tuple)) and all(isinstance(entry, str) for entry in value):
                return tuple(value)
            return None
        # `is`, because a bool is an int in Python and not in ROS 2.
        return value if type(value) is type(self.default) else None

    def _in_range(self, value: Value) -> bool:
        if isinstance(value, (str, tuple)):
            entries = (value,) if isinstance(value, str) else value
            return not self.choices or all(entry in self.choices for entry in entries)
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def show(value: object) -> str:
    """A value as one writes it in a parameter file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)
