"""What an answer says it has cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlm_judge_ros.models.cost import Cost
from vlm_judge_ros.models.remote.settings import Budget

_MOST_TOKENS = 1_000_000_000

# The protocol's own names first, then those of the native ways of llama.cpp, Ollama and SGLang.
_PLACES = (
    ("usage", "prompt_tokens", "completion_tokens"),
    ("usage", "input_tokens", "output_tokens"),
    ("", "tokens_evaluated", "tokens_predicted"),
    ("", "prompt_eval_count", "eval_count"),
    ("meta_info", "prompt_tokens", "completion_tokens"),
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens read and written for one answer."""

    read: int
    written: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What has been asked of a server since the start.

    Attributes:
        calls: questions, however often each was tried.
        attempts: requests that were sent.
        failed: calls without an answer.
        tokens_read: input tokens, as far as the server told.
        tokens_written: output tokens, as far as the server told.
        money: by the prices of the settings.
    """

    calls: int = 0
    attempts: int = 0
    failed: int = 0
    tokens_read: int = 0
    tokens_written: int = 0
    money: float = 0.0


def tokens_of(answer: Mapping[str, Any]) -> Tokens | None:
    """The tokens that a server counted for an answer; None where it does not tell."""
    for place, read, written in _PLACES:
        told = answer.get(place) if place else answer
        if isinstance(told, Mapping) and _is_count(told.get(read)):
            # An answer that stops before its first token may leave these out.
            return Tokens(told[read], told[written] if _is_count(told.get(written)) else 0)
    return None


def cost_of(answer: Mapping[str, Any], prices: Budget) -> Cost | None:
    """What an answer has cost; None where no model worked for it."""
    tokens = tokens_of(answer)
    if tokens is None:
        return Cost() if is_generated(answer) else None
    money = prices.money_for(tokens.read, tokens.written) if prices.has_prices else math.nan
    return Cost(float(tokens.read), float(tokens.written), money)


def is_generated(answer: Mapping[str, Any]) -> bool:
    """Whether a model worked for the answer, so that it has cost something."""
    return "choices" in answer


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
