"""Signal Temporal Logic as a tree; `str` of each part is a text that reads as the same tree."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, 0 or more."""

    value: float

    def __str__(self) -> str:
        return f"{self.value:g}" if float(f"{self.value:g}") == self.value else repr(self.value)


@dataclass(frozen=True, slots=True)
class SignalName:
    """A signal that the task declares."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Negative:
    """A number with its sign turned."""

    part: Term

    def __str__(self) -> str:
        return f"-{self.part}"


@dataclass(frozen=True, slots=True)
class Absolute:
    """The absolute value of a number."""

    part: Term

    def __str__(self) -> str:
        return f"abs({self.part})"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers made one."""

    operator: Literal["+", "-", "*", "/"]
    left: Term
    right: Term

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


Term: TypeAlias = Number | SignalName | Negative | Absolute | Arithmetic
"""A number that may change with time."""


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds from the moment that an operator speaks of, forwards or back; both ends belong to it."""

    begin_s: float = 0.0
    end_s: float = math.inf

    def __str__(self) -> str:
        if self == Window():
            return ""
        return f"[{Number(self.begin_s)}, {'inf' if self.end_s == math.inf else Number(self.end_s)}]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One number held against another."""

    operator: Literal["<", "<=", ">", ">="]
    left: Term
    right: Term

    def __str__(self) -> str:
        return f"({_plain(self.left)} {self.operator} {_plain(self.right)})"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a formula."""

    part: Formula

    def __str__(self) -> str:
        return f"not {self.part}"


@dataclass(frozen=True, slots=True)
class Logic:
    """Two formulas made one, of the same moment."""

    operator: Literal["and", "or", "implies"]
    left: Formula
    right: Formula

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


@dataclass(frozen=True, slots=True)
class Temporal:
    """A formula at all moments, or at some moment, of a window of time: `always` and `eventually` look forwards."""

    operator: Literal["always", "eventually", "historically", "once"]
    window: Window
    part: Formula

    def __str__(self) -> str:
        return f"{self.operator}{self.window} {self.part}"


@dataclass(frozen=True, slots=True)
class Binding:
    """The right formula at some moment of a window, and the left one from here to there: `until` looks forwards."""

    operator: Literal["until", "since"]
    window: Window
    left: Formula
    right: Formula

    def __str__(self) -> str:
        return f"({self.left} {self.operator}{self.window} {self.right})"


Formula: TypeAlias = Comparison | Not | Logic | Temporal | Binding
"""A statement that holds at a moment, or does not."""

Part: TypeAlias = Term | Formula


def parts(whole: Part) -> Iterator[Part]:
    """Yield a part and all below it."""
    yield whole
    if isinstance(whole, Negative | Absolute | Not | Temporal):
        yield from parts(whole.part)
    elif isinstance(whole, Arithmetic | Comparison | Logic | Binding):
        yield from parts(whole.left)
        yield from parts(whole.right)


def signals_of(whole: Part) -> tuple[str, ...]:
    """Return the names of the signals in it, each once, in the order in which they come."""
    return tuple(dict.fromkeys(part.name for part in parts(whole) if isinstance(part, SignalName)))


def _plain(term: Term) -> str:
    text = str(term)
    return text[1:-1] if isinstance(term, Arithmetic) else text
