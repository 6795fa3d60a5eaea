"""How a field of a message is written: `wrench.force.z`, `position[elbow]`, `norm(wrench.force)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from vlm_judge_ros.errors import JudgeError

LONGEST = 256
MOST_STEPS = 16
LARGEST_INDEX = 999_999
FUNCTIONS = ("abs", "norm", "pitch", "roll", "tilt", "yaw")
EXAMPLES = "wrench.force.z, position[elbow], data[0] or norm(wrench.force)"

_CALL = re.compile(r"([A-Za-z_]\w*)\s*\((.*)\)", re.ASCII)
_ATTRIBUTE = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*_?", re.ASCII)
_IN_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_ELEMENT_NAME = re.compile(r"\w[\w./:-]*", re.ASCII)


class FieldError(JudgeError):
    """A field that is not written as one, or that messages do not have."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field of a message."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True, slots=True)
class Element:
    """An element of an array, by its index from 0, or by its name in the list of names beside the array."""

    key: int | str

    def __str__(self) -> str:
        return f"[{self.key}]"


Step: TypeAlias = Attribute | Element


@dataclass(frozen=True, slots=True)
class Field:
    """A field as it is written.

    Attributes:
        function: one of FUNCTIONS, or empty.
        steps: how to get from the message to the value; begins with an attribute.
    """

    function: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        path = written(self.steps)
        return f"{self.function}({path})" if self.function else path


def written(steps: tuple[Step, ...]) -> str:
    """Steps as a task file writes them."""
    return "".join(map(str, steps)).removeprefix(".")


def parse(text: str) -> Field:
    """Read a field.

    Raises:
        FieldError: it is not written as one.
    """
    if len(text) > LONGEST:
        raise FieldError(f"The field {text[:40]!r}... has {len(text)} characters; {LONGEST} are the most.")
    inside, function = text.strip(), ""
    called = _CALL.fullmatch(inside)
    if called is not None:
        function, inside = called[1], called[2].strip()
        if function not in FUNCTIONS:
            raise FieldError(
                f"The field {text!r} asks for {function}(), which is not there; use one of "
                f"{', '.join(f'{name}()' for name in FUNCTIONS)}, or none."
            )
    steps: list[Step] = []
    position = 0
    while position < len(inside) or not steps:
        step, position = _step(text, inside, position, first=not steps)
        steps.append(step)
    if len(steps) > MOST_STEPS:
        raise FieldError(f"The field {text!r} goes {len(steps)} steps deep; {MOST_STEPS} are the most.")
    return Field(function, tuple(steps))


def _step(text: str, inside: str, position: int, first: bool) -> tuple[Step, int]:
    """The step that begins at a position, and where the next one begins."""
    if inside[position : position + 1] == "[" and not first:
        element = _IN_BRACKETS.match(inside, position)
        if element is None:
            raise FieldError(f"The field {text!r} has a bracket [ that nothing closes; write it as {EXAMPLES}.")
        return _element(text, element[1].strip()), element.end()
    if not first:
        if inside[position] != ".":
            raise _no_field(text, inside[position:])
        position += 1
    attribute = _ATTRIBUTE.match(inside, position)
    if attribute is None:
        raise _no_field(text, inside[position:])
    return Attribute(attribute[0]), attribute.end()


def _element(text: str, key: str) -> Element:
    if key.isascii() and key.isdigit():
        if len(key) > 9 or int(key) > LARGEST_INDEX:
            raise FieldError(f"The field {text!r} has the index {key[:20]}; {LARGEST_INDEX} is the largest.")
        return Element(int(key))
    if _ELEMENT_NAME.fullmatch(key) is None:
        raise FieldError(
            f"The field {text!r} has {key!r} in brackets; give an index from 0, or a name of "
            "letters, digits and _ . / : -"
        )
    return Element(key)


def _no_field(text: str, rest: str) -> FieldError:
    where = f" at {rest!r}" if rest else ", because a name is missing at its end" if text.strip() else ""
    return FieldError(f"The field {text!r} cannot be read{where}; write it as {EXAMPLES}.")
