"""Reads the text of a formula.

From loose to tight: `implies` (to the right), `or`, `and`, `until` and `since`, then `not`, `always`, `eventually`,
`once` and `historically`, comparisons, `+ -`, `* /`, the sign. So `always force < 40 and x > 1` says that the force
always stays below 40, and that x is above 1 at the first moment.
"""

from __future__ import annotations

import math
import re
from typing import Literal, NoReturn, cast

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.formula_syntax import (
    Absolute,
    Arithmetic,
    Binding,
    Comparison,
    Formula,
    Logic,
    Negative,
    Not,
    Number,
    Part,
    SignalName,
    Temporal,
    Term,
    Window,
    signals_of,
)

LONGEST_TEXT = 1000
DEEPEST = 40
LONGEST_S = 86_400.0

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(<=|>=|==|!=|\S))", re.ASCII
)
_TEMPORAL = ("always", "eventually", "historically", "once")
_WORDS = frozenset((*_TEMPORAL, "not", "and", "or", "implies", "until", "since", "abs", "inf"))


def parse(text: str) -> Formula:
    """Read a formula.

    Raises:
        JudgeError: it is too long, too deeply nested or not a formula; the sentence gives the position and what was
            expected there.
    """
    if len(text) > LONGEST_TEXT:
        raise JudgeError(f"The formula has {len(text)} characters; at most {LONGEST_TEXT} are read, so split it.")
    return _Parser(text).formula()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, int]] = []
        position = 0
        while match := _TOKEN.match(text, position):
            self._tokens.append((match[0].strip(), match.end() - len(match[0].strip())))
            position = match.end()
        self._next = 0
        self._depth = 0

    def formula(self) -> Formula:
        read = self._formula(self._implication())
        if self._next < len(self._tokens):
            self._fail("the end, or one of and, or, implies, until, since")
        return read

    @property
    def _token(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _take(self, *tokens: str) -> str:
        """Take the next token where it is one of these; else nothing is taken, and the answer is empty."""
        token = self._token
        if token and token in tokens:
            self._next += 1
            return token
        return ""

    def _need(self, token: str, meaning: str) -> None:
        if not self._take(token):
            self._fail(meaning)

    def _fail(self, expected: str, at: int | None = None) -> NoReturn:
        index = self._next if at is None else at
        if index < len(self._tokens):
            token, position = self._tokens[index]
            where = f"at character {position + 1}, {token!r}"
        else:
            where = "at its end"
        raise JudgeError(f"The formula cannot be read {where}: expected {expected}.")

    def _formula(self, part: Part, at: int = 0) -> Formula:
        if isinstance(part, Comparison | Not | Logic | Temporal | Binding):
            return part
        self._fail("a comparison such as force < 40, not a number alone", at)

    def _term(self, part: Part, at: int) -> Term:
        if isinstance(part, Number | SignalName | Negative | Absolute | Arithmetic):
            return part
        self._fail("a number or a signal, not something that holds or does not", at)

    def _implication(self) -> Part:
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"at most {DEEPEST} levels of nesting; make it simpler, or split it")
        at = self._next
        left = self._alternatives()
        if self._take("implies"):
            after = self._next
            right = self._formula(self._implication(), after)
            left = Logic("implies", self._formula(left, at), right)
        self._depth -= 1
        return left

    def _alternatives(self) -> Part:
        at = self._next
        left = self._conjunction()
        while self._take("or"):
            after = self._next
            left = Logic("or", self._formula(left, at), self._formula(self._conjunction(), after))
        return left

    def _conjunction(self) -> Part:
        at = self._next
        left = self._binding()
        while self._take("and"):
            after = self._next
            left = Logic("and", self._formula(left, at), self._formula(self._binding(), after))
        return left

    def _binding(self) -> Part:
        at = self._next
        left = self._unary()
        operator = self._take("until", "since")
        if not operator:
            return left
        window = self._window()
        after = self._next
        right = self._formula(self._unary(), after)
        if self._token in ("until", "since"):
            self._fail("parentheses around one of two that follow each other")
        return Binding(cast(Literal["until", "since"], operator), window, self._formula(left, at), right)

    def _unary(self) -> Part:
        operator = self._take("not", *_TEMPORAL)
        if not operator:
            return self._comparison()
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"at most {DEEPEST} levels of nesting; make it simpler, or split it")
        window = self._window() if operator != "not" else Window()
        at = self._next
        part = self._formula(self._unary(), at)
        self._depth -= 1
        if operator == "not":
            return Not(part)
        return Temporal(cast(Literal["always", "eventually", "historically", "once"], operator), window, part)

    def _window(self) -> Window:
        if not self._take("["):
            return Window()
        begin_s = self._seconds()
        self._need(",", "a comma between the two times of the window")
        at = self._next
        end_s = math.inf if self._take("inf") else self._seconds()
        self._need("]", "] after the two times of the window")
        if end_s < begin_s:
            self._fail(f"a time that is not before {Number(begin_s)} s", at)
        return Window(begin_s, end_s)

    def _seconds(self) -> float:
        at = self._next
        number = self._number()
        if number is None:
            self._fail("a time in seconds, 0 or more")
        if number.value > LONGEST_S:
            self._fail(f"a time of at most {LONGEST_S:g} s", at)
        return number.value

    def _comparison(self) -> Part:
        at = self._next
        left = self._sum()
        operator = self._take("<", "<=", ">", ">=")
        if not operator:
            if self._token in ("=", "==", "!="):
                self._fail("<, <=, > or >=; write abs(a - b) < tolerance where two numbers have to be equal")
            return left
        after = self._next
        right = self._term(self._sum(), after)
        if self._token in ("<", "<=", ">", ">="):
            self._fail("and between two comparisons")
        comparison = Comparison(cast(Literal["<", "<=", ">", ">="], operator), self._term(left, at), right)
        if not signals_of(comparison):
            self._fail("a signal on one side of the comparison", at)
        return comparison

    def _sum(self) -> Part:
        at = self._next
        left = self._product()
        while operator := self._take("+", "-"):
            after = self._next
            right = self._term(self._product(), after)
            left = Arithmetic(cast(Literal["+", "-"], operator), self._term(left, at), right)
        return left

    def _product(self) -> Part:
        at = self._next
        left = self._signed()
        while operator := self._take("*", "/"):
            after = self._next
            right = self._term(self._signed(), after)
            left = Arithmetic(cast(Literal["*", "/"], operator), self._term(left, at), right)
        return left

    def _signed(self) -> Part:
        signs = 0
        while self._take("-"):
            signs += 1
        at = self._next
        part = self._primary()
        if signs > DEEPEST:
            self._fail(f"at most {DEEPEST} signs", at)
        for _ in range(signs):
            part = Negative(self._term(part, at))
        return part

    def _primary(self) -> Part:
        if number := self._number():
            return number
        if self._take("abs"):
            self._need("(", "( after abs")
            at = self._next
            part: Part = Absolute(self._term(self._implication(), at))
            self._need(")", ")")
            return part
        if self._take("("):
            part = self._implication()
            self._need(")", "), or an operator")
            return part
        token = self._token
        if token.isascii() and (token[:1].isalpha() or token[:1] == "_") and token not in _WORDS:
            self._next += 1
            return SignalName(token)
        self._fail("a signal, a number, (, abs( or an operator such as always, eventually, not")

    def _number(self) -> Number | None:
        token = self._token
        if not token.isascii() or not (token[:1].isdigit() or (token[:1] == "." and len(token) > 1)):
            return None
        if not math.isfinite(value := float(token)):
            self._fail("a number that is finite")
        self._next += 1
        return Number(value)
